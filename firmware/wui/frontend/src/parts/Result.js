// What came of the last action: silence if it worked, unless there is something to say; an error is an alert, with what to do.

import { html } from "htm/preact";
import { Remedy } from "./Remedy.js";

export function Result({ problem, said, label = "Result" }) {
  if (!problem && !said) return null;
  if (!problem) return html`<p class="result said" role="status">${said}</p>`;
  return html`<section aria-label=${label}><div class="result problem" role="alert" aria-label=${label}>
    <p>${problem.detail || problem.title || problem.message}</p>
    ${problem.hint && html`<p class="hint">What to do: <${Remedy} text=${problem.hint} /></p>`}
  </div></section>`;
}
