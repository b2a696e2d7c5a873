// Setup > Remote Configuration: the state of the pair, what runs on the peer and what is saved there, and Save.

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import * as api from "../../api.js";
import { useAction, useData, useLive } from "../../data.js";
import { Button } from "../../parts/Button.js";
import { Remedy } from "../../parts/Remedy.js";
import { Result } from "../../parts/Result.js";
import { moment } from "../../words.js";

export function Remote({ session }) {
  const { data, problem, reload } = useLive("/csync/status", "status");
  const report = problem ? asReport(problem) : data;
  const { act, ...result } = useAction();
  const may = session.role === "admin";
  const doThen = (work) => act(async () => {
    const said = await work();
    await reload();
    return said;
  });
  return html`<section class="card" aria-labelledby="remote">
    <h2 id="remote">Remote Configuration</h2>
    ${report ? html`<${Current} report=${report} />` : html`<p class="quiet">Loading …</p>`}
    ${report && html`<${Unsaved} peer=${report.peer} />`}
    ${may && html`<div class="toolbar">
      <${Button} primary onClick=${() => doThen(save)}>Save<//>
      ${report?.peer?.confirm_pending && html`<${Button} onClick=${() => doThen(() => api.post("/csync/confirm").then(() => "Confirmed."))}>Confirm the push<//>`}
      ${report?.local?.confirm_pending && html`<${Button} danger onClick=${() => doThen(() => api.post("/csync/undo").then(() => "Undone."))}>Undo the peer’s push<//>`}
    </div>`}
    <${Result} problem=${result.problem} said=${result.said} label="Remote Configuration: result" />
    ${report && html`<${Services} report=${report} />`}
    ${report && html`<${Checklist} key=${report.state} red=${report.state === "red"} />`}
  </section>`;
}

/** A node that cannot say how the pair is is red for that reason. */
function asReport({ detail, title, hint }) {
  return { state: "red", reasons: [detail || title], remedy: hint, services: {} };
}

async function save() {
  const done = await api.post("/csync/save");
  return done?.generation ? `Saved on the peer as generation ${done.generation}.` : "Saved on the peer.";
}

function Current({ report }) {
  return html`<p><span class="state ${report.state} large" role="status" aria-label="Current status">${report.state}${report.state === "green" ? ": what runs on the peer is what is saved there" : ""}</span></p>
    ${report.reasons.length > 0 && html`<ul aria-label="Reasons">${report.reasons.map((reason) => html`<li key=${reason}>${reason}</li>`)}</ul>`}
    ${report.remedy && html`<p><strong>What to do:</strong> <${Remedy} text=${report.remedy} /></p>`}`;
}

function Unsaved({ peer }) {
  const lists = [["would be lost at a reboot there", peer?.unsaved, peer?.unsaved_count], ["not in effect there", peer?.unapplied], ["not running there", peer?.down]];
  return lists.filter(([, list]) => list?.length).map(([word, list, count = list.length]) => html`<details key=${word}><summary>${count} ${word}</summary><ul class="paths">${list.map((path) => html`<li key=${path}><code>${path}</code></li>`)}${count > list.length && html`<li>… and ${count - list.length} more</li>`}</ul></details>`);
}

/** Service by service: the same here and there, running there, saved there. */
function Services({ report }) {
  const rows = Object.entries(report.services ?? {});
  if (!rows.length) return null;
  return html`<div class="wide"><table class="stack" aria-label="Services of both nodes">
    <thead><tr><th>Service</th><th>Here and there</th><th>Runs there</th><th>Saved there</th><th>Last push</th></tr></thead>
    <tbody>${rows.map(([title, one]) => html`<tr key=${title}>
      <td class="name">${title}</td>
      <td data-label="Here and there">${one.in_sync === null ? "not known" : one.in_sync ? "the same" : html`<span class="state orange">differ</span>`}</td>
      <td data-label="Runs there">${runsThere(one)}</td>
      <td data-label="Saved there">${savedThere(one.peer)}</td>
      <td data-label="Last push">${one.last_push ? `${moment(one.last_push.time)} from node ${one.last_push.node}` : ""}</td>
    </tr>`)}</tbody></table></div>`;
}

function runsThere({ local, peer }) {
  if (!peer?.files) return "not known";
  if (!peer.applied) return "not started";
  if (peer.applied !== peer.files) return html`<span class="state orange">other than its files</span>`;
  return peer.applied === local?.applied ? "what runs here" : "its own";
}

function savedThere(peer) {
  if (!peer?.files) return "not known";
  if (peer.saved === peer.files) return html`<span class="state green">yes</span>`;
  return html`<span class="state orange">${peer.saved ? "an older one" : "no"}</span>`;
}

/** The troubleshooting list. It is gone through when the state is red, and when somebody asks. */
function Checklist({ red }) {
  const [asked, setAsked] = useState(red);
  const check = useData(asked ? "/csync/check" : null);
  const items = check.data;
  return html`<div class="checklist">
    <div class="toolbar"><h3>Troubleshooting</h3><${Button} onClick=${() => (asked ? check.reload() : setAsked(true))}>${asked ? "Check again" : "Check"}<//></div>
    ${asked && !items && !check.problem && html`<p class="quiet">Checking …</p>`}
    ${items && html`<ul aria-label="Troubleshooting list">${items.map((one) => html`<li key=${one.item}>
      <span class="state ${one.passed ? "green" : "red"}">${one.passed ? "passed" : "failed"}</span> ${one.item}${one.found && html`<br /><span class="quiet">${one.found}</span>`}
      ${one.remedy && !one.passed && html`<br /><strong>What to do:</strong> <${Remedy} text=${one.remedy} />`}</li>`)}</ul>`}
    <${Result} problem=${check.problem} label="Troubleshooting: result" />
  </div>`;
}
