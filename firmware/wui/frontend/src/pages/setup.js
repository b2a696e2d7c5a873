// Setup: what is saved here and on the peer, history, network, time, accounts, upgrade.

import { html } from "htm/preact";
import { Accounts } from "./setup/accounts.js";
import { Configuration } from "./setup/configuration.js";
import { History } from "./setup/history.js";
import { Network } from "./setup/network.js";
import { Remote } from "./setup/remote.js";
import { Time } from "./setup/time.js";
import { Upgrade } from "./setup/upgrade.js";

const Overview = (props) => html`<${Configuration} ...${props} /><${Remote} ...${props} />`;

/** The parts: the word in the address, what is on the link, who may. */
const PARTS = [
  { key: "", word: "Configurations", view: Overview },
  { key: "history", word: "History", view: History },
  { key: "network", word: "Network", view: Network },
  { key: "time", word: "Time", view: Time },
  { key: "accounts", word: "Accounts", view: Accounts },
  { key: "upgrade", word: "Upgrade", view: Upgrade },
];

export function Page({ session, path }) {
  const open = PARTS.find((part) => part.key === (path[0] ?? "")) ?? PARTS[0];
  return html`
    <h1>Setup</h1>
    <div role="group" aria-label="Parts of Setup" class="choice">${PARTS.map((part) => html`
      <a key=${part.key} href="#/setup${part.key && `/${part.key}`}" aria-current=${part === open ? "true" : undefined}>${part.word}</a>`)}</div>
    <${open.view} session=${session} />
  `;
}
