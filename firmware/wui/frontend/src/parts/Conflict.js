// Somebody else has changed what is being edited: both sides beside each other, and a question. Nothing that was typed is lost.

import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { Button } from "./Button.js";
import { Dialog } from "./Dialog.js";

/** The question, as long as `editing` (see `editing.js`) has one; `write(work)` runs what writes, and shows what comes of it. */
export function Conflict({ name, editing, write }) {
  if (!editing.theirs) return null;
  return html`<${Question} name=${name} mine=${editing.text} theirs=${editing.theirs.text ?? ""}
    onKeep=${(merged) => write(() => editing.keep(merged))} onTake=${editing.take} onClose=${editing.leave} />`;
}

/** `onKeep(text)`: write what stands on the side that was typed here; `onTake()`: go on with what is there now. */
function Question({ name, mine, theirs, onKeep, onTake, onClose }) {
  const place = useRef(null);
  const merge = useRef(null);
  useEffect(() => {
    let gone = false;
    import("./code-mirror-merge.js").then(({ compared }) => {
      if (!gone) merge.current = compared(place.current, { mine, theirs });
    });
    return () => {
      gone = true;
      merge.current?.close();
    };
  }, []);
  const keep = () => onKeep(merge.current?.text() ?? mine);
  return html`<${Dialog} wide title="${name} has changed" onClose=${onClose} actions=${html`
      <${Button} danger onClick=${keep}>Write mine<//><${Button} onClick=${onTake}>Take what is there<//><${Button} onClick=${onClose}>Cancel<//>`}>
    <p>It was written by somebody else since it was opened here. Both are shown; what you have typed can be changed here, too.</p>
    <div class="sides" aria-hidden="true"><span>What is there now</span><span>What you have typed</span></div>
    <div class="merge" ref=${place}></div>
  <//>`;
}
