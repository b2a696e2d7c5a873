// The fields of a login, on the first page and where a session has ended.

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";

const KNOWN = [["user", "User", "text", "username"], ["password", "Password", "password", "current-password"]];
const FIRST = [["code", "Setup code", "text", "off"], ["password", "New password", "password", "new-password"], ["repeat", "Repeat", "password", "new-password"]];

/** `setup`: the first password is set, with the setup code. `onDone` is called when the node has let somebody in. */
export function Credentials({ setup, user = "", onDone }) {
  const [filled, setFilled] = useState({ user });
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const fields = setup ? FIRST : KNOWN;
  const empty = useRef(null);
  const firstEmpty = fields.findIndex(([name]) => name !== "user" || !user);
  useEffect(() => empty.current.focus(), []);
  const send = async (event) => {
    event.preventDefault();
    if (setup && filled.password !== filled.repeat) return setProblem({ detail: "The passwords differ.", hint: "Type the same one twice." });
    setBusy(true);
    const found = await logIn(setup ? { code: filled.code?.trim(), password: filled.password } : { user: filled.user, password: filled.password });
    setBusy(false);
    setProblem(found);
    return found ?? onDone();
  };
  return html`<form onSubmit=${send}>
    ${fields.map(([name, label, type, autocomplete], index) => html`<label key=${name}>${label}
      <input ref=${index === firstEmpty ? empty : null} autofocus=${index === firstEmpty} required name=${name} type=${type} autocomplete=${autocomplete} autocapitalize="off" spellcheck=${false}
        value=${filled[name] ?? ""} onInput=${(event) => setFilled({ ...filled, [name]: event.target.value })} /></label>`)}
    <button class="primary" disabled=${busy}>${setup ? "Set password" : "Log in"}</button>
    ${problem && html`<div role="alert" class="result problem"><p>${problem.detail ?? problem.title}</p>${problem.hint && html`<p class="hint">${problem.hint}</p>`}</div>`}
  </form>`;
}

/** null, or why not. */
async function logIn(body) {
  try {
    const headers = { "Content-Type": "application/json", "X-Requested-With": "csyncd" };
    const answer = await fetch("/login", { method: "POST", headers, body: JSON.stringify(body) });
    return answer.ok ? null : await answer.json();
  } catch {
    return { detail: "The node does not answer.", hint: "Is it on, and is its web UI running?" };
  }
}
