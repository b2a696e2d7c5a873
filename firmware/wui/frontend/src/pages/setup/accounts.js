// Setup > Accounts: who may use this, tokens for programs, and who is logged in.

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import * as api from "../../api.js";
import { useAction, useData } from "../../data.js";
import { Button } from "../../parts/Button.js";
import { Dialog } from "../../parts/Dialog.js";
import { Result } from "../../parts/Result.js";
import { moment } from "../../words.js";

export function Accounts({ session }) {
  if (session.role !== "admin") return html`<section class="card" aria-labelledby="accounts"><h2 id="accounts">Accounts</h2><${OwnPassword} session=${session} /></section>`;
  return html`<${List} session=${session} /><${Sessions} session=${session} />`;
}

function List({ session }) {
  const accounts = useData("/accounts");
  const [dialog, setDialog] = useState(null);
  const { act, ...result } = useAction();
  const close = () => setDialog(null);
  const doThen = (work) => act(async () => {
    const said = await work();
    close();
    await accounts.reload();
    return said;
  });
  const list = accounts.data ?? [];
  const open = (view, account) => () => setDialog({ view, account });
  return html`<section class="card" aria-labelledby="accounts">
    <h2 id="accounts">Accounts</h2>
    <div class="wide"><table class="stack" aria-label="Accounts">
      <thead><tr><th>Name</th><th>Role</th><th class="number">Sessions</th><th>Tokens</th><th>Actions</th></tr></thead>
      <tbody>${list.map((one) => html`<tr key=${one.name}>
        <td class="name">${one.name}</td><td>${one.role}</td><td class="number" data-label="Sessions">${one.sessions}</td><td><${Tokens} account=${one} act=${doThen} /></td>
        <td class="actions"><${Button} onClick=${open(Password, one)}>Password<//><${Button} onClick=${open(NewToken, one)}>New token<//>
          ${one.name !== session.account && html`<${Button} danger onClick=${open(Delete, one)}>Delete<//>`}</td>
      </tr>`)}</tbody>
    </table></div>
    <div class="toolbar"><${Button} onClick=${open(Add)}>Add an account<//></div>
    ${dialog && html`<${dialog.view} own=${dialog.account?.name === session.account} account=${dialog.account} act=${doThen} close=${close} problem=${result.problem} />`}
    <${Result} problem=${dialog ? null : result.problem ?? accounts.problem} said=${result.said} label="Accounts: result" />
  </section>`;
}

function Tokens({ account, act }) {
  const labels = account.tokens.map((token) => token.label);
  const end = (label) => act(() => api.del(`/accounts/${encodeURIComponent(account.name)}/tokens/${encodeURIComponent(label)}`));
  return labels.map((label) => html`<span key=${label} class="tag">${label} <button class="bare" aria-label="Delete token ${label}" onClick=${() => end(label)}>✕</button></span>`);
}

/** A dialog with fields and one thing to do. `fields`: name → [label, type]. */
function Form({ title, action, fields, values = {}, work, close, danger, problem, children }) {
  const [filled, setFilled] = useState(values);
  const set = (name) => (event) => setFilled({ ...filled, [name]: event.target.value });
  return html`<${Dialog} title=${title} onClose=${close} actions=${html`<${Button} primary=${!danger} danger=${danger} onClick=${() => work(filled)}>${action}<//><${Button} onClick=${close}>Cancel<//>`}>
    ${children}
    ${Object.entries(fields).map(([name, [label, type]]) => html`<label key=${name}>${label} <input type=${type} value=${filled[name] ?? ""} autocomplete=${type === "password" ? "new-password" : "off"} onInput=${set(name)} /></label>`)}
    ${fields.password && html`<${Roles} show=${"role" in values} value=${filled.role} onChange=${set("role")} />`}
    <${Result} problem=${problem} />
  <//>`;
}

function Roles({ show, value, onChange }) {
  return show && html`<label>Role <select value=${value} onChange=${onChange}><option value="monitor">monitor: reads only, sees no secrets</option><option value="admin">admin: may do everything</option></select></label>`;
}

const NEW_PASSWORD = { password: ["New password", "password"], repeat: ["Repeat", "password"] };

function requireSame({ password, repeat }) {
  if (password !== repeat) throw new api.Problem({ title: "The passwords differ", status: 400, detail: "What stands in both fields is not the same.", hint: "Type it again." });
}

