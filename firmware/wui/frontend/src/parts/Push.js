// Push: what would change on the peer is shown first; then it is done, and what came of it is said.

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import * as api from "../api.js";
import * as live from "../live.js";
import { bytes as inUnits } from "../words.js";
import { Button } from "./Button.js";
import { Dialog } from "./Dialog.js";
import { Diff } from "./Diff.js";

/** Seconds that are offered for a push that has to be confirmed. */
const SECONDS = [0, 60, 90, 300, 900];

/**
 * The button, where it is `offered`; a dialog that is open stays. `run(work)` runs what may go wrong and shows what it returns or
 * throws.
 */
export function Push({ title, offered, run }) {
  const [asks, setAsks] = useState(null);
  const ask = () => run(async () => {
    const report = await api.post(`/services/${encodeURIComponent(title)}/diff`).catch(asQuestion);
    if (report.result === "unchanged" && !report.files.length) return `Node ${report.node} has the same already.`;
    setAsks(report);
    return "";
  });
  const push = (wish, onProgress) => run(async () => {
    const report = await pushed({ title, ...wish }, onProgress).catch(asQuestion).finally(() => setAsks(null));
    if (report.problem) setAsks(report);
    return report.problem ? "" : words(report);
  });
  return html`${offered && html`<${Button} onClick=${ask}>Push<//>`}
    ${asks && html`<${Question} key=${Boolean(asks.problem)} title=${title} report=${asks} push=${push} onClose=${() => setAsks(null)} />`}`;
}

/** Push, and tell how it goes on; the report of a push that worked, else a Problem. */
function pushed(wish, onProgress) {
  return new Promise((resolve, reject) => {
    let outcome = null;
    live.open("push", wish, {
      message: (found) => {
        if (found.progress) onProgress(found.progress);
        outcome = found.outcome ?? outcome;
      },
      end: (problem) => {
        api.changes.value += 1;
        return problem || !outcome ? reject(new api.Problem(problem ?? NO_OUTCOME)) : resolve(outcome);
      },
    });
  });
}

const NO_OUTCOME = { title: "No outcome", status: 0, detail: "The push ended without an outcome.", hint: "What became of it stands in csync log." };

/** A refusal with a difference is a question: overwrite what was changed there? Other problems are thrown, with all that was said. */
function asQuestion(problem) {
  const report = problem.body?.report;
  if (problem.status === 409 && report?.files?.length) return { ...report, problem };
  if (!report) throw problem;
  const said = [report.check?.output, report.reload?.output].filter((text) => text?.trim() && !problem.detail.includes(text.trim()));
  throw new api.Problem({ ...problem.body, detail: [problem.detail, ...said].join("\n") });
}

function Question({ title, report, push, onClose }) {
  const [confirm, setConfirm] = useState(0);
  const [progress, setProgress] = useState(null);
  const refused = report.problem;
  const warned = refused?.detail ?? report.message;
  const go = (force) => push({ force, confirm }, setProgress);
  return html`<${Dialog} wide title="Push ${title}" onClose=${onClose} actions=${html`
      <${Progress} found=${progress} />
      ${!refused && html`<${Button} primary=${!warned} onClick=${() => go(false)}>Push<//>`}
      ${warned && html`<${Button} danger onClick=${() => go(true)}>Overwrite<//>`}
      <${Button} onClick=${onClose}>Cancel<//>`}>
    ${warned ? html`<div class="result problem" role=${refused ? "alert" : "status"}><p>${warned}.</p>
        <p>${refused ? "" : "Push would be refused. "}Overwrite replaces what was changed on node ${report.node}. This is the difference:</p></div>`
      : html`<p>This changes on node ${report.node}:</p>`}
    <${Files} files=${report.files} />
    ${report.more > 0 && html`<p>… and ${report.more} more</p>`}
    <label class="line">Keep it only if it is confirmed within
      <select value=${confirm} onChange=${(event) => setConfirm(Number(event.target.value))}>
        ${SECONDS.map((seconds) => html`<option key=${seconds} value=${seconds}>${seconds ? `${seconds} s` : "no confirmation needed"}</option>`)}
      </select></label>
  <//>`;
}

/** How a push goes on: words, or what of it has arrived {phase, bytes, bytes_total, files, files_total}. */
function Progress({ found }) {
  if (!found) return null;
  if (typeof found === "string") return html`<span class="quiet progress" role="status">${found}</span>`;
  const { phase, bytes = 0, bytes_total: all = 0, files = 0, files_total: count = 0 } = found;
  const amount = all ? `${inUnits(bytes)} of ${inUnits(all)}` : "";
  return html`<label class="quiet progress"><span role="status">${phase}</span>${all > 0 && html` <progress max=${all} value=${bytes}></progress>`}
    ${[amount, count > 1 && `${files} of ${count} files`].filter(Boolean).join(", ")}</label>`;
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
