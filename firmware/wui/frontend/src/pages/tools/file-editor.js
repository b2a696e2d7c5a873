// One file of the file manager: its text in the editor; what is no text can be downloaded.

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import * as api from "../../api.js";
import { useAction } from "../../data.js";
import { Button } from "../../parts/Button.js";
import { Dialog } from "../../parts/Dialog.js";
import { Editor } from "../../parts/Editor.js";
import { Errors } from "../../parts/Errors.js";
import { Result } from "../../parts/Result.js";
import { bytes } from "../../words.js";

/** `file`: what the API said when it was opened; `digest` is what it must still be when it is written. */
export function FileEditor({ file, path, onClose }) {
  const [text, setText] = useState(file.text);
  const [kept, setKept] = useState({ text: file.text, digest: file.digest });
  const [other, setOther] = useState(null);
  const [leaving, setLeaving] = useState(false);
  const { act, problem, said } = useAction();
  const write = (digest) => act(async () => {
    const done = await api.put("/files", { text, digest }, { path }).catch((error) => conflict(error, path, setOther));
    if (!done) return "";
    setKept({ text, digest: done.digest });
    return `${path} is written.`;
  });
  const overwrite = async () => {
    setOther(null);
    await write(other.digest);
  };
  const take = () => {
    setText(other.text);
    setKept({ text: other.text, digest: other.digest });
    setOther(null);
  };
  if (file.text === null) return html`<${Binary} ...${{ file, path, onClose }} />`;
  return html`
    <${Editor} label=${path} value=${text} onChange=${setText} places=${problem?.places ?? []} />
    <div class="toolbar">
      <${Button} primary onClick=${() => write(kept.digest)}>OK<//>
      <${Button} onClick=${() => (text === kept.text ? onClose() : setLeaving(true))}>Close<//>
      <span class="quiet">${file.mode} ${file.owner}${text === kept.text ? "" : " · changed, not written yet"}</span>
    </div>
    ${problem?.places?.length > 0 && html`<${Errors} places=${problem.places} />`}
    <${Result} problem=${problem} said=${said} />
    ${leaving && html`<${Dialog} title="Discard changes" onClose=${() => setLeaving(false)}
        actions=${html`<${Button} danger onClick=${onClose}>Discard<//><${Button} onClick=${() => setLeaving(false)}>Cancel<//>`}>
      <p>What was typed into ${path} has not been written.</p><//>`}
    ${other && html`<${Dialog} title="${path} has changed" onClose=${() => setOther(null)}
        actions=${html`<${Button} danger onClick=${overwrite}>Overwrite<//><${Button} onClick=${take}>Take what is there<//><${Button} onClick=${() => setOther(null)}>Cancel<//>`}>
      <p>Somebody has written it since it was opened here. This is there now:</p>
      <pre class="log" tabindex="0" aria-label="What is there now">${other.text}</pre><//>`}
  `;
}

/** A refusal because the file has changed is shown side by side; whatever else went wrong goes on. */
async function conflict(error, path, setOther) {
  if (error.status !== 409) throw error;
  setOther(await api.get("/files", { path }));
  return null;
}

function Binary({ file, path, onClose }) {
  return html`<section class="card"><h2>${path}</h2>
    <p>${bytes(file.size)}: ${file.reason || "it is no text"}. It is left as it is.</p>
    <div class="toolbar"><a class="button" href=${api.url("/files/content", { path })} download=${path.split("/").at(-1)}>Download</a><${Button} onClick=${onClose}>Close<//></div></section>`;
}
