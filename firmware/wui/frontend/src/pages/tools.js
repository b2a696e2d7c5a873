// Tools: a terminal, the file manager, ping, traceroute and packet capture.

import { html } from "htm/preact";
import { Button } from "../parts/Button.js";
import { Files } from "./tools/files.js";
import { Capture, Ping } from "./tools/network.js";
import { TerminalTool } from "./tools/terminal.js";

/** What can be opened: the word in the address, what is on the button, what it is good for, who may. */
const TOOLS = [
  { key: "terminal", word: "Launch a terminal", about: "A login shell on this node.", role: "admin", view: TerminalTool },
  { key: "files", word: "File manager", about: "Browse, edit, upload and download files of this node.", role: "admin", view: Files },
  { key: "ping", word: "Ping", about: "Whether an address answers, and how fast.", view: (props) => html`<${Ping} channel="ping" ...${props} />` },
  { key: "traceroute", word: "Traceroute", about: "The routers on the way to an address.", view: (props) => html`<${Ping} channel="traceroute" ...${props} />` },
  { key: "capture", word: "Packet capture", about: "The packets of an interface, live and as a file.", role: "admin", view: Capture },
];

export function Page({ session, path }) {
  const mine = TOOLS.filter((tool) => !tool.role || tool.role === session.role);
  const open = mine.find((tool) => tool.key === path[0]);
  return html`
    <h1>Tools</h1>
    ${open ? html`<div class="toolbar"><a href="#/tools">All tools</a><h2>${open.key === "terminal" ? "Terminal" : open.word}</h2></div>
      <${open.view} key=${open.key} session=${session} path=${path.slice(1)} />`
    : html`<ul class="tiles">${mine.map((tool) => html`<li key=${tool.key} class="card">
        <${Button} onClick=${() => (location.hash = `#/tools/${tool.key}`)}>${tool.word}<//><p>${tool.about}</p></li>`)}</ul>`}
  `;
}
