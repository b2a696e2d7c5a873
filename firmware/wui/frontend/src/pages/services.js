// Services: every service with what can be done with it; a page for each, with its files and its block in config.rc.

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import * as api from "../api.js";
import { useAction, useServices } from "../data.js";
import { Button } from "../parts/Button.js";
import { Push } from "../parts/Push.js";
import { Result } from "../parts/Result.js";
import { moment } from "../words.js";
import { Keys } from "./services/keys.js";
import { ServicePage } from "./services/service-page.js";

/** Whether the advanced buttons are shown: it stays so while the page is open. */
let wasAdvanced = false;

export function Page({ session, path }) {
  const { rows, problem, reload } = useServices();
  if (!rows) return html`<h1>Services</h1>${problem ? html`<${Result} problem=${problem} />` : html`<p class="quiet">Loading …</p>`}`;
  if (path[0]) return html`<${ServicePage} key=${path.join("/")} session=${session} rows=${rows} title=${path[0]} part=${path[1] ?? ""} reload=${reload} />`;
  return html`<${Table} session=${session} rows=${rows} reload=${reload} />`;
}

function Table({ session, rows, reload }) {
  const [advanced, setAdvanced] = useState(wasAdvanced);
  const { act: attempt, problem, said } = useAction();
  const may = session.role === "admin";
  const toggle = () => setAdvanced((wasAdvanced = !advanced));
  const run = (work) => attempt(async () => {
    const told = await work();
    await reload();
    return told;
  });
  return html`
    <h1>Services</h1>
    <div class="toolbar"><${Button} pressed=${advanced} onClick=${toggle}>advanced mode<//></div>
    <${Result} problem=${problem} said=${said} />
    <div class="wide"><table class="stack" aria-label="Services">
      <thead><tr><th>Service</th><th>State</th><th>In effect</th><th>Autostart</th><th>Process</th><th>Since</th><th>Actions</th></tr></thead>
      <tbody>${rows.map((row) => html`<tr key=${row.title}>
        <td title=${row.summary}><a href="#/services/${encodeURIComponent(row.title)}">${row.title}</a></td>
        <td><${State} row=${row} /></td>
        <td data-label="In effect"><${Effect} row=${row} /></td>
        <td data-label="Autostart">${row.autostart ? "yes" : "no"}</td>
        <td data-label="Process">${row.pid ?? ""}</td>
        <td data-label="Since" class="nowrap">${row.since ? moment(row.since) : ""}</td>
        <td class="actions">${may && html`<${Actions} row=${row} run=${run} advanced=${advanced} />`}</td>
      </tr>`)}</tbody>
    </table></div>`;
}

/** Does it run with something else than what lies on the disk? What does not run takes that with its next start. */
export const isOutdated = (row) => row.needs_apply && ["running", "failed"].includes(row.state);
/** Is there something to apply? Also where it does not run, for it is pushed as it was applied. */
export const isToApply = (row) => row.needs_apply && (isOutdated(row) || !row.node_specific);

/** Whether what lies on the disk is in effect. */
function Effect({ row }) {
  if (isOutdated(row)) return html`<span class="state orange">needs apply</span>`;
  return row.state === "running" ? "yes" : row.needs_apply ? html`<span class="quiet">with the next start</span>` : "";
}

/** running, stopped, failed or disabled. */
export function State({ row }) {
  const colour = { running: "green", stopped: "grey", failed: "red", disabled: "grey" }[row.state];
  return html`<span class="state ${colour}">${row.state}</span>`;
}

/** What can be done with a service from its row. */
function Actions({ row, run, advanced }) {
  const doing = (verb) => run(() => act(row.title, verb));
  return html`
    <${Button} onClick=${() => doing("start")}>Start<//>
    <${Button} onClick=${() => doing("stop")}>Stop<//>
    <${Button} onClick=${() => doing("restart")}>Restart<//>
    ${isToApply(row) && html`<${Button} primary=${isOutdated(row)} onClick=${() => doing("apply")}>Apply<//>`}
    <${Push} title=${row.title} offered=${!row.needs_apply && row.may_push} run=${run} />
    ${advanced && html`
      ${row.files.length > 0 && html`<${Button} onClick=${() => go(row.title, "edit")}>Edit Configuration<//>`}
      <${Button} onClick=${() => go(row.title, "setup")}>${row.title} setup<//>
      ${row.name === "csyncd" && html`<${Keys} running=${row.state === "running"} run=${run} />`}`}
  `;
}

/** Show a part of a service's page: "edit", "setup", or "" for what is known of it. */
export function go(title, part) {
  location.hash = `#/services/${encodeURIComponent(title)}/${part}`;
}

/** Do it, and return what the node said of it. */
export async function act(title, verb, body = {}) {
  const done = await api.post(`/services/${encodeURIComponent(title)}/${verb}`, body);
  return [...(done?.words ?? []), ...(done?.warnings ?? [])].join("\n");
}
