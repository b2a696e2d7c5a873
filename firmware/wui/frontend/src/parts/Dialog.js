// A dialog: nothing else can be reached while it is open, Escape closes it, and the focus goes back to where it was.

import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";

/** `onClose()` is called when somebody wants it closed; without it, only what is in it leads out. */
export function Dialog({ title, children, actions, onClose, wide }) {
  const dialog = useRef(null);
  useEffect(() => {
    const before = document.activeElement;
    const element = dialog.current;
    element.showModal();
    return () => {
      element.close();
      before?.focus?.();
    };
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    onClose?.();
  };
  // A browser closes a dialog by itself when Escape comes twice; so it never sees one.
  const escape = (event) => event.key === "Escape" && !event.defaultPrevented && cancel(event);
  return html`<dialog ref=${dialog} aria-label=${title} class=${wide ? "large" : ""} onCancel=${cancel} onKeyDown=${escape}>
    <h2>${title}</h2>
    <div class="body">${children}</div>
    ${actions && html`<div class="toolbar end">${actions}</div>`}
  </dialog>`;
}
