// LB Layer7: haproxy.

import { html } from "htm/preact";
import { Balancer } from "../parts/Balancer.js";

export const Page = ({ session }) => html`<${Balancer} heading="LB Layer7" name="haproxy" session=${session} />`;
