// What matters everywhere: red, an upgrade that was given up, a confirmation that runs, what is not in effect, what is not saved.

import { html } from "htm/preact";
import { useEffect, useState } from "preact/hooks";
import * as api from "../api.js";
import { useAction } from "../data.js";
import { useChannel } from "../live.js";
import { counted } from "../words.js";
import { Button } from "./Button.js";
import { Result } from "./Result.js";

export function Banner({ session }) {
  const found = useChannel("banner", {});
  const { act, problem, said } = useAction();
  if (!found?.state) return found?.problem ? html`<p class="banner red" role="status">${found.problem.detail}</p>` : null;
  const may = session.role === "admin";
  return html`
    ${found.state === "red" && html`<p class="banner red" role="status"><strong>red</strong> ${found.reasons[0] ?? ""} <a href="#/setup">What to do</a></p>`}
    ${found.slot_problem && html`<p class="banner orange" role="status"><strong>Upgrade:</strong> ${found.slot_problem} <a href="#/setup/upgrade">What to do</a></p>`}
    ${found.confirm && html`<${Waiting} ...${{ may, act }} wait=${found.confirm} key=${`${found.confirm.service}${found.confirm.seconds}`}
      words=${found.confirm.where === "here" ? "was pushed to this node and waits to be confirmed by its peer" : "was pushed and waits to be confirmed"}
      confirm=${found.confirm.where === "peer" && (() => api.post("/csync/confirm"))} undo=${found.confirm.where === "here" && (() => api.post("/csync/undo"))} />`}
    ${found.trial && html`<${Waiting} ...${{ may, act }} wait=${found.trial} key=${`${found.trial.service}${found.trial.seconds}`} words="is on trial"
      confirm=${() => api.askAnew(() => api.post(`/services/${encodeURIComponent(found.trial.service)}/confirm`))} />`}
    ${found.needs_apply.length > 0 && html`<p class="banner orange" role="status"><strong>Not in effect yet:</strong> ${found.needs_apply.map((title, index) => html`${index > 0 && ", "}<a href="#/services/${encodeURIComponent(title)}">${title}</a>`)}</p>`}
    ${found.unsaved > 0 && html`<p class="banner orange" role="status"><strong>Not saved:</strong> ${counted(found.unsaved, "path")} would be lost at a reboot. <a href="#/setup">Save</a></p>`}
    <${Result} problem=${problem} said=${said} label="Confirmation: result" />
  `;
}

/** Something that is put back when its time is over: the seconds that are left, and what can be done. */
function Waiting({ may, act, wait, words, confirm, undo }) {
  const [left, setLeft] = useState(Math.ceil(wait.seconds));
  useEffect(() => {
    const end = performance.now() + wait.seconds * 1000;
    const timer = setInterval(() => setLeft(Math.max(0, Math.ceil((end - performance.now()) / 1000))), 500);
    return () => clearInterval(timer);
  }, []);
  return html`<p class="banner orange"><strong>service ${wait.service}</strong> ${words}; in <span role="timer">${left} s</span> the old state comes back.
    ${may && confirm && html` <${Button} primary onClick=${() => act(async () => void (await confirm()))}>Confirm<//>`}
    ${may && undo && html` <${Button} danger onClick=${() => act(async () => void (await undo()))}>Undo<//>`}</p>`;
}
