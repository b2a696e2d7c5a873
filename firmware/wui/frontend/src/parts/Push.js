// Push: what would change on the peer is shown first; then it is done, and what came of it is said.

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import * as api from "../api.js";
import { Button } from "./Button.js";
import { Dialog } from "./Dialog.js";
import { Diff } from "./Diff.js";

/** Seconds that are offered for a push that has to be confirmed. */
const SECONDS = [0, 60, 90, 300, 900];

/** The button; `run(work)` runs the push and shows what it returns or throws. */
export function Push({ title, run }) {
  const [asks, setAsks] = useState(null);
  const path = `/services/${encodeURIComponent(title)}`;
  const ask = () => run(async () => {
    const report = await api.post(`${path}/diff`).catch((problem) => refusedReport(problem));
    if (report.result === "unchanged" && !report.files.length) return `Node ${report.node} has the same already.`;
    setAsks(report);
    return "";
  });
  const push = (wish) => run(async () => {
    setAsks(null);
    const report = await api.post(`${path}/push`, wish).catch((problem) => refusedReport(problem));
    if (report.problem) setAsks(report);
    return report.problem ? "" : words(report);
  });
  return html`<${Button} onClick=${ask}>Push<//>
    ${asks && html`<${Question} title=${title} report=${asks} push=${push} onClose=${() => setAsks(null)} />`}`;
}

/** A refusal with a difference is a question: overwrite what was changed there? Other problems are thrown. */
function refusedReport(problem) {
  if (problem.status !== 409 || !problem.body?.report?.files?.length) throw problem;
  return { ...problem.body.report, problem };
}

function Question({ title, report, push, onClose }) {
  const [confirm, setConfirm] = useState(0);
  const refused = report.problem;
  const wish = { force: Boolean(refused), confirm };
  return html`<${Dialog} wide title="Push ${title}" onClose=${onClose} actions=${html`
      <${Button} primary=${!refused} danger=${Boolean(refused)} onClick=${() => push(wish)}>${refused ? "Overwrite" : "Push"}<//>
      <${Button} onClick=${onClose}>Cancel<//>`}>
    ${refused ? html`<div class="result problem" role="alert"><p>${refused.detail}</p>
        <p>Overwrite replaces what was changed on node ${report.node}. This is the difference:</p></div>`
      : html`<p>This changes on node ${report.node}:</p>`}
    <${Files} files=${report.files} />
    <label class="line">Keep it only if it is confirmed within
      <select value=${confirm} onChange=${(event) => setConfirm(Number(event.target.value))}>
        ${SECONDS.map((seconds) => html`<option key=${seconds} value=${seconds}>${seconds ? `${seconds} s` : "no confirmation needed"}</option>`)}
      </select></label>
  <//>`;
}

function Files({ files }) {
  return files.map((file) => html`<section key=${file.path} class="change-of-file"><h3><span class="change ${file.change}">${file.change}</span> <code>${file.path}</code></h3>
    ${file.diff ? html`<${Diff} text=${file.diff} label="Difference of ${file.path}" />` : html`<p class="quiet">${sizes(file)}; its content is not shown.</p>`}</section>`);
}

const sizes = ({ before, after }) => [before, after].map((entry) => (entry ? `${entry.size ?? 0} bytes` : "nothing")).join(" → ");

/** What is said of a push that arrived: little, for silence is success. */
function words(report) {
  const waits = report.confirm ? ` It has to be confirmed within ${report.confirm} s.` : "";
  const warnings = Object.entries(report.warnings ?? {}).flatMap(([node, lines]) => lines.map((line) => `node ${node}: ${line}`));
  return [`Node ${report.node}: ${report.result}.${waits}`, ...warnings].join("\n");
}
