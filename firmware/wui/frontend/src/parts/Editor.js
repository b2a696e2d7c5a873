// An editor for one file: a textbox that is named after it. CodeMirror is loaded when the first one is shown.

import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";

/** CodeMirror; whoever is going to show an editor asks for it early. */
export const loaded = () => import("./code-mirror.js");

/**
 * `value`: the text when it opens, and whenever `revision` is another one; in between the editor knows better, and tells it by
 * `onChange(text)` after each change.
 * `places`: errors [{file, line, text, severity?}] that are shown at their lines, which are counted from `first` on; when `picked`
 * becomes another one of them, its line is shown. `language`: see `code-mirror.js`.
 */
export function Editor({ label, value, revision, onChange, places = [], picked = null, first = 1, language, readOnly = false }) {
  const place = useRef(null);
  const editor = useRef(null);
  const latest = useRef({});
  latest.current = { value, places, onChange };
  useEffect(() => {
    let gone = false;
    loaded().then(({ opened }) => {
      if (gone) return;
      editor.current = opened(place.current, { label, language, first, readOnly, text: latest.current.value, onChange: (text) => latest.current.onChange?.(text) });
      editor.current.mark(latest.current.places);
    });
    return () => {
      gone = true;
      editor.current?.close();
    };
  }, []);
  useEffect(() => editor.current?.replace(latest.current.value), [revision]);
  useEffect(() => editor.current?.mark(places), [places]);
  useEffect(() => void (picked && editor.current?.show(picked.line)), [picked]);
  return html`<div class="editor" ref=${place}></div>`;
}
