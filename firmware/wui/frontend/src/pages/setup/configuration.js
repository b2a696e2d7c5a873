// Setup > Configuration: what is not saved, and what can be done with all of the configuration.

import { html } from "htm/preact";
import { useRef, useState } from "preact/hooks";
import * as api from "../../api.js";
import { useAction, useLive } from "../../data.js";
import { Button } from "../../parts/Button.js";
import { Dialog } from "../../parts/Dialog.js";
import { Result } from "../../parts/Result.js";
import { counted } from "../../words.js";
import { Difference } from "./difference.js";

export function Configuration({ session }) {
  const changes = useLive("/config/changes", "unsaved");
  const [shows, setShows] = useState(false);
  const [message, setMessage] = useState("");
  const { act, ...result } = useAction();
  const may = session.role === "admin";
  const doAndLook = (work) => act(async () => {
    const said = await work();
    await changes.reload();
    return said;
  });
  const saveAll = () => doAndLook(async () => {
    const said = await save(message);
    setMessage("");
    setShows(false);
    return said;
  });
  return html`<section class="card" aria-labelledby="configuration">
    <h2 id="configuration">Configuration</h2>
    <${Unsaved} changes=${changes.data} />
    <div class="toolbar">
      ${may && html`<label>Message <input maxlength="500" placeholder="what was changed, and why" value=${message} onInput=${(event) => setMessage(event.target.value)} /></label>
        <${Button} primary onClick=${saveAll}>Save<//>`}
      <${Button} onClick=${() => setShows(!shows)}>${shows ? "Hide difference" : "Show difference"}<//>
    </div>
    ${shows && html`<${Difference} from="saved" />`}
    ${may && html`<${Rare} act=${doAndLook} />`}
    <${Result} problem=${result.problem ?? changes.problem} said=${result.said} label="Configuration: result" />
  </section>`;
}

async function save(message) {
  const done = await api.post("/config/save", { message });
  return done.generation ? `Saved as generation ${done.generation}.` : "There was nothing to save.";
}

function Unsaved({ changes }) {
  if (!changes) return html`<p class="quiet">Loading …</p>`;
  const lines = ["added", "changed", "removed"].flatMap((kind) => changes[kind].map((path) => ({ kind, path })));
  if (!lines.length) return html`<p><span class="state green">saved</span> A reboot brings back what is there now.</p>`;
  return html`<p><span class="state orange">${counted(lines.length, "path")} not saved</span> A reboot would take this away:</p>
    <ul class="paths" aria-label="Unsaved">${lines.map(({ kind, path }) => html`<li key=${path}><span class="change ${kind}">${kind}</span> <code>${path}</code></li>`)}</ul>`;
}

/** What is done once in a while. */
function Rare({ act }) {
  const [dialog, setDialog] = useState(null);
  const close = () => setDialog(null);
  const View = dialog && { import: Import, reset: Reset, reboot: Reboot }[dialog];
  return html`<div class="toolbar rare">
      <a class="button" href=${api.url("/config/export")} download title="what is saved, without private keys">Export</a>
      <${Button} onClick=${() => setDialog("import")}>Import<//>
      <${Button} danger onClick=${() => setDialog("reset")}>Factory reset<//>
      <${Button} danger onClick=${() => setDialog("reboot")}>Reboot<//>
    </div>
    <p class="quiet">An export is without the files that hold private keys or password hashes. In a terminal, config export FILE --secrets writes all, encrypted.</p>
    ${View && html`<${View} act=${act} close=${close} />`}`;
}

function Import({ act, close }) {
  const field = useRef(null);
  const [force, setForce] = useState(false);
  const take = async () => {
    const file = field.current.files[0];
    if (!file) return field.current.focus();
    await act(() => api.upload("POST", "/config/import", file, { query: force ? { force: true } : {} }).then(importedWords));
    return close();
  };
  return html`<${Dialog} title="Import a configuration" onClose=${close} actions=${html`<${Button} primary onClick=${take}>Import<//><${Button} onClick=${close}>Cancel<//>`}>
    <p>An exported archive becomes a new generation. What runs now is left alone until History rolls back to it, or a reboot.</p>
    <label>Archive <input type="file" ref=${field} /></label>
    <label class="line"><input type="checkbox" checked=${force} onChange=${(event) => setForce(event.target.checked)} /> also if it is another node’s</label>
  <//>`;
}

function importedWords(done) {
  return [`Imported as generation ${done.generation}.`, ...(done.notes ?? [])].join(" ");
}

function Reset({ act, close }) {
  const [word, setWord] = useState("");
  const reset = async () => {
    await act(() => api.post("/config/reset", { word }).then((done) => `The factory’s configuration is back as generation ${done.generation}; it is in effect after a reboot. Earlier generations are kept.`));
    close();
  };
  return html`<${Dialog} title="Factory reset" onClose=${close}
      actions=${html`<${Button} danger disabled=${word !== "reset"} onClick=${reset}>Reset<//><${Button} onClick=${close}>Cancel<//>`}>
    <p>Everything below /etc becomes as the factory made it: addresses, accounts, keys. It is in effect after a reboot, but accounts are gone at once: everybody is logged out, and the setup code on the console lets in again.</p>
    <p>Who reached this page by another address does not reach it after the reboot.</p>
    <label>Type reset to go on <input value=${word} autocomplete="off" onInput=${(event) => setWord(event.target.value)} /></label>
  <//>`;
}

function Reboot({ act, close }) {
  const reboot = async () => {
    await act(() => api.post("/system/reboot").then(() => "The node reboots. Log in again in a minute."));
    close();
  };
  return html`<${Dialog} title="Reboot" onClose=${close} actions=${html`<${Button} danger onClick=${reboot}>Reboot<//><${Button} onClick=${close}>Cancel<//>`}>
    <p>The node stops serving for as long as it takes. What is not saved is gone then.</p>
  <//>`;
}
