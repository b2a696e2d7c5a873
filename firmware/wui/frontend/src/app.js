// The shell of the application: who is logged in, the tabs, the page that the address names.

import { html } from "htm/preact";
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import * as api from "./api.js";
import { connected } from "./live.js";
import * as lbAdmin from "./pages/lb-admin.js";
import * as lbLayer4 from "./pages/lb-layer4.js";
import * as lbLayer7 from "./pages/lb-layer7.js";
import * as logs from "./pages/logs.js";
import * as services from "./pages/services.js";
import * as setup from "./pages/setup.js";
import * as tools from "./pages/tools.js";
import { TABS } from "./tabs.js";
import { Banner } from "./parts/Banner.js";
import { Boundary } from "./parts/Boundary.js";
import { Button } from "./parts/Button.js";
import { Credentials } from "./parts/Credentials.js";
import { Dialog } from "./parts/Dialog.js";
import { Result } from "./parts/Result.js";

/** The page of each tab, by the first word of the address. */
const PAGES = { services, "lb-layer4": lbLayer4, "lb-layer7": lbLayer7, "lb-admin": lbAdmin, logs, tools, setup };

function App() {
  const [session, setSession] = useState(null);
  const [problem, setProblem] = useState(null);
  const [tab, ...path] = useAddress();
  const load = () => void api.get("/session").then(setSession, setProblem);
  useEffect(load, []);
  const found = TABS.find(([key]) => key === tab) ?? TABS[0];
  useEffect(() => {
    document.title = `${found[1]} · ${session?.hostname ?? "load balancer"}`;
  }, [found, session]);
  if (!session) return html`<${Header} session=${null} tab=${found[0]} /><main id="main"><${Result} problem=${problem} /></main>`;
  const { Page } = PAGES[found[0]];
  return html`
    <a class="skip" href="#main" onClick=${skip}>To the page</a>
    <${Header} session=${session} tab=${found[0]} />
    ${!connected.value && html`<p class="banner red" role="status">The node does not answer. What is shown may be old; it is asked again all the time.</p>`}
    <${Banner} session=${session} />
    <main id="main" tabindex="-1"><${Boundary} key=${found[0]}><${Page} session=${session} path=${path} /><//></main>
    ${session.serial && html`<footer>Serial number ${session.serial} · version ${session.version}</footer>`}
    ${api.sessionOver.value && html`<${LoginAgain} user=${session.account} onDone=${load} />`}
  `;
}

/** The words of the address after #/. */
function useAddress() {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const read = () => setHash(location.hash);
    addEventListener("hashchange", read);
    return () => removeEventListener("hashchange", read);
  }, []);
  return hash.replace(/^#\//, "").split("/").filter(Boolean).map(decoded);
}

function decoded(word) {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}

function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

function Header({ session, tab }) {
  return html`<header>
    <div class="who"><strong>${session?.hostname ?? "Load balancer"}</strong>${session && html` <span class="quiet">${session.account}${session.role === "monitor" ? " (monitor)" : ""}</span>
      <${Button} onClick=${api.logOut}>Log out<//>`}</div>
    <nav aria-label="Tabs"><ul>${TABS.map(([key, name]) => html`<li key=${key}><a href="#/${key}" aria-current=${key === tab ? "page" : undefined}>${name}</a></li>`)}</ul></nav>
  </header>`;
}

/** The session has ended: nothing that was typed is lost. */
function LoginAgain({ user, onDone }) {
  const go = () => {
    api.sessionOver.value = false;
    onDone();
  };
  return html`<${Dialog} title="The session has ended">
    <p>Log in again; what you have typed is still there.</p>
    <${Credentials} user=${user} onDone=${go} />
  <//>`;
}

render(html`<${App} />`, document.getElementById("page"));
