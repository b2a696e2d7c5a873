// Setup > Network: interfaces and routes as the kernel has them. They are set up by the services called network.

import { html } from "htm/preact";
import { useData } from "../../data.js";
import { Result } from "../../parts/Result.js";
import { bytes } from "../../words.js";

export function Network() {
  const { data, problem } = useData("/network");
  return html`<section class="card" aria-labelledby="network">
    <h2 id="network">Network</h2>
    <p>Interfaces are set up by the services “network”: <a href="#/services">Services</a>, [advanced mode], “network.eth0 setup”. Applying one of them can wait for a confirmation.</p>
    ${data && html`<div class="wide"><table class="stack" aria-label="Interfaces">
      <thead><tr><th>Interface</th><th>State</th><th>Addresses</th><th class="number">MTU</th><th>MAC</th><th class="number">Received</th><th class="number">Sent</th><th class="number">Errors</th></tr></thead>
      <tbody>${data.interfaces.map((one) => html`<tr key=${one.name}>
        <td class="name">${one.name}${one.kind && html`<small>${one.kind}</small>`}</td><td><span class="state ${one.state === "up" ? "green" : "red"}">${one.state}</span></td>
        <td>${one.addresses.map((address) => html`<code key=${address}>${address}</code> `)}</td><td class="number" data-label="MTU">${one.mtu}</td><td><code>${one.mac}</code></td>
        <td class="number" data-label="Received">${bytes(one.received_bytes)}</td><td class="number" data-label="Sent">${bytes(one.sent_bytes)}</td><td class="number" data-label="Errors">${one.received_errors + one.sent_errors}</td></tr>`)}</tbody>
    </table></div>
    <div class="wide"><table class="stack" aria-label="Routes">
      <thead><tr><th>To</th><th>Via</th><th>Interface</th><th>From</th><th>Set by</th></tr></thead>
      <tbody>${data.routes.map((one) => html`<tr key=${JSON.stringify(one)}><td class="name"><code>${one.to}</code></td><td><code>${one.gateway}</code></td><td>${one.interface}</td><td><code>${one.source}</code></td><td>${one.protocol}</td></tr>`)}</tbody>
    </table></div>
    <p>Name servers: ${data.resolvers.length ? data.resolvers.map((one) => html`<code key=${one}>${one}</code> `) : "none"}</p>`}
    <${Result} problem=${problem} />
  </section>`;
}
