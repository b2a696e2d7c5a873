// Setup > Upgrade: what is in both slots; a bundle from a file or an address, what it is, and its installation; keep it or go back.

import { html } from "htm/preact";
import { useRef, useState } from "preact/hooks";
import * as api from "../../api.js";
import { useAction, useData } from "../../data.js";
import { Button } from "../../parts/Button.js";
import { Result } from "../../parts/Result.js";

const FLAGS = [
  { key: "downgrade", word: "Even if it is not newer" },
  { key: "other_model", word: "Even if it is for another model" },
  { key: "other_protocols", word: "Even if it could not talk to the peer" },
];

export function Upgrade({ session }) {
  const status = useData("/upgrade");
  const waiting = useData("/upgrade/bundle");
  const { act, ...result } = useAction();
  const doThen = (work) => act(async () => {
    try {
      return await work();
    } finally {
      await Promise.all([status.reload(), waiting.reload()]);
    }
  });
  const bundle = waiting.data?.bundle;
  const none = status.problem?.status === 404;
  return html`<section class="card" aria-labelledby="upgrade">
    <h2 id="upgrade">Upgrade</h2>
    ${none && html`<p>Version ${session.version} runs; ${status.problem.detail}.</p>`}
    ${status.data && html`<${Slots} status=${status.data} />`}
    ${session.role === "admin" && !none && html`
      ${bundle ? html`<${Waiting} bundle=${bundle} address=${waiting.data.address} doThen=${doThen} />` : html`<${Bring} status=${status.data} doThen=${doThen} />`}
      <div class="toolbar">${isTold(status.data) && html`<${Button} onClick=${() => doThen(() => api.post("/upgrade/confirm").then(confirmedWords))}>Acknowledge<//>`}
        <${Button} onClick=${() => doThen(() => api.post("/upgrade/confirm").then(confirmedWords))}>Keep this version<//>
        <${Button} danger onClick=${() => doThen(() => api.post("/upgrade/rollback").then(() => "The node starts again with the other version."))}>Go back to the other version<//>
        <${Button} danger onClick=${() => doThen(() => api.post("/system/reboot").then(() => "The node starts again."))}>Reboot<//></div>`}
    <${Result} problem=${result.problem ?? (none ? null : status.problem)} said=${result.said} />
  </section>`;
}

/** Is everybody told something of the slots: that an upgrade was given up, or that one could not be started? */
function isTold(status) {
  return (status?.attention.length ?? 0) > 0;
}

function confirmedWords(done) {
  const passed = done.passed_over && `Slot ${done.passed_over} could not be started: it comes after slot ${done.slot} from now on.`;
  return [`Version ${done.version} ${done.is_new ? "is kept" : "had proved itself already"}.`, passed,
    ...done.acknowledged.map((line) => `Not said any more: ${line}.`)].filter(Boolean).join(" ");
}

function Slots({ status }) {
  const { last } = status;
  return html`
    <table><thead><tr><th>Slot</th><th>Version</th><th>State</th><th></th></tr></thead><tbody>${status.slots.map((slot) => html`
      <tr key=${slot.slot}><td>${slot.slot}</td><td>${slot.version ?? "cannot be read"}</td><td>${slot.state}</td>
        <td>${[slot.booted && "runs", slot.next && !slot.booted && "starts next"].filter(Boolean).join(", ")}</td></tr>`)}</tbody></table>
    ${status.waiting.length > 0 && html`<p>It is on trial, and waits for: ${status.waiting.join("; ")}</p>`}
    ${last && html`<p>The last upgrade: ${last.version}, slot ${last.slot}: ${last.result}${last.reasons?.length ? `: ${last.reasons.join("; ")}` : ""}</p>`}
    ${isTold(status) && html`<p>Everybody is told: ${status.attention.join("; ")}</p>`}
    ${status.problem && html`<p>${status.problem}</p>`}`;
}

/** What is too large is refused before it is sent: a connection that breaks off in the middle says nothing. */
function requireRoom({ size }, { largest, room }) {
  if (size > largest) {
    throw new api.Problem({ detail: `It has ${size} bytes: more than any bundle for this unit, ${largest}.` });
  }
  if (size > room) {
    throw new api.Problem({ detail: `It has ${size} bytes, and ${room} bytes of memory are free for it.`,
      hint: "give an address: from a web server that sends parts it comes without taking memory" });
  }
}

/** From a file of the browser's machine, or by the node itself from an address. */
function Bring({ status, doThen }) {
  const [part, setPart] = useState(null);
  const [url, setUrl] = useState("");
  const field = useRef(null);
  const upload = async (file) => {
    requireRoom(file, status ?? {});
    await api.upload("PUT", "/upgrade/bundle", file, { onProgress: setPart });
  };
  const send = () => field.current.files[0] && doThen(() => upload(field.current.files[0])).finally(() => setPart(null));
  const [comes, setComes] = useState(false);
  const fetchIt = () => {
    setComes(true);
    return doThen(() => api.post("/upgrade/fetch", { url }).then(() => "")).finally(() => setComes(false));
  };
  const callOff = () => doThen(() => api.del("/upgrade/bundle").then(() => ""));
  return html`
    <div class="toolbar"><label>Bundle <input type="file" ref=${field} /></label><${Button} onClick=${send}>Upload<//></div>
    <div class="toolbar"><label>Address <input type="url" placeholder="https://" value=${url} onInput=${(event) => setUrl(event.target.value)} /></label><${Button} disabled=${!url} onClick=${fetchIt}>Fetch<//>${comes && html`<${Button} onClick=${callOff}>Call off<//>`}</div>
    ${part !== null && html`<p><label>${part < 1 ? "Upload" : "Verifying"} <progress max="1" value=${part}></progress></label></p>`}`;
}

function Waiting({ bundle, address, doThen }) {
  const [flags, setFlags] = useState({});
  const install = () => doThen(() => api.post("/upgrade/install", { ...flags, sha256: bundle.sha256 }).then(installedWords));
  const discard = () => doThen(() => api.del("/upgrade/bundle").then(() => ""));
  return html`
    <dl><dt>Bundle</dt><dd>version ${bundle.version}, for ${bundle.model}, ${Math.round(bundle.size / 1e6)} MB; its signature is good${address && `; memory has no room for it, so it comes from ${address} while it is installed`}</dd></dl>
    ${FLAGS.map(({ key, word }) => html`<p key=${key}><label><input type="checkbox" checked=${!!flags[key]} onChange=${(event) => setFlags({ ...flags, [key]: event.target.checked })} /> ${word}</label></p>`)}
    <div class="toolbar"><${Button} onClick=${install}>Install<//><${Button} onClick=${discard}>Discard<//></div>`;
}

function installedWords(done) {
  const what = done.result === "same" ? `${done.version} runs already: nothing was installed.` : `${done.version} is in slot ${done.slot}, and starts at the next reboot.`;
  return [what, ...done.notes].join(" ");
}
