// What the editor offers while haproxy.cfg is typed: sections at the start of a line, the words of the section in an indented one.

import { FOLLOWING, SECTIONS } from "./haproxy-words.js";

/** A source of completions for CodeMirror. */
export function haproxyWords(context) {
  const line = context.state.doc.lineAt(context.pos);
  const before = line.text.slice(0, context.pos - line.from);
  const [, indent, first, rest] = before.match(/^(\s*)([\w.-]*)(.*)$/);
  if (rest === "") return offered(context, first, indent ? (SECTIONS[section(context.state.doc, line.number)] ?? []) : Object.keys(SECTIONS));
  const second = rest.match(/^\s+([\w.-]*)$/);
  return second && FOLLOWING[first] ? offered(context, second[1], FOLLOWING[first]) : null;
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
