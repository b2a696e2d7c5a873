// Setup > Network: interfaces and routes as the kernel has them. They are set up by the services called network.

import { html } from "htm/preact";
import { useData } from "../../data.js";
import { Result } from "../../parts/Result.js";

export function Network() {
  const { data, problem } = useData("/network");
  return html`<section class="card" aria-labelledby="network">
    <h2 id="network">Network</h2>
    <p>Interfaces are set up by the services “network”: <a href="#/services">Services</a>, [advanced mode], “network.eth0 setup”. Applying one of them can wait for a confirmation.</p>
    ${data && html`<div class="wide"><table aria-label="Interfaces">
      <thead><tr><th>Interface</th><th>State</th><th>Addresses</th><th class="number">MTU</th><th>MAC</th></tr></thead>
      <tbody>${(data.interfaces ?? []).map((one) => html`<tr key=${nameOf(one)}>
        <th scope="row">${nameOf(one)}</th><td>${one.state ?? one.operstate}</td>
        <td>${addressesOf(one).map((address) => html`<code key=${address}>${address}</code> `)}</td><td class="number">${one.mtu}</td><td><code>${one.mac ?? one.address ?? ""}</code></td></tr>`)}</tbody>
    </table></div>
    <div class="wide"><table aria-label="Routes">
      <thead><tr><th>To</th><th>Via</th><th>Interface</th><th>Protocol</th></tr></thead>
      <tbody>${(data.routes ?? []).map((one) => html`<tr key=${JSON.stringify(one)}><th scope="row"><code>${one.to ?? one.dst}</code></th><td><code>${one.via ?? one.gateway ?? ""}</code></td><td>${one.interface ?? one.dev}</td><td>${one.protocol ?? ""}</td></tr>`)}</tbody>
    </table></div>`}
    <${Result} problem=${problem} />
  </section>`;
}

const nameOf = (one) => one.name ?? one.ifname;

function addressesOf(one) {
  if (one.addresses) return one.addresses.map((address) => (typeof address === "string" ? address : `${address.address}/${address.prefix}`));
  return (one.addr_info ?? []).map((address) => `${address.local}/${address.prefixlen}`);
}
