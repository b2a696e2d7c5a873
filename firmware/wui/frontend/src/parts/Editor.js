// An editor for one file: a textbox that is named after it. CodeMirror is loaded when the first one is shown.

import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";

/**
 * `value`: the text when it opens, and whenever it is replaced from outside; `onChange(text)` after each change.
 * `places`: errors [{file, line, text, severity?}] that are shown at their lines, which are counted from `first` on; when `picked`
 * becomes another one of them, its line is shown. `language`: see `code-mirror.js`.
 */
export function Editor({ label, value, onChange, places = [], picked = null, first = 1, language, readOnly = false }) {
  const place = useRef(null);
  const editor = useRef(null);
  const latest = useRef({});
  latest.current = { value, places, onChange };
  useEffect(() => {
    let gone = false;
    import("./code-mirror.js").then(({ opened }) => {
      if (gone) return;
      editor.current = opened(place.current, { label, language, first, readOnly, text: latest.current.value, onChange: (text) => latest.current.onChange?.(text) });
      editor.current.mark(latest.current.places);
    });
    return () => {
      gone = true;
      editor.current?.close();
    };
  }, []);
  useEffect(() => editor.current?.replace(value), [value]);
  useEffect(() => editor.current?.mark(places), [places]);
  useEffect(() => void (picked && editor.current?.show(picked.line)), [picked]);
  return html`<div class="editor" ref=${place}></div>`;
}
