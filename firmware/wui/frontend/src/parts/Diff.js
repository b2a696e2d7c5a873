// A unified difference: what goes is red and begins with -, what comes is green and begins with +.

import { html } from "htm/preact";

/** Lines that are shown at most. */
const MOST = 5000;

export function Diff({ text, label = "Difference" }) {
  const lines = text.replace(/\n$/, "").split("\n");
  return html`<pre class="diff" tabindex="0" role="group" aria-label=${label}>${lines.slice(0, MOST).map((line, index) => html`<span key=${index} class=${kind(line)}>${line}${"\n"}</span>`)}
    ${lines.length > MOST && `… ${lines.length - MOST} more lines`}</pre>`;
}

function kind(line) {
  if (/^(\+\+\+|---) /.test(line)) return "file";
  if (line.startsWith("@@")) return "place";
  return { "+": "new", "-": "old" }[line[0]] ?? "";
}
