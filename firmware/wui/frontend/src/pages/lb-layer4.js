// LB Layer4: ipvsd, which is keepalived.

import { html } from "htm/preact";
import { Balancer } from "../parts/Balancer.js";

export const Page = ({ session }) => html`<${Balancer} heading="LB Layer4" name="ipvsd" session=${session} />`;
