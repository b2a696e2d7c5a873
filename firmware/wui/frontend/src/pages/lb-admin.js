// LB Admin: frontends, backends and servers live from haproxy; drain, maintenance, ready, weight; and Save.

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import * as api from "../api.js";
import { useAction } from "../data.js";
import * as live from "../live.js";
import { Button } from "../parts/Button.js";
import { Chart, Sparkline } from "../parts/Chart.js";
import { Dialog } from "../parts/Dialog.js";
import { Result } from "../parts/Result.js";
import { matches, short } from "../words.js";

/** How many seconds the pictures show: one value a second. */
const SECONDS = 300;
/** How many seconds the small ones are wide at least. */
const LEAST = 60;

export function Page({ session }) {
  const [proxies, problem, history] = useProxies();
  const [filter, setFilter] = useState("");
  const { act, ...result } = useAction();
  const may = session.role === "admin";
  const shown = (proxies ?? []).filter((proxy) => matches(`${proxy.name} ${proxy.servers.map((server) => server.name).join(" ")}`, filter));
  return html`
    <h1>LB Admin</h1>
    <div class="toolbar">
      <label>Filter <input type="search" value=${filter} onInput=${(event) => setFilter(event.target.value)} /></label>
      ${may && html`<${Button} onClick=${() => act(save)}>Save<//>`}
    </div>
    ${proxies === null && !problem && html`<p class="quiet">Waiting for haproxy …</p>`}
    ${proxies?.length === 0 && !problem && html`<p>haproxy runs without a frontend or a backend. <a href="#/lb-layer7">LB Layer7</a> is where they are written.</p>`}
    ${shown.map((proxy) => html`<${Proxy} key=${proxy.name} ...${{ proxy, history, may, act }} />`)}
    <${Result} problem=${result.problem ?? problem} said=${result.said} />
  `;
}

async function save() {
  const done = await api.post("/config/save", { message: "saved on LB Admin" });
  return done.changed === false ? "There was nothing to save." : `Saved as generation ${done.generation}.`;
}

/** The proxies as they are now, why they are not known, and what each line has been in the last minutes. */
function useProxies() {
  const [state, setState] = useState([null, null]);
  const history = useRef(new Map());
  useEffect(() => {
    const channel = live.open("proxies", {}, {
      message(found) {
        remember(history.current, found.proxies);
        setState([found.proxies, found.problem ?? null]);
      },
      end: (problem) => setState(([proxies]) => [proxies ?? [], problem]),
    });
    return () => channel.close();
  }, []);
  return [...state, history.current];
}

/** Append what is now to the history of each line, which is bounded. */
function remember(history, proxies) {
  const now = Math.round(Date.now() / 1000);
  for (const proxy of proxies) {
    for (const line of linesOf(proxy)) {
      const past = history.get(line.key) ?? [];
      past.push({ time: now, sessions: line.sessions, rate: line.rate });
      history.set(line.key, past.slice(-SECONDS));
    }
  }
}

/** The lines of a proxy's table: its frontend, its servers, its backend. */
function linesOf(proxy) {
  const lines = proxy.servers.map((server) => ({ ...server, kind: "server", key: `${proxy.name}/${server.name}` }));
  if (proxy.frontend) lines.unshift({ ...proxy.frontend, name: "frontend", kind: "frontend", key: `${proxy.name}:frontend` });
  if (proxy.backend) lines.push({ ...proxy.backend, name: "backend", kind: "backend", key: `${proxy.name}:backend` });
  return lines;
}

function Proxy({ proxy, history, may, act }) {
  const [open, setOpen] = useState(null);
  const lines = linesOf(proxy);
  const past = history.get(open) ?? [];
  return html`<section class="card">
    <h2>${proxy.name}</h2>
    <div class="wide"><table class="stack" aria-label=${proxy.name}>
      <thead><tr><th>Name</th><th>Status</th><th class="number">Sessions</th><th class="number">Rate/s</th><th class="number">Errors</th>
        <th>Check</th><th class="number">Weight</th><th>Last minutes</th>${may && html`<th>Actions</th>`}</tr></thead>
      <tbody>${lines.map((line) => html`<${Line} key=${line.key} ...${{ proxy, line, may, act }} past=${history.get(line.key) ?? []}
        open=${open === line.key} onOpen=${() => setOpen(open === line.key ? null : line.key)} />`)}</tbody>
    </table></div>
    ${open && html`<${Chart} key=${open} label="Sessions and rate of ${open}" times=${past.map((one) => one.time)}
      lines=${[{ label: "sessions", values: past.map((one) => one.sessions) }, { label: "rate", values: past.map((one) => one.rate) }]} />`}
  </section>`;
}

function Line({ proxy, line, past, may, act, open, onOpen }) {
  const where = line.address ? `${line.name} ${line.address}` : line.name;
  return html`<tr class=${line.kind}>
    <td class="name">${line.name}${line.address && html`<small>${line.address}</small>`}</td>
    <td><span class="state ${colour(line.status)}">${line.status}</span></td>
    <td class="number" data-label="Sessions">${short(line.sessions)}</td>
    <td class="number" data-label="Rate">${short(line.rate)}</td>
    <td class="number" data-label="Errors">${short(line.errors)}</td>
    <td title=${line.check}>${line.check?.split(" ")[0]}</td>
    <td class="number" data-label="Weight"><${Weight} ...${{ proxy, line, may, act }} /></td>
    <td><button class="bare" aria-expanded=${open} aria-label="Chart of ${where}" onClick=${onOpen}>
      <${Sparkline} values=${past.map((one) => one.rate)} length=${Math.max(LEAST, past.length)} label="rate a second of ${line.name}, now ${line.rate}" /></button></td>
    ${may && html`<td class="actions">${line.kind === "server" && html`<${ServerActions} ...${{ proxy, line, act }} />`}</td>`}
  </tr>`;
}

const STATES = [["Ready", "ready"], ["Drain", "drain"], ["Maintenance", "maint"]];

function ServerActions({ proxy, line, act }) {
  const current = stateOf(line);
  return STATES.map(([word, state]) => html`
    <${Button} key=${state} pressed=${state === current} onClick=${() => act(() => api.post(pathOf(proxy, line), { state }).then(() => `${line.name}: ${word}.`))}>${word}<//>`);
}

