// LB Layer7 and LB Layer4: the files of a load balancer, with Check, Apply and Push below.

import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { useServices } from "../data.js";
import { loaded } from "./Editor.js";
import { Result } from "./Result.js";
import { ServiceFiles } from "./ServiceFiles.js";

export function Balancer({ heading, name, session }) {
  const { rows, problem, reload } = useServices();
  useEffect(() => void loaded(), []);
  const service = rows?.find((row) => row.name === name);
  if (!rows) return html`<h1>${heading}</h1><${Result} problem=${problem} />`;
  if (!service) return html`<h1>${heading}</h1><p>There is no <code>service ${name}</code> in <code>/etc/config.rc</code>, so nothing is balanced here. Two lines make one:
    <code>service ${name}</code> at the end of <a href="#/tools/files/etc/config.rc">/etc/config.rc</a>, and its own page on the tab <a href="#/services">Services</a> starts it.</p>`;
  return html`<h1>${heading}</h1><div class="balancer"><${ServiceFiles} balancer service=${service} session=${session} reload=${reload} /></div>`;
}
