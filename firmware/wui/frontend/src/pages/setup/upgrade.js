// Setup > Upgrade: the versions in both slots, a new one from a file or an address, keep it or go back.

import { html } from "htm/preact";
import { useRef, useState } from "preact/hooks";
import * as api from "../../api.js";
import { useAction, useData } from "../../data.js";
import { Button } from "../../parts/Button.js";
import { Result } from "../../parts/Result.js";

export function Upgrade({ session }) {
  const status = useData("/upgrade");
  const [part, setPart] = useState(null);
  const [url, setUrl] = useState("");
  const field = useRef(null);
  const { act, ...result } = useAction();
  const doThen = (work) => act(async () => {
    const done = await work();
    await status.reload();
    return typeof done === "string" ? done : (done?.words ?? []).join(" ");
  }).finally(() => setPart(null));
  if (status.problem?.status === 404) return html`<section class="card" aria-labelledby="upgrade"><h2 id="upgrade">Upgrade</h2><p>Version ${session.version}. This version cannot upgrade itself from here.</p></section>`;
  const send = () => field.current.files[0] && doThen(() => api.upload("POST", "/upgrade/install", field.current.files[0], { onProgress: setPart }));
  const fetchIt = () => doThen(() => api.post("/upgrade/install", { url }));
  return html`<section class="card" aria-labelledby="upgrade">
    <h2 id="upgrade">Upgrade</h2>
    ${status.data && html`<dl>${Object.entries(status.data).map(([key, value]) => html`<dt key="t${key}">${key}</dt><dd key="d${key}">${typeof value === "object" ? html`<code>${JSON.stringify(value)}</code>` : String(value)}</dd>`)}</dl>`}
    ${session.role === "admin" && html`
      <div class="toolbar"><label>Bundle <input type="file" ref=${field} /></label><${Button} onClick=${send}>Install from the file<//></div>
      <div class="toolbar"><label>Address <input type="url" placeholder="https://" value=${url} onInput=${(event) => setUrl(event.target.value)} /></label><${Button} disabled=${!url} onClick=${fetchIt}>Install from the address<//></div>
      ${part !== null && html`<p><label>Upload <progress max="1" value=${part}></progress></label></p>`}
      <div class="toolbar"><${Button} onClick=${() => doThen(() => api.post("/upgrade/confirm"))}>Keep this version<//>
        <${Button} danger onClick=${() => doThen(() => api.post("/upgrade/rollback"))}>Go back to the other version<//></div>`}
    <${Result} problem=${result.problem ?? status.problem} said=${result.said} />
  </section>`;
}
