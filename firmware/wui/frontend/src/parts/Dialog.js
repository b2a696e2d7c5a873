// A dialog: nothing else can be reached while it is open, Escape closes it, and the focus goes back to where it was.

import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";

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
    onClose();
  };
  return html`<dialog ref=${dialog} aria-label=${title} class=${wide ? "large" : ""} onCancel=${cancel}>
    <h2>${title}</h2>
    <div class="body">${children}</div>
    ${actions && html`<div class="toolbar end">${actions}</div>`}
  </dialog>`;
}
