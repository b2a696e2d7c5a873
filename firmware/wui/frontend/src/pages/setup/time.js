// Setup > Time: the node's clock, and whether servers keep it right.

import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { useData } from "../../data.js";
import { Result } from "../../parts/Result.js";
import { moment } from "../../words.js";

export function Time() {
  const { data, problem, reload } = useData("/time");
  useEffect(() => {
    const timer = setInterval(reload, 10_000);
    return () => clearInterval(timer);
  }, [reload]);
  return html`<section class="card" aria-labelledby="time">
    <h2 id="time">Time</h2>
    <p>Servers and time zone are set by the services “ntp” and “system” on the tab <a href="#/services">Services</a>.</p>
    ${data && html`<dl class="facts">
      <dt>Time of this node</dt><dd>${data.local} ${data.zone}</dd>
      <dt>Time of this browser</dt><dd>${moment(Date.now() / 1000)}</dd>
      <dt>Service ntp</dt><dd>${data.service}${data.words.map((line) => html`<br />${line}`)}</dd></dl>`}
    <${Result} problem=${problem} />
  </section>`;
}
