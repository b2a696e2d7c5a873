// The file manager: browse, open, upload, download, rename, delete, mode and owner.

import { html } from "htm/preact";
import { useRef, useState } from "preact/hooks";
import * as api from "../../api.js";
import { useAction, useData } from "../../data.js";
import { Button } from "../../parts/Button.js";
import { Dialog } from "../../parts/Dialog.js";
import { Result } from "../../parts/Result.js";
import { bytes, counted, matches, moment } from "../../words.js";
import { FileEditor } from "./file-editor.js";

/** How many entries of a directory are shown at once. */
const MOST = 500;

export function Files({ path }) {
  const where = `/${path.join("/")}`.replace(/\/+$/, "") || "/etc";
  const found = useData("/files", { path: where });
  const kind = found.data?.kind;
  if (kind === "link" && found.data.leads_to) go(found.data.leads_to);
  if (kind === "file") return html`<${FileEditor} key=${where} file=${found.data} path=${where} onClose=${() => go(parentOf(where))} />`;
  if (kind && kind !== "link" && kind !== "directory") return html`<${Crumbs} where=${where} /><p>It is a ${kind}, not a file. There is nothing to open.</p>`;
  return html`<${Directory} key=${where} where=${where} found=${found} />`;
}

/** The address of a path: its names are words of the hash. */
export function hashOf(path) {
  return `#/tools/files${path.split("/").map(encodeURIComponent).join("/")}`;
}

function go(path) {
  location.hash = hashOf(path);
}

const parentOf = (path) => path.slice(0, path.lastIndexOf("/")) || "/";
const below = (where, name) => `${where === "/" ? "" : where}/${name}`;
/** A path as it is typed in a directory: without / before it, it begins there. */
const absolute = (path, where) => (path.startsWith("/") ? path : below(where, path));

function Directory({ where, found }) {
  const { act, ...result } = useAction();
  const [dialog, setDialog] = useState(null);
  const [filter, setFilter] = useState("");
  const [upload, setUpload] = useState(null);
  const entries = (found.data?.entries ?? []).filter((entry) => matches(entry.name, filter));
  const close = () => setDialog(null);
  const doThen = (work) => act(async () => {
    await work();
    setDialog(null);
    await found.reload();
  });
  const askToReplace = (name) => new Promise((answer) => setDialog({ view: Replace, name, answer }));
  const context = { where, doThen, close, setDialog };
  const send = (files) => doThen(() => uploadAll(where, files, setUpload, askToReplace)).finally(() => setUpload(null));
  return html`
    <${Crumbs} where=${where} />
    <div class="toolbar">
      <${PathField} key=${where} where=${where} />
      <label>Filter <input type="search" value=${filter} onInput=${(event) => setFilter(event.target.value)} /></label>
      <${Upload} onFiles=${send} />
      <${Button} onClick=${() => setDialog({ view: NewFile })}>New file<//>
      <${Button} onClick=${() => setDialog({ view: NewDirectory })}>New directory<//>
    </div>
    ${upload && html`<p><label>${upload.name} <progress max="1" value=${upload.part}></progress></label></p>`}
    <div class="wide drop" onDragOver=${(event) => event.preventDefault()} onDrop=${(event) => {
      event.preventDefault();
      send([...event.dataTransfer.files]);
    }}>
    <table class="stack" aria-label=${where}>
      <thead><tr><th>Name</th><th class="number">Size</th><th>Mode</th><th>Owner</th><th>Modified</th><th>Actions</th></tr></thead>
      <tbody>${entries.slice(0, MOST).map((entry) => html`<${Entry} key=${entry.name} entry=${entry} ...${context} />`)}</tbody>
    </table></div>
    <p class="quiet">${found.data ? counted(entries.length, "entry", "entries") : !found.problem && "Loading …"}${entries.length > MOST ? `, the first ${MOST} are shown: filter` : ""}${found.data?.more ? `, and ${found.data.more} that are not shown` : ""}</p>
    ${dialog && html`<${dialog.view} ...${dialog} ...${context} problem=${result.problem} />`}
    <${Result} problem=${dialog ? null : result.problem ?? found.problem} said=${result.said} />
  `;
}

/** The way from / to here, as links. */
function Crumbs({ where }) {
  const names = where.split("/").filter(Boolean);
  return html`<p class="crumbs"><a href=${hashOf("/")}>/</a>${names.map((name, index) => html`
    <a key=${index} href=${hashOf(`/${names.slice(0, index + 1).join("/")}`)}>${name}</a>${index < names.length - 1 && " / "}`)}</p>`;
}

function PathField({ where }) {
  const [path, setPath] = useState(where);
  const open = (event) => {
    event.preventDefault();
    go(absolute(path.trim(), where));
  };
  return html`<form onSubmit=${open}><label>Path <input value=${path} spellcheck=${false} autocomplete="off" onInput=${(event) => setPath(event.target.value)} /></label> <button>Open</button></form>`;
}

function Upload({ onFiles }) {
  const field = useRef(null);
  const chosen = () => {
    onFiles([...field.current.files]);
    field.current.value = "";
  };
  return html`<${Button} onClick=${() => field.current.click()}>Upload<//>
    <input type="file" multiple hidden aria-label="Files to upload" ref=${field} onChange=${chosen} />`;
}

