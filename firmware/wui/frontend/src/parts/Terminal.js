// A shell on the node, drawn by xterm.js, which is loaded when the first one is launched.

import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import * as live from "../live.js";

/** Lines that can be scrolled back to. */
const SCROLL_BACK = 5000;
/** Bytes after which the node is told how many have been drawn: it does not send more than some such portions ahead. */
const PORTION = 32_768;

const THEME = { background: "#14181f", foreground: "#e6e9ef", cursor: "#8ab4f8", selectionBackground: "#3b4a63" };
const LOOKS = { scrollback: SCROLL_BACK, fontSize: 14, fontFamily: "ui-monospace, 'DejaVu Sans Mono', monospace", screenReaderMode: true, theme: THEME };

let count = 0;

/** Launch a shell. It is there at once; what is drawn is drawn once it has a place. `ended`: how it ended, in words. */
export function launched() {
  const shell = { number: (count += 1), ended: null, onEnd: null, onRemark: null, screen: null, dispose: () => {}, paste: () => {} };
  shell.opened = import("./screen.js").then(({ made }) => Object.assign(shell, made(LOOKS), { paste: (text) => shell.screen.paste(text) }));
  return shell;
}

/** Ask the node for a shell as large as the screen is now, and let both talk. */
function talk(shell) {
  const { screen } = shell;
  const text = new TextEncoder();
  let drawn = 0;
  const channel = live.open("terminal", { columns: screen.cols, rows: screen.rows }, {
    bytes: (data) => screen.write(data, () => {
      drawn += data.length;
      if (drawn < PORTION) return;
      channel.send({ ack: drawn });
      drawn = 0;
    }),
    message(found) {
      if (found.ended) finish(shell, found.ended);
      if (found.discarded) shell.onRemark?.("Nothing reads what is typed: some of it was thrown away.");
    },
    end: (problem) => finish(shell, problem ? [problem.detail || problem.title, problem.hint].filter(Boolean).join(": ") : "the shell has ended"),
  });
  screen.onData((typed) => channel.write(text.encode(typed)));
  screen.onBinary((typed) => channel.write(Uint8Array.from(typed, (character) => character.charCodeAt(0))));
  screen.onResize(({ cols, rows }) => channel.send({ resize: [cols, rows] }));
  shell.dispose = () => {
    channel.close();
    screen.dispose();
  };
}

function finish(shell, words) {
  if (shell.ended) return;
  shell.ended = words;
  shell.screen.options.disableStdin = true;
  shell.onEnd?.(words);
}

/** The place where a shell is shown. */
export function Terminal({ shell }) {
  const place = useRef(null);
  useEffect(() => {
    let gone = false;
    const fit = new ResizeObserver(() => shell.fit?.fit());
    shell.opened.then(() => {
      if (gone) return;
      show(shell, place.current);
      fit.observe(place.current);
    });
    return () => {
      gone = true;
      fit.disconnect();
    };
  }, [shell]);
  return html`<div class="terminal" ref=${place}></div>`;
}

/** Put the screen into its place; the first time, also ask for the shell. */
function show(shell, place) {
  if (shell.screen.element) {
    place.append(shell.screen.element);
  } else {
    shell.screen.open(place);
    shell.screen.textarea.setAttribute("aria-label", "Terminal");
    shell.fit.fit();
    talk(shell);
  }
  shell.fit.fit();
  shell.screen.focus();
}
