// Setup > History: the generations, the difference between any two, and the way back.

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import * as api from "../../api.js";
import { useAction, useData } from "../../data.js";
import { Button } from "../../parts/Button.js";
import { Dialog } from "../../parts/Dialog.js";
import { Result } from "../../parts/Result.js";
import { moment } from "../../words.js";
import { Difference } from "./difference.js";

export function History({ session }) {
  const history = useData("/config/history");
  const [from, setFrom] = useState(null);
  const [to, setTo] = useState("now");
  const [asks, setAsks] = useState(null);
  const { act, ...result } = useAction();
  const entries = history.data ?? [];
  const base = from ?? String(entries[0]?.generation ?? "factory");
  const choices = [...entries.map((one) => [String(one.generation), `generation ${one.generation}`]), ["factory", "the factory"]];
  return html`<section class="card" aria-labelledby="history">
    <h2 id="history">History</h2>
    ${history.data && !entries.length && html`<p>Nothing has been saved yet.</p>`}
    <div class="wide"><table class="stack" aria-label="History">
      <thead><tr><th>Generation</th><th>Time</th><th>Message</th><th>Who</th><th>Version</th><th>Verified</th>${session.role === "admin" && html`<th>Actions</th>`}</tr></thead>
      <tbody>${entries.map((one) => html`<tr key=${one.generation}>
        <td class="name">${one.generation}${one.current && html` <span class="state green">current</span>`}${one.running && html` <span class="state">below /etc now</span>`}</td>
        <td>${moment(one.time)}</td><td>${one.message}</td><td data-label="Who">${one.who}</td><td data-label="Version">${one.version}</td>
        <td data-label="Verified">${one.verified ? "yes" : html`<span class="state red">no</span>`}</td>
        ${session.role === "admin" && html`<td class="actions"><${Button} onClick=${() => setAsks(one)}>Roll back<//></td>`}
      </tr>`)}</tbody>
    </table></div>
    <div class="toolbar">
      <label>Difference from <${Choice} value=${base} choices=${choices} onChange=${setFrom} /></label>
      <label>to <${Choice} value=${to} choices=${[["now", "what is there now"], ...choices]} onChange=${setTo} /></label>
    </div>
    ${history.data && html`<${Difference} key="${base} ${to}" from=${base} to=${to} />`}
    ${asks && html`<${RollBack} one=${asks} act=${act} close=${() => setAsks(null)} />`}
    <${Result} problem=${result.problem ?? history.problem} said=${result.said} />
  </section>`;
}

function Choice({ value, choices, onChange }) {
  return html`<select value=${value} onChange=${(event) => onChange(event.target.value)}>${choices.map(([key, word]) => html`<option key=${key} value=${key}>${word}</option>`)}</select>`;
}

function RollBack({ one, act, close }) {
  const go = async () => {
    await act(() => api.post("/config/rollback", { generation: one.generation }).then(rolledBackWords));
    close();
  };
  return html`<${Dialog} title="Roll back to generation ${one.generation}" onClose=${close}
      actions=${html`<${Button} danger onClick=${go}>Roll back<//><${Button} onClick=${close}>Cancel<//>`}>
    <p>What lies below /etc becomes as generation ${one.generation} had it${one.message && ` (“${one.message}”)`}. What no generation has is kept below /run/firmware/edited until the next reboot. It is in effect once the services are applied, and lasts once it is saved.</p>
  <//>`;
}

function rolledBackWords(done) {
  return [`Generation ${done.generation} is back.`, ...(done.notes ?? [])].join(" ");
}