async function uploadAll(where, files, onProgress, mayReplace) {
  for (const file of files) {
    const show = (part) => onProgress({ name: file.name, part });
    show(0);
    const query = { path: below(where, file.name) };
    const send = async (replace) => {
      await api.get("/files/room", { ...query, replace, size: file.size }); // before it is sent, which may take long
      await api.upload("PUT", "/files/content", file, { query: { ...query, replace }, onProgress: show });
    };
    await send(false).catch(async (problem) => {
      if (problem.status !== 409 || !(await mayReplace(file.name))) throw problem;
      await send(true);
    });
  }
}

function Entry({ entry, where, setDialog }) {
  const path = below(where, entry.name);
  const isDirectory = entry.kind === "directory";
  const leadsTo = entry.kind === "link" ? entry.leads_to : isDirectory || entry.kind === "file" ? path : null;
  return html`<tr>
    <td class="name">${leadsTo ? html`<a href=${hashOf(leadsTo)}>${entry.name}${isDirectory && "/"}</a>` : entry.name}${entry.target && html` <small>→ ${entry.target}</small>`}</td>
    <td class="number">${entry.kind === "file" ? bytes(entry.size) : entry.kind}</td>
    <td><code>${entry.mode}</code></td>
    <td>${entry.owner}:${entry.group}</td>
    <td>${moment(entry.mtime)}</td>
    <td class="actions">
      ${entry.kind === "file" && html`<a class="button" href=${api.url("/files/content", { path })} download=${entry.name}>Download</a>`}
      <${Button} onClick=${() => setDialog({ view: Rename, entry })}>Rename<//>
      <${Button} onClick=${() => setDialog({ view: Mode, entry })}>Mode and owner<//>
      <${Button} onClick=${() => setDialog({ view: Delete, entry })}>Delete<//>
    </td>
  </tr>`;
}

/** A dialog with fields that does one thing. `fields`: name → label; `work` gets what was filled in. */
function Form({ title, action, fields, values, work, close, danger, problem, children }) {
  const [filled, setFilled] = useState(values);
  const run = () => work(filled);
  return html`<${Dialog} title=${title} onClose=${close} actions=${html`<${Button} primary=${!danger} danger=${danger} onClick=${run}>${action}<//><${Button} onClick=${close}>Cancel<//>`}>
    ${Object.entries(fields).map(([name, label]) => html`<label key=${name}>${label} <input value=${filled[name]} spellcheck=${false} autocomplete="off"
      onInput=${(event) => setFilled({ ...filled, [name]: event.target.value })} onKeyDown=${(event) => event.key === "Enter" && run()} /></label>`)}
    ${children}
    <${Result} problem=${problem} />
  <//>`;
}

function NewFile({ where, doThen, close, problem }) {
  const make = async ({ name }) => {
    await api.put("/files", { text: "", digest: null }, { path: below(where, name) });
    go(below(where, name));
  };
  return html`<${Form} title="New file" action="Make" fields=${{ name: "Name" }} values=${{ name: "" }} work=${(filled) => doThen(() => make(filled))} ...${{ close, problem }} />`;
}

function NewDirectory({ where, doThen, close, problem }) {
  const make = ({ name }) => api.post("/files/directory", { path: below(where, name) });
  return html`<${Form} title="New directory" action="Make" fields=${{ name: "Name" }} values=${{ name: "" }} work=${(filled) => doThen(() => make(filled))} ...${{ close, problem }} />`;
}

function Rename({ entry, where, doThen, close, problem }) {
  const path = below(where, entry.name);
  return html`<${Form} title="Rename ${entry.name}" action="Rename" fields=${{ to: "New path" }} values=${{ to: path }}
    work=${({ to }) => doThen(() => api.post("/files/move", { path, to }))} ...${{ close, problem }} />`;
}

function Mode({ entry, where, doThen, close, problem }) {
  const path = below(where, entry.name);
  const values = { mode: entry.mode, owner: entry.owner, group: entry.group };
  return html`<${Form} title="Mode and owner of ${entry.name}" action="Set" fields=${{ mode: "Mode", owner: "Owner", group: "Group" }} values=${values}
    work=${(filled) => doThen(() => api.post("/files/mode", { path, ...filled }))} ...${{ close, problem }} />`;
}

/** An upload waits for the answer. */
function Replace({ name, answer, close }) {
  const say = (yes) => () => {
    close();
    answer(yes);
  };
  return html`<${Dialog} title="Replace ${name}" onClose=${say(false)} actions=${html`<${Button} danger onClick=${say(true)}>Replace<//><${Button} onClick=${say(false)}>Cancel<//>`}>
    <p>There is a file of that name already.</p><//>`;
}

function Delete({ entry, where, doThen, close, problem }) {
  const path = below(where, entry.name);
  return html`<${Form} title="Delete ${entry.name}" action="Delete" danger fields=${{}} values=${{}} work=${() => doThen(() => api.del("/files", { path, recursive: entry.kind === "directory" }))} ...${{ close, problem }}>
    <p>${path} is gone then${entry.kind === "directory" ? ", with all that is in it" : ""}. What is saved comes back with a rollback.</p>
  <//>`;
}
