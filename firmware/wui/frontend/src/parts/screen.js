// xterm.js, in a bundle of its own that is loaded with the first terminal. It makes style elements, which the browser takes only
// with the nonce of this page.

import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";

const make = document.createElement.bind(document);

/** A screen that fits its place: {screen, fit}. */
export function made(options) {
  markStyles();
  const screen = new Terminal(options);
  const fit = new FitAddon();
  screen.loadAddon(fit);
  return { screen, fit };
}

function markStyles() {
  const nonce = document.querySelector("meta[name=nonce]").content;
  document.createElement = (name, ...rest) => {
    const element = make(name, ...rest);
    if (String(name).toLowerCase() === "style") element.nonce = nonce;
    return element;
  };
}
