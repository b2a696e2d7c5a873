// The block of a service in config.rc, as text. Its lines have the numbers that they have there.

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import * as api from "../../api.js";
import { useAction } from "../../data.js";
import { useEditing, usePlaces } from "../../editing.js";
import { Button } from "../../parts/Button.js";
import { Conflict } from "../../parts/Conflict.js";
import { Editor } from "../../parts/Editor.js";
import { Errors } from "../../parts/Errors.js";
import { Result } from "../../parts/Result.js";

export function BlockEditor({ title, may, onClose, reload }) {
  const base = `/services/${encodeURIComponent(title)}`;
  const { act, problem, said } = useAction();
  const [picked, setPicked] = useState(null);
  const write = async (text, digest) => {
    const done = await api.put(`${base}/setup`, { text, digest });
    await reload();
    return done;
  };
  const editing = useEditing({ name: `service ${title}`, act, read: () => api.get(`${base}/setup`), write });
  const places = usePlaces(editing, problem, (block) => api.post(`${base}/try`, { files: {}, block }));
  const { opened, text, changed } = editing;
  if (!opened) return html`<${Result} problem=${problem} />`;
  return html`
    <${Editor} key=${opened.line} label=${opened.file} value=${text} revision=${editing.revision} first=${opened.line} onChange=${editing.type} places=${places.filter((place) => place.file === opened.file)} picked=${picked} readOnly=${!may} language="rc" />
    <div class="toolbar">
      ${may && html`<${Button} primary onClick=${() => act(async () => void (await editing.write()))}>OK<//>`}
      <${Button} onClick=${onClose}>Close<//>
      ${changed && html`<${Button} onClick=${() => act(editing.discard)}>Discard<//>`}
      <span class="quiet">${changed ? "changed, not written yet" : ""}</span>
    </div>
    <${Errors} places=${places} onPick=${setPicked} />
    <${Result} problem=${problem} said=${said} />
    <${Conflict} name="service ${title}" editing=${editing} write=${(work) => act(async () => void (await work()))} />
  `;
}
