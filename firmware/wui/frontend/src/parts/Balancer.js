// LB Layer7 and LB Layer4: the files of a load balancer, with Check, Apply and Push below.

import { html } from "htm/preact";
import { useData } from "../data.js";
import { useChannel } from "../live.js";
import { Result } from "./Result.js";
import { ServiceFiles } from "./ServiceFiles.js";

export function Balancer({ heading, name, session }) {
  const first = useData("/services");
  const rows = useChannel("services", {})?.services ?? first.data?.services ?? first.data;
  const service = rows?.find((row) => row.name === name);
  if (!rows) return html`<h1>${heading}</h1><${Result} problem=${first.problem} />`;
  if (!service) return html`<h1>${heading}</h1><p>There is no <code>service ${name}</code> in <code>/etc/config.rc</code>, so nothing is balanced here.</p>`;
  return html`<h1>${heading}</h1><${ServiceFiles} balancer service=${service} session=${session} reload=${first.reload} />`;
}
