// Errors and warnings of a file, each with its place: FILE:LINE: text.

import { html } from "htm/preact";

/** `onPick(place)`, if given, is called when somebody clicks a place. */
export function Errors({ places, onPick }) {
  if (!places?.length) return null;
  const only = places.every(isWarning) ? "warnings" : "";
  return html`<section class="errors ${only}" aria-label="Errors"><ul>${places.map((place, index) => html`<li key=${index}>${onPick && place.line
    ? html`<button type="button" class="bare" onClick=${() => onPick({ ...place })}>${spelled(place)}</button>` : spelled(place)}</li>`)}</ul></section>`;
}

const isWarning = ({ severity }) => severity === "warning";

function spelled(place) {
  const where = [place.file, place.line || ""].filter(Boolean).map((word) => `${word}:`).join("");
  return [where, isWarning(place) && "warning:", place.text].filter(Boolean).join(" ");
}
