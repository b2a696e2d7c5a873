// The first page: log in; or, before there is a password, set the first one with the code that the node shows.

import { html } from "htm/preact";
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Credentials } from "./parts/Credentials.js";

function Page() {
  const [setup, setSetup] = useState(null);
  useEffect(() => {
    fetch("/login").then((answer) => answer.json()).then((found) => setSetup(found.setup), () => setSetup(false));
  }, []);
  if (setup === null) return null;
  return html`<section class="card login" aria-labelledby="title">
    <h1 id="title">${setup ? "First password" : "Log in"}</h1>
    ${setup && html`<p>This node has no password yet. Its console shows a setup code, and so does <code>account code</code> on the node.</p>`}
    <${Credentials} setup=${setup} onDone=${() => location.reload()} />
  </section>`;
}

render(html`<${Page} />`, document.getElementById("page"));
