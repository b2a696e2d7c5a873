// The files of a service: one is edited at a time; what is typed is tried by the service's own checker while typing pauses.

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import * as api from "../api.js";
import { useAction } from "../data.js";
import { useEditing, usePlaces } from "../editing.js";
import { Button } from "./Button.js";
import { Conflict } from "./Conflict.js";
import { Editor } from "./Editor.js";
import { counted } from "../words.js";
import { Errors } from "./Errors.js";
import { Push } from "./Push.js";
import { Result } from "./Result.js";

/** `service`: its row. `balancer`: on the page of a load balancer Check stands in the place of OK and Close. */
export function ServiceFiles({ service, session, onClose, reload, balancer = false }) {
  const [path, setPath] = useState(service.files[0]);
  const several = service.files.length > 1;
  if (session.role !== "admin") return html`<p class="quiet">Files may hold secrets: accounts of role admin see them.</p>`;
  if (!path) return html`<p>service ${service.title} has no files that are edited as text.</p><${Others} paths=${service.other_files} />`;
  return html`
    ${several && html`<div role="group" aria-label="Files of ${service.title}" class="choice">${service.files.map((one) => html`
      <button type="button" key=${one} title=${one} aria-pressed=${one === path} onClick=${() => setPath(one)}>${shortened(one)}</button>`)}</div>`}
    <${OneFile} key=${path} ...${{ service, path, onClose, reload, balancer }} />
    <${Others} paths=${service.other_files} />`;
}

/** The files that have no editor here: where they are. */
function Others({ paths }) {
  if (!paths.length) return null;
  return html`<details><summary>${counted(paths.length, "other file")}, with secrets or no text: the File manager has ${paths.length === 1 ? "it" : "them"}</summary>
    <ul class="paths">${paths.map((path) => html`<li key=${path}><a href="#/tools/files${path.split("/").map(encodeURIComponent).join("/")}">${path}</a></li>`)}</ul></details>`;
}

/** A path below the directory of its service. */
const shortened = (path) => path.split("/").slice(3).join("/") || path;

function OneFile({ service, path, onClose, reload, balancer }) {
  const base = `/services/${encodeURIComponent(service.title)}`;
  const { act, problem, said } = useAction();
  const [picked, setPicked] = useState(null);
  const write = async (text, digest) => {
    const put = () => api.put("/files", { text, digest }, { path, check: 1 });
    const done = await put().catch(async (missing) => {
      if (missing.status !== 404 || digest !== null) throw missing;
      await api.post("/files/directory", { path: path.slice(0, path.lastIndexOf("/")) }); // its first file
      return put();
    });
    await reload();
    return done;
  };
  const editing = useEditing({ name: path, act, read: () => readFile(path), write });
  const tryOut = (text) => api.post(`${base}/try`, { files: { [path]: text } });
  const places = usePlaces(editing, problem, tryOut);
  const { opened, text, changed } = editing;
  if (!opened) return html`<${Result} problem=${problem} />`;
  if (opened.text === null) return html`<p>${path} is no text, or too much of it for the editor. It is left as it is; the <a href="#/tools/files${path}">File manager</a> has it.</p>`;

  const applied = !changed && !service.needs_apply;
  const check = async () => {
    if (!changed) return warnings(await api.post(`${base}/check`));
    const found = await tryOut(text);
    if (found.places.some((place) => place.severity !== "warning")) throw new api.Problem({ detail: `${path} is not valid as it is typed.`, hint: "Mend what stands above.", places: found.places });
    return "";
  };
  const apply = async () => {
    if (changed && !(await editing.write())) return "";
    const done = await api.post(`${base}/apply`);
    await reload();
    return warnings(done);
  };
  return html`
    <${Editor} label=${path} value=${text} revision=${editing.revision} onChange=${editing.type} places=${places.filter((place) => place.file === path)} picked=${picked} language=${service.name} />
    <div class="toolbar">
      ${!balancer && html`<${Button} primary onClick=${() => act(async () => warnings(await editing.write()))}>OK<//>`}
      ${balancer && html`<${Button} onClick=${() => act(check)}>Check<//>`}
      ${(balancer || !applied) && html`<${Button} primary=${balancer} onClick=${() => act(apply)}>Apply<//>`}
      <${Push} title=${service.title} offered=${applied && service.may_push} run=${act} />
      ${applied && !service.may_push && !service.node_specific && html`<span class="quiet">${service.reasons[0]}</span>`}
      ${!balancer && html`<${Button} onClick=${onClose}>Close<//>`}
      ${changed && html`<${Button} onClick=${() => act(editing.discard)}>Discard<//>`}
      <span class="quiet">${changed ? "changed, not written yet" : service.needs_apply ? "written, not in effect yet" : ""}</span>
    </div>
    <${Errors} places=${places} onPick=${setPicked} />
    <${Result} problem=${problem} said=${said} />
    <${Conflict} name=${path} editing=${editing} write=${(work) => act(async () => warnings(await work()))} />
  `;
}

/** What there is to be warned of: silence is success. */
const warnings = (done) => (done?.warnings ?? []).join("\n");

/** A file as the node has it; one that is not there is empty. */
async function readFile(path) {
  return api.get("/files", { path }).catch((problem) => {
    if (problem.status === 404) return { path, text: "", digest: null };
    throw problem;
  });
}
