// The block of a service in config.rc, as text.

import { html } from "htm/preact";
import { useEffect, useState } from "preact/hooks";
import * as api from "../../api.js";
import { useAction, useData } from "../../data.js";
import { Button } from "../../parts/Button.js";
import { Conflict } from "../../parts/Conflict.js";
import { Editor } from "../../parts/Editor.js";
import { Errors } from "../../parts/Errors.js";
import { Result } from "../../parts/Result.js";

export function BlockEditor({ title, may, onClose, reload }) {
  const path = `/services/${encodeURIComponent(title)}/setup`;
  const { data, problem: unread } = useData(path);
  const [kept, setKept] = useState(null);
  const [text, setText] = useState("");
  const [other, setOther] = useState(null);
  const { act, problem, said } = useAction();
  useEffect(() => {
    if (!data || kept) return;
    setKept(data);
    setText(data.text);
  }, [data]);
  if (!kept) return html`<${Result} problem=${unread} />`;
  const write = (digest, written = text) => act(async () => {
    const done = await api.put(path, { text: written, digest }).catch(async (error) => {
      if (error.status !== 409) throw error;
      setOther(await api.get(path));
      return null;
    });
    if (!done) return "";
    setKept({ ...kept, ...done, text: written });
    setText(written);
    await reload();
    return "";
  });
  const places = (problem?.places ?? []).map((place) => ({ ...place, line: place.line - (kept.line ?? 1) + 1 }));
  return html`
    <${Editor} label="/etc/config.rc" value=${text} onChange=${setText} places=${places} readOnly=${!may} language="rc" />
    <div class="toolbar">
      ${may && html`<${Button} primary onClick=${() => write(kept.digest)}>OK<//>`}
      <${Button} onClick=${onClose}>Close<//>
      <span class="quiet">${text === kept.text ? "" : "changed, not written yet"}</span>
    </div>
    <${Errors} places=${problem?.places ?? []} />
    <${Result} problem=${problem} said=${said} />
    ${other && html`<${Conflict} name="service ${title}" mine=${text} theirs=${other.text} onClose=${() => setOther(null)}
      onKeep=${(merged) => { setOther(null); return write(other.digest, merged); }}
      onTake=${() => { setKept(other); setText(other.text); setOther(null); }} />`}
  `;
}
