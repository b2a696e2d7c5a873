// What the editor offers while a file is typed: the words that may begin a line where it stands, and the second words after some.
// haproxy.cfg has sections, whose lines are indented; the file of ipvsd has braces.

import { FOLLOWING, SECTIONS } from "./haproxy-words.js";
import { AFTER, INSIDE } from "./keepalived-words.js";

/** Sources of completions for CodeMirror, by language. */
export const SOURCES = {
  haproxy: (context) => completions(context, FOLLOWING, (indent, line) => (indent ? (SECTIONS[section(context.state.doc, line.number)] ?? []) : Object.keys(SECTIONS))),
  ipvsd: (context) => completions(context, AFTER, (_, line) => INSIDE[braces(context.state.doc.sliceString(0, line.from))] ?? []),
};

/** `following`: second words by the first one; `firsts(indent, line)`: the words that may begin that line. */
function completions(context, following, firsts) {
  const line = context.state.doc.lineAt(context.pos);
  const before = line.text.slice(0, context.pos - line.from);
  const [, indent, first, rest] = before.match(/^(\s*)([\w.-]*)(.*)$/);
  if (rest === "") return offered(context, first, firsts(indent, line));
  const second = rest.match(/^\s+([\w.-]*)$/);
  return second && following[first] ? offered(context, second[1], following[first]) : null;
}

function offered(context, typed, words) {
  if (!typed && !context.explicit) return null;
  return { from: context.pos - typed.length, options: words.map((label) => ({ label, type: "keyword" })), validFor: /^[\w.-]*$/ };
}

/** The section that a line is in. */
function section(doc, number) {
  for (let at = number; at > 0; at -= 1) {
    const found = doc.line(at).text.match(/^([a-z-]+)/);
    if (found) return found[1];
  }
  return "";
}

/** The word to which the innermost braces belong that are open at the end of a text; "" outside of all. */
function braces(text) {
  const open = [];
  let word = "";
  for (const line of text.split("\n")) {
    for (const [token] of line.replace(/[#!].*/, "").matchAll(/[{}]|[^\s{}]+/g)) {
      if (token === "{") open.push(word);
      else if (token === "}") open.pop();
      else if (line.trimStart().startsWith(token)) word = token;
    }
  }
  return open.at(-1) ?? "";
}
