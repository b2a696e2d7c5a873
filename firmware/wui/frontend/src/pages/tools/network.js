// Ping, traceroute and packet capture: lines that come in live, bounded here and on the node.

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import * as api from "../../api.js";
import { useData } from "../../data.js";
import * as live from "../../live.js";
import { Button } from "../../parts/Button.js";
import { Result } from "../../parts/Result.js";

const MOST = 1000;

/** What a channel says, line by line: `{lines, problem, said, capture, running, start, stop, ask}`. */
function useLines() {
  const [state, setState] = useState({ lines: [], running: false });
  const channel = useRef(null);
  const stop = () => channel.current?.close();
  useEffect(() => stop, []);
  const start = (name, params) => {
    stop();
    setState({ lines: [], running: true });
    channel.current = live.open(name, params, {
      message: (found) => setState((old) => taken(old, found)),
      end: (problem) => setState((old) => ({ ...old, problem, running: false })),
    });
  };
  const halt = () => {
    stop();
    setState((old) => ({ ...old, running: false, said: "Stopped." }));
  };
  return { ...state, start, stop: halt, ask: (message) => channel.current.send(message) };
}

function taken(old, found) {
  return { ...old, lines: [...old.lines, ...(found.lines ?? [])].slice(-MOST), capture: found.capture ?? old.capture, said: found.said ?? old.said };
}

function Lines({ label, found }) {
  return html`<pre class="log" role="log" aria-label=${label} tabindex="0">${found.lines.join("\n")}</pre>
    <p class="quiet" role="status">${found.running ? "Running …" : found.said ?? ""}</p>`;
}

export function Ping({ channel }) {
  const [address, setAddress] = useState("");
  const found = useLines();
  const start = (event) => {
    event.preventDefault();
    found.start(channel, { address: address.trim() });
  };
  return html`
    <form class="toolbar" onSubmit=${start}>
      <label>Address <input required value=${address} autocomplete="off" spellcheck=${false} onInput=${(event) => setAddress(event.target.value)} /></label>
      <button disabled=${found.running}>Start</button>
      ${found.running && html`<${Button} onClick=${found.stop}>Stop<//>`}
    </form>
    <${Lines} label="Answers" found=${found} />
    <${Result} problem=${found.problem} />
  `;
}

export function Capture() {
  const network = useData("/network");
  const [wanted, setWanted] = useState({ interface: "any", filter: "", packets: "100", seconds: "60" });
  const found = useLines();
  const field = (name) => ({ value: wanted[name], onInput: (event) => setWanted({ ...wanted, [name]: event.target.value }) });
  const start = (event) => {
    event.preventDefault();
    found.start("capture", { ...wanted, packets: Number(wanted.packets), seconds: Number(wanted.seconds) });
  };
  const names = (network.data?.interfaces ?? []).map((one) => one.name);
  return html`
    <form class="toolbar" onSubmit=${start}>
      <label>Interface <select ...${field("interface")}><option>any</option>${names.map((name) => html`<option>${name}</option>`)}</select></label>
      <label>Filter <input placeholder="udp port 51820" spellcheck=${false} ...${field("filter")} /></label>
      <label>Packets <input type="number" min="1" max="100000" ...${field("packets")} /></label>
      <label>Seconds <input type="number" min="1" max="3600" ...${field("seconds")} /></label>
      <button disabled=${found.running}>Start</button>
      ${found.running && html`<${Button} onClick=${() => found.ask({ stop: true })}>Stop<//>`}
      ${found.capture && !found.running && html`<a class="button" href=${api.url(`/captures/${found.capture}`)} download>Download</a>`}
    </form>
    <${Lines} label="Captured packets" found=${found} />
    <${Result} problem=${found.problem ?? network.problem} />
  `;
}
