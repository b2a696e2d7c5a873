// The JSON API of the node: one function for each method; what goes wrong is a Problem with words for people.

import { signal } from "@preact/signals";

/** Whether the session has ended: what was typed stays, and a dialog asks to log in again. */
export const sessionOver = signal(false);

/** How many requests that may have changed something have been answered: what is live is looked at again at each. */
export const changes = signal(0);

/** What the node says went wrong: title, status, detail, hint, and places [{file, line, text}] where there are some. */
export class Problem extends Error {
  constructor(body) {
    super(body.detail ?? body.title);
    Object.assign(this, { places: [], hint: "" }, body);
    this.body = body;
  }
}

const HEADERS = { "X-Requested-With": "csyncd" };
const LOST = { title: "No answer", status: 0, detail: "The node does not answer.", hint: "Is it on, and is its web UI running? What is typed here stays." };

/** The address of a path of the API, for links, too. */
export function url(path, query) {
  const words = new URLSearchParams(Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== null));
  return `/api/v1${path}${words.size ? `?${words}` : ""}`;
}

export const get = (path, query) => send("GET", path, query);
export const post = (path, body = {}, query) => send("POST", path, query, body);
export const put = (path, body, query) => send("PUT", path, query, body);
export const del = (path, query) => send("DELETE", path, query);

async function send(method, path, query, body) {
  const headers = body === undefined ? HEADERS : { ...HEADERS, "Content-Type": "application/json" };
  const answer = await fetch(url(path, query), { method, headers, body: body === undefined ? undefined : JSON.stringify(body) }).catch(() => {
    throw new Problem(LOST);
  });
  if (method !== "GET") changes.value += 1;
  return understood(answer.status, await answer.text());
}

/** Connections that a browser may hold to one node. */
const CONNECTIONS = 8;

/** Ask, and again for as long as the node wants it over a new connection: it closes the old ones one by one. */
export async function askAnew(ask, left = CONNECTIONS) {
  return ask().catch((problem) => {
    if (!problem.ask_anew || !left) throw problem;
    return askAnew(ask, left - 1);
  });
}

/** Send a file as it is. `onProgress` gets the part that has been sent, 0 to 1. */
export function upload(method, path, blob, { query, onProgress } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url(path, query));
    request.setRequestHeader("X-Requested-With", "csyncd");
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => onProgress?.(event.total ? event.loaded / event.total : 1);
    request.onerror = () => reject(new Problem(LOST));
    request.onload = () => {
      changes.value += 1;
      try {
        resolve(understood(request.status, request.responseText));
      } catch (problem) {
        reject(problem);
      }
    };
    request.send(blob);
  });
}

/** The object in an answer; a Problem is thrown. */
function understood(status, text) {
  if (status === 401) sessionOver.value = true;
  let found = null;
  try {
    found = text ? JSON.parse(text) : null;
  } catch {
    throw new Problem({ title: "An answer that is no JSON", status, detail: `The node answered ${status} with something that is not understood.`, hint: "Reload the page." });
  }
  if (status >= 400) throw new Problem({ title: "", ...found, status });
  return found;
}

/** End this session. */
export async function logOut() {
  await fetch("/logout", { method: "POST", headers: HEADERS });
  location.assign("/");
}
