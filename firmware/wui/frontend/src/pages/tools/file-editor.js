// One file of the file manager: its text in the editor; what is no text can be downloaded.

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import * as api from "../../api.js";
import { useAction } from "../../data.js";
import { useEditing } from "../../editing.js";
import { Button } from "../../parts/Button.js";
import { Conflict } from "../../parts/Conflict.js";
import { Dialog } from "../../parts/Dialog.js";
import { Editor } from "../../parts/Editor.js";
import { Errors } from "../../parts/Errors.js";
import { Result } from "../../parts/Result.js";
import { bytes } from "../../words.js";

/** `file`: what the API said when it was opened; its digest is what it must still be when it is written. */
export function FileEditor({ file, path, onClose }) {
  return file.text === null ? html`<${Binary} ...${{ file, path, onClose }} />` : html`<${Text} ...${{ file, path, onClose }} />`;
}

function Text({ file, path, onClose }) {
  const [leaving, setLeaving] = useState(false);
  const [picked, setPicked] = useState(null);
  const { act, problem, said } = useAction();
  const editing = useEditing({ name: path, act, read: () => api.get("/files", { path }), write: (text, digest) => api.put("/files", { text, digest }, { path }) });
  const { opened, text, changed } = editing;
  if (!opened) return html`<${Result} problem=${problem} />`;
  const written = async (work) => ((await work()) ? `${path} is written.` : "");
  const discard = async () => {
    await editing.discard();
    onClose();
  };
  return html`
    <${Editor} label=${path} value=${text} revision=${editing.revision} onChange=${editing.type} places=${problem?.places ?? []} picked=${picked} />
    <div class="toolbar">
      <${Button} primary onClick=${() => act(() => written(editing.write))}>OK<//>
      <${Button} onClick=${() => (changed ? setLeaving(true) : onClose())}>Close<//>
      <span class="quiet">${file.mode} ${file.owner}${changed ? " · changed, not written yet" : ""}</span>
    </div>
    <${Errors} places=${problem?.places} onPick=${setPicked} />
    <${Result} problem=${problem} said=${said} />
    ${leaving && html`<${Dialog} title="Discard changes" onClose=${() => setLeaving(false)}
        actions=${html`<${Button} danger onClick=${() => act(discard)}>Discard<//><${Button} onClick=${() => setLeaving(false)}>Cancel<//>`}>
      <p>What was typed into ${path} has not been written.</p><//>`}
    <${Conflict} name=${path} editing=${editing} write=${(work) => act(() => written(work))} />
  `;
}

function Binary({ file, path, onClose }) {
  return html`<section class="card"><h2>${path}</h2>
    <p>${bytes(file.size)}: ${file.reason || "it is no text"}. It is left as it is.</p>
    <div class="toolbar"><a class="button" href=${api.url("/files/content", { path })} download=${path.split("/").at(-1)}>Download</a><${Button} onClick=${onClose}>Close<//></div></section>`;
}
