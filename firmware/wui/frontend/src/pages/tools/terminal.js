// The terminal of the Tools tab. It outlives a look at another tab: the shell runs until it ends or the browser's tab is closed.

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import { Button } from "../../parts/Button.js";
import { Terminal, launched } from "../../parts/Terminal.js";

/** The shell that this tab has, if any. */
let shell = null;

export function TerminalTool({ session }) {
  const [current, setCurrent] = useState(() => (shell = shell && !shell.ended ? shell : launched()));
  const [remark, setRemark] = useState("");
  const [ended, setEnded] = useState(current.ended);
  current.onEnd = setEnded;
  current.onRemark = setRemark;
  const launch = () => {
    shell?.dispose();
    shell = launched();
    setEnded(null);
    setCurrent(shell);
  };
  const paste = async () => current.paste(await navigator.clipboard.readText());
  return html`
    <div class="toolbar">
      <span class="quiet">${session.account} on ${session.hostname}</span>
      ${ended ? html`<${Button} primary onClick=${launch}>Launch again<//>` : html`<${Button} onClick=${paste}>Paste<//>`}
      <span class="quiet">Ctrl+Shift+C copies, Ctrl+Shift+V pastes</span>
    </div>
    <${Terminal} key=${current.number} shell=${current} />
    <p role="status" class=${ended ? "result said" : "quiet"}>${ended ? `The terminal has ended: ${ended}.` : remark}</p>
  `;
}
