// genkey and getkey: the keys by which two nodes know each other. Nothing is stored before a person has compared them.

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import * as api from "../../api.js";
import { Button } from "../../parts/Button.js";
import { Dialog } from "../../parts/Dialog.js";

export function Keys({ running, run }) {
  const [fetched, setFetched] = useState(null);
  const generate = () => run(async () => {
    const made = await api.post("/csync/genkey");
    return `The keys of this node are made${made.replaced ? " anew; its peers have to fetch them again" : ""}. Its pairing code is ${made.code}.`;
  });
  const fetchKeys = () => run(async () => void setFetched(await api.post("/csync/getkey")));
  const trust = () => run(async () => {
    setFetched(null);
    await api.post("/csync/trust", { code: fetched.code });
    return `The keys of node ${fetched.node} are trusted.`;
  });
  return html`
    <${Button} onClick=${generate} title=${running ? "csyncd must be stopped first" : ""}>genkey<//>
    <${Button} onClick=${fetchKeys}>getkey<//>
    ${fetched && html`<${Dialog} title="Keys of node ${fetched.node}" onClose=${() => setFetched(null)}
        actions=${html`<${Button} primary onClick=${trust}>Trust<//><${Button} onClick=${() => setFetched(null)}>Cancel<//>`}>
      <p>Compare the pairing code with what node ${fetched.node} shows itself (<code>csync keys</code> there). If it is another one, somebody else has answered.</p>
      <dl class="facts">
        <dt>Pairing code</dt><dd class="large"><code>${fetched.code}</code></dd>
        <dt>Host key</dt><dd><code>${fetched.host.fingerprint}</code></dd>
        <dt>User key</dt><dd><code>${fetched.user.fingerprint}</code></dd>
      </dl>
      ${fetched.replaces?.length > 0 && html`<div class="result problem"><p>These keys replace others:</p>
        <ul>${fetched.replaces.map((key) => html`<li key=${key.kind}>${key.kind} key <code>${key.stored}</code></li>`)}</ul></div>`}
    <//>`}`;
}
