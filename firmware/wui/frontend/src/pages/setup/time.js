// Setup > Time: the node's clock, and whether servers keep it right.

import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { useData } from "../../data.js";
import { Result } from "../../parts/Result.js";
import { moment } from "../../words.js";

const SPELLED = { time: "Time", now: "Time", timezone: "Time zone", synchronised: "Kept by servers", synchronized: "Kept by servers", offset: "Offset in seconds" };

export function Time() {
  const { data, problem, reload } = useData("/time");
  useEffect(() => {
    const timer = setInterval(reload, 10_000);
    return () => clearInterval(timer);
  }, [reload]);
  return html`<section class="card" aria-labelledby="time">
    <h2 id="time">Time</h2>
    <p>Servers and time zone are set by the services “ntp” and “system” on the tab <a href="#/services">Services</a>.</p>
    ${data && html`<dl>${Object.entries(data).map(([key, value]) => html`<dt key="t${key}">${SPELLED[key] ?? key}</dt><dd key="d${key}">${spelled(key, value)}</dd>`)}
      <dt>Time of this browser</dt><dd>${moment(Date.now() / 1000)}</dd></dl>`}
    <${Result} problem=${problem} />
  </section>`;
}

function spelled(key, value) {
  if (value === null || value === "") return "not known";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number" && value > 1e9) return moment(value);
  return typeof value === "object" ? html`<code>${JSON.stringify(value)}</code>` : String(value);
}