const pathOf = (proxy, line) => `/haproxy/servers/${encodeURIComponent(proxy.name)}/${encodeURIComponent(line.name)}`;

/** The weight of a server; who may change it clicks it. */
function Weight({ proxy, line, may, act }) {
  const [asks, setAsks] = useState(false);
  const path = pathOf(proxy, line);
  if (line.kind !== "server" || !may) return line.weight ?? "";
  return html`<${Button} label="Weight of ${line.name}: ${line.weight}" onClick=${() => setAsks(true)}>${line.weight}<//>
    ${asks && html`<${WeightDialog} ...${{ line, path, act }} onClose=${() => setAsks(false)} />`}
  `;
}

function WeightDialog({ line, path, act, onClose }) {
  const [weight, setWeight] = useState(String(line.weight));
  const set = async () => {
    await act(() => api.post(path, { weight: Number(weight) }).then(() => `${line.name}: weight ${weight}.`));
    onClose();
  };
  return html`<${Dialog} title="Weight of ${line.name}" onClose=${onClose}
      actions=${html`<${Button} primary onClick=${set}>Set<//><${Button} onClick=${onClose}>Cancel<//>`}>
    <label>Weight, 0 to 256 <input type="number" min="0" max="256" value=${weight} onInput=${(event) => setWeight(event.target.value)} /></label>
    <p class="quiet">It lasts until haproxy is reloaded; haproxy.cfg is left alone.</p>
  <//>`;
}

/** What the administrator has set a server to. */
function stateOf(line) {
  const status = String(line.status).toUpperCase();
  if (status.includes("MAINT")) return "maint";
  return status.includes("DRAIN") ? "drain" : "ready";
}

function colour(status) {
  const word = String(status).toUpperCase();
  if (/^(UP|OPEN|NO CHECK)/.test(word)) return "green";
  return /DRAIN|MAINT|NOLB|GOING/.test(word) ? "orange" : "red";
}
