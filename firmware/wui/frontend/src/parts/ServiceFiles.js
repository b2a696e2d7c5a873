// The files of a service: one is edited at a time; what is typed is tried by the service's own checker while typing pauses.

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import * as api from "../api.js";
import { useAction } from "../data.js";
import { Button } from "./Button.js";
import { Conflict } from "./Conflict.js";
import { Editor } from "./Editor.js";
import { Errors } from "./Errors.js";
import { Push } from "./Push.js";
import { Result } from "./Result.js";

/** Milliseconds without a key before what is typed is tried. */
const PAUSE = 700;

/** `service`: its row. `balancer`: on the page of a load balancer Check stands in the place of OK and Close. */
export function ServiceFiles({ service, session, onClose, reload, balancer = false }) {
  const [path, setPath] = useState(service.files[0]);
  const several = service.files.length > 1;
  return html`
    ${several && html`<div role="group" aria-label="Files of ${service.title}" class="choice">${service.files.map((one) => html`
      <button key=${one} aria-pressed=${one === path} onClick=${() => setPath(one)}>${one.split("/").at(-1)}</button>`)}</div>`}
    <${OneFile} key=${path} ...${{ service, session, path, onClose, reload, balancer }} />`;
}

/** What was typed and not written, by path: it is there again when the page is left and opened again. */
const drafts = new Map();

function OneFile({ service, session, path, onClose, reload, balancer }) {
  const [kept, setKept] = useState(null);
  const [text, setText] = useState("");
  const [other, setOther] = useState(null);
  const { act, problem, said } = useAction();
  const tried = useTrial(service.title, path, text, kept);
  const may = session.role === "admin";
  const show = (file) => {
    setKept(file);
    setText(drafts.get(path)?.text ?? file.text ?? "");
  };
  useEffect(() => void act(async () => show(await opened(path))), []);
  if (!kept) return html`<${Result} problem=${problem} />`;
  if (kept.text === null) return html`<p>${path} is no text, or too much of it for the editor. It is left as it is; the File manager has it.</p>`;
  const change = (typed) => {
    setText(typed);
    if (typed === kept.text) drafts.delete(path);
    else drafts.set(path, { text: typed, digest: kept.digest });
  };
  const write = async (digest, written) => {
    const done = await api.put("/files", { text: written, digest }, { path, check: 1 }).catch(async (error) => {
      if (error.status !== 409) throw error;
      setOther(await api.get("/files", { path }));
      return null;
    });
    if (!done) return false;
    await reload();
    drafts.delete(path);
    setKept({ ...kept, text: written, digest: done.digest });
    setText(written);
    return true;
  };
  const base = `/services/${encodeURIComponent(service.title)}`;
  const changed = text !== kept.text;
  const ok = () => act(async () => void (await write(kept.digest, text)));
  const check = () => act(async () => {
    const { places = [] } = changed ? await api.post(`${base}/try`, { files: { [path]: text } }) : await api.post(`${base}/check`);
    const errors = places.filter((place) => place.severity !== "warning");
    if (errors.length) throw Object.assign(new api.Problem({ detail: `${path} is not valid.`, status: 422 }), { places: errors });
    return "";
  });
  const apply = () => act(async () => {
    if (changed && !(await write(kept.digest, text))) return "";
    const done = await api.post(`${base}/apply`);
    await reload();
    return (done?.warnings ?? []).join("\n");
  });
  const run = (work) => act(work);
  const places = problem?.places?.length ? problem.places : tried;
  const applied = !changed && !service.needs_apply;
  return html`
    <${Editor} label=${path} value=${text} onChange=${change} places=${places.filter((place) => place.file === path)} readOnly=${!may} language=${service.name} />
    <div class="toolbar">
      ${may && !balancer && html`<${Button} primary onClick=${ok}>OK<//>`}
      ${balancer && html`<${Button} onClick=${check}>Check<//>`}
      ${may && (balancer || !applied) && html`<${Button} primary=${balancer} onClick=${apply}>Apply<//>`}
      ${may && applied && service.may_push && html`<${Push} title=${service.title} run=${run} />`}
      ${!balancer && html`<${Button} onClick=${onClose}>Close<//>`}
      <span class="quiet">${changed ? "changed, not written yet" : service.needs_apply ? "written, not in effect yet" : ""}</span>
    </div>
    <${Errors} places=${places} />
    <${Result} problem=${problem} said=${said} />
    ${other && html`<${Conflict} name=${path} mine=${text} theirs=${other.text ?? ""} onClose=${() => setOther(null)}
      onKeep=${(merged) => { setOther(null); return act(async () => void (await write(other.digest, merged))); }}
      onTake=${() => { drafts.delete(path); setOther(null); show(other); }} />`}
  `;
}

/** A file as the node has it; one that is not there yet is empty. */
async function opened(path) {
  const file = await api.get("/files", { path }).catch((problem) => {
    if (problem.status === 404) return { path, text: "", digest: null };
    throw problem;
  });
  const draft = drafts.get(path);
  return draft ? { ...file, digest: draft.digest } : file;
}

/** What the checker says of what is typed, once typing has paused; nothing of what is there already. */
function useTrial(title, path, text, kept) {
  const [places, setPlaces] = useState([]);
  const asked = useRef(0);
  useEffect(() => {
    const number = (asked.current += 1);
    setPlaces([]);
    if (!kept || text === kept.text) return undefined;
    const timer = setTimeout(async () => {
      const found = await api.post(`/services/${encodeURIComponent(title)}/try`, { files: { [path]: text } }).catch(() => null);
      if (found && number === asked.current) setPlaces(found.places ?? []);
    }, PAUSE);
    return () => clearTimeout(timer);
  }, [text, kept]);
  return places;
}
