// A button that cannot be clicked again while what it started is going on; the focus stays on it.

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";

export function Button({ onClick, primary, danger, busy, disabled, label, title, pressed, children }) {
  const [working, setWorking] = useState(false);
  const there = useRef(true);
  useEffect(() => () => (there.current = false), []);
  const waits = working || busy;
  const run = async (event) => {
    if (waits) return;
    setWorking(true);
    try {
      await onClick(event);
    } finally {
      if (there.current) setWorking(false);
    }
  };
  const looks = [primary && "primary", danger && "danger", waits && "working"].filter(Boolean).join(" ");
  return html`<button type="button" class=${looks} aria-label=${label} title=${title} aria-pressed=${pressed} aria-busy=${waits || undefined} aria-disabled=${waits || undefined} disabled=${disabled} onClick=${run}>${children}</button>`;
}
