// The page of one service: its state, what can be done with it, its files and its block in config.rc.

import { html } from "htm/preact";
import { useAction, useData } from "../../data.js";
import { Button } from "../../parts/Button.js";
import { Push } from "../../parts/Push.js";
import { Result } from "../../parts/Result.js";
import { ServiceFiles } from "../../parts/ServiceFiles.js";
import { moment } from "../../words.js";
import { State, act as ask, go, isOutdated, isToApply } from "../services.js";
import { BlockEditor } from "./block-editor.js";

/** Seconds within which what is applied on trial has to be confirmed. */
const SECONDS = 90;

/** `part`: "edit" for its files, "setup" for its block, "" for what is known of it. */
export function ServicePage({ session, rows, title, part, reload }) {
  const row = rows.find((one) => one.title === title);
  const { act, problem, said } = useAction();
  if (!row) return html`<h1>${title}</h1><${Result} problem=${{ detail: `There is no service ${title} on this node (any more).`, hint: "What was typed can be put into its block in /etc/config.rc again." }} />`;
  const may = session.role === "admin";
  const run = (work) => act(async () => {
    const told = await work();
    await reload();
    return told;
  });
  const close = () => (location.hash = "#/services");
  return html`
    <p><a href="#/services">Services</a></p>
    <h1>${row.title}</h1>
    <p>${row.summary} · <${State} row=${row} />${isOutdated(row) && html` <span class="state orange">needs apply</span>`}${row.since ? html` <span class="quiet">since ${moment(row.since)}</span>` : ""}</p>
    ${may && html`<${Actions} row=${row} rows=${rows} run=${run} part=${part} />`}
    <${Result} problem=${problem} said=${said} />
    ${part === "edit" && html`<${ServiceFiles} service=${row} session=${session} onClose=${close} reload=${reload} />`}
    ${part === "setup" && html`<${BlockEditor} title=${row.title} may=${may} onClose=${close} reload=${reload} />`}
    ${part === "" && html`<${Facts} row=${row} />`}
  `;
}

function Actions({ row, rows, run, part }) {
  const doing = (title, verb) => run(() => ask(title, verb));
  const several = rows.filter((one) => one.name === row.name).length > 1 || row.instance;
  return html`<div class="toolbar">
    <${Button} onClick=${() => doing(row.title, "start")}>Start service<//>
    ${several && html`<${Button} onClick=${() => doing(row.name, "start")}>Start service ${row.name}<//>`}
    <${Button} onClick=${() => doing(row.title, "stop")}>Stop<//>
    <${Button} onClick=${() => doing(row.title, "restart")}>Restart<//>
    <${Button} onClick=${() => doing(row.title, "check")}>Check<//>
    ${isToApply(row) && html`<${Button} primary=${isOutdated(row)} onClick=${() => doing(row.title, "apply")}>Apply<//><${Button} onClick=${() => doing(row.title, "revert")}>Revert<//>`}
    ${isToApply(row) && row.confirmable && html`
      <${Button} onClick=${() => run(() => ask(row.name, "apply", { confirm: SECONDS }))}>Apply, to be confirmed within ${SECONDS} s<//>`}
    <${Push} title=${row.title} offered=${!row.needs_apply && row.may_push} run=${run} />
    ${part !== "edit" && row.files.length > 0 && html`<${Button} onClick=${() => go(row.title, "edit")}>Edit Configuration<//>`}
    ${part !== "setup" && html`<${Button} onClick=${() => go(row.title, "setup")}>${row.title} setup<//>`}
    ${part !== "" && html`<${Button} onClick=${() => go(row.title, "")}>Overview<//>`}
  </div>
  ${!row.may_push && row.node_specific && html`<p class="quiet">It is not pushed: ${row.node_specific}.</p>`}`;
}

/** What the node says of it beyond the table, and its directives. */
function Facts({ row }) {
  const path = `/services/${encodeURIComponent(row.title)}`;
  const status = useData(path);
  const help = useData(`${path}/help`);
  const told = status.data ?? {};
  const directives = [...(help.data?.directives ?? []), ...(help.data?.common ?? [])];
  return html`
    ${told.crashes > 0 && html`<p><span class="state red">${told.crashes} crashes</span> since it was last started on purpose</p>`}
    ${(told.remarks ?? []).map((remark) => html`<p key=${remark}>${remark}</p>`)}
    ${told.words && html`<h2>Its last words</h2><pre class="log" tabindex="0">${told.words}</pre>`}
    ${directives.length > 0 && html`<h2>Directives</h2><div class="wide"><table class="stack" aria-label="Directives of ${row.title}">
      <thead><tr><th>Directive</th><th>Value</th><th>Default</th><th>What it does</th><th>Example</th></tr></thead>
      <tbody>${directives.map((one) => html`<tr key=${one.key}>
        <td class="name"><code>${one.key}</code></td><td data-label="Value">${one.type}</td><td data-label="Default">${one.default}</td>
        <td>${one.help}${one.notes && html` <small>${one.notes}</small>`}</td><td><code>${one.example}</code></td></tr>`)}</tbody>
    </table></div>`}`;
}

