// The difference between two states of the configuration, path by path.

import { html } from "htm/preact";
import { useData } from "../../data.js";
import { Diff } from "../../parts/Diff.js";
import { Result } from "../../parts/Result.js";

/** `from`, `to`: saved, factory or the number of a generation; now is what lies below /etc. */
export function Difference({ from, to = "now" }) {
  const found = useData("/config/diff", { from, to });
  const files = found.data;
  if (found.problem) return html`<${Result} problem=${found.problem} />`;
  if (!files) return html`<p class="quiet">Loading …</p>`;
  if (!files.length) return html`<p>There is no difference.</p>`;
  return html`<div class="difference">${files.map((one) => html`<details key=${one.path} open=${files.length < 6}>
    <summary><span class="change ${one.change}">${one.change}</span> <code>${one.path}</code></summary>
    ${(one.about ?? []).map((line) => html`<p class="quiet">${line}</p>`)}
    ${one.diff && html`<${Diff} text=${one.diff} />`}
  </details>`)}</div>`;
}
