// Errors of a file, each with its place: FILE:LINE: text.

import { html } from "htm/preact";

/** `onPick(place)`, if given, is called when somebody clicks a place. */
export function Errors({ places, onPick }) {
  if (!places?.length) return null;
  return html`<section class="errors" aria-label="Errors"><ul>${places.map((place, index) => html`<li key=${index}>${onPick
    ? html`<button class="bare" onClick=${() => onPick(place)}>${spelled(place)}</button>` : spelled(place)}</li>`)}</ul></section>`;
}

const spelled = ({ file, line, text }) => `${file}:${line ? `${line}:` : ""} ${text}`;