function Add({ act, close, problem }) {
  const add = ({ name, role, password, repeat }) => act(async () => {
    requireSame({ password, repeat });
    await api.post("/accounts", { name, role, password });
  });
  return html`<${Form} title="Add an account" action="Add" fields=${{ name: ["Name", "text"], ...NEW_PASSWORD }} values=${{ role: "monitor" }} work=${add} ...${{ close, problem }} />`;
}

function Password({ account, own, act, close, problem }) {
  const set = (filled) => act(async () => {
    requireSame(filled);
    await api.put(`/accounts/${encodeURIComponent(account.name)}/password`, { old: filled.old, password: filled.password });
    return `The password of ${account.name} is set; its other sessions have ended.`;
  });
  return html`<${Form} title="Password of ${account.name}" action="Set password" fields=${own ? { old: ["Old password", "password"], ...NEW_PASSWORD } : NEW_PASSWORD} work=${set} ...${{ close, problem }} />`;
}

function Delete({ account, act, close, problem }) {
  const remove = () => act(() => api.del(`/accounts/${encodeURIComponent(account.name)}`).then(() => `${account.name} is deleted; its sessions and tokens have ended.`));
  return html`<${Form} title="Delete ${account.name}" action="Delete" danger fields=${{}} work=${remove} ...${{ close, problem }}><p>Its sessions and tokens end at once.</p><//>`;
}

/** The token is shown once: only its digest is kept on the node. */
function NewToken({ account, act, close }) {
  const [token, setToken] = useState(null);
  const { act: attempt, problem } = useAction();
  const make = ({ label }) => attempt(() => api.post(`/accounts/${encodeURIComponent(account.name)}/tokens`, { label }).then((made) => setToken(made.token)));
  const done = () => act(() => "");
  if (!token) return html`<${Form} title="New token of ${account.name}" action="Make" fields=${{ label: ["What it is for", "text"] }} work=${make} ...${{ close, problem }} />`;
  return html`<${Dialog} title="New token of ${account.name}" onClose=${done} actions=${html`<${Button} primary onClick=${done}>I have it<//>`}>
    <p>It is shown this once. Programs send it as <code>Authorization: Bearer …</code></p><pre tabindex="0" class="secret">${token}</pre><//>`;
}

function OwnPassword({ session }) {
  const [filled, setFilled] = useState({});
  const { act, ...result } = useAction();
  const field = (name, label) => html`<label>${label} <input type="password" value=${filled[name] ?? ""} onInput=${(event) => setFilled({ ...filled, [name]: event.target.value })} /></label>`;
  const set = () => act(async () => {
    requireSame(filled);
    await api.put(`/accounts/${encodeURIComponent(session.account)}/password`, { old: filled.old, password: filled.password });
    setFilled({});
    return "The password is set.";
  });
  return html`${field("old", "Old password")}${field("password", "New password")}${field("repeat", "Repeat")}<${Button} primary onClick=${set}>Set password<//><${Result} ...${result} />`;
}

function Sessions({ session }) {
  const sessions = useData("/sessions");
  const { act, ...result } = useAction();
  const list = sessions.data ?? [];
  const end = (id) => act(async () => {
    await api.del(`/sessions/${id}`);
    await sessions.reload();
  });
  const endAll = () => act(async () => {
    await api.del("/sessions");
    location.reload();
  });
  return html`<section class="card" aria-labelledby="sessions">
    <h2 id="sessions">Sessions</h2>
    <div class="wide"><table class="stack" aria-label="Sessions">
      <thead><tr><th>Account</th><th>Address</th><th>Since</th><th>Last</th><th>Actions</th></tr></thead>
      <tbody>${list.map((one) => html`<tr key=${one.id}>
        <td class="name">${one.account}${one.id === session.id && html` <span class="state green">this one</span>`}</td><td>${one.address}</td><td data-label="Since">${moment(one.since)}</td><td data-label="Last">${moment(one.last)}</td>
        <td class="actions"><${Button} onClick=${() => end(one.id)}>End<//></td></tr>`)}</tbody>
    </table></div>
    <div class="toolbar"><${Button} danger onClick=${endAll}>Log out everywhere<//></div>
    <${Result} problem=${result.problem ?? sessions.problem} said=${result.said} label="Sessions: result" />
  </section>`;
}
