// CodeMirror as this application uses it: line numbers, search, undo, errors at their lines, colours for the files of a node.

import { autocompletion, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import { EditorView, drawSelection, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { SOURCES } from "./completion.js";

const COLOURS = HighlightStyle.define([
  { tag: tags.comment, color: "var(--code-comment)" },
  { tag: tags.heading, color: "var(--code-section)", fontWeight: "600" },
  { tag: tags.keyword, color: "var(--code-keyword)" },
  { tag: tags.string, color: "var(--code-string)" },
  { tag: tags.number, color: "var(--code-number)" },
]);

/** Files of words: a comment after #, a section at the start of a line, a keyword as the first word of an indented one. */
const words = StreamLanguage.define({
  token(stream) {
    if (stream.eatSpace()) return null;
    if (stream.match(/#.*/)) return "comment";
    if (stream.match(/"(?:[^"\\]|\\.)*"?|'[^']*'?/)) return "string";
    if (stream.sol() && stream.match(/[A-Za-z_]\w*(?==)/)) return "keyword";
    if (stream.match(/^=/)) return null;
    const first = !/\S/.test(stream.string.slice(0, stream.pos));
    const indented = stream.pos > 0;
    if (stream.match(/\d+(?:[a-z]{1,2})?(?=\s|$)/)) return "number";
    stream.match(/\\.|[^\s#"'\\]+/) || stream.next();
    return first ? (indented ? "keyword" : "heading") : null;
  },
});

/** Open an editor in an element: {replace(text), mark(places), show(line), close(), view}. Its lines are counted from `first` on. */
export function opened(parent, { label, language, text, first, onChange, readOnly }) {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const nonce = document.querySelector("meta[name=nonce]")?.content ?? "";
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        EditorView.cspNonce.of(nonce), EditorView.theme({}, { dark }), EditorView.lineWrapping,
        lineNumbers({ formatNumber: (line) => String(line + first - 1) }), highlightActiveLineGutter(), highlightActiveLine(), highlightSpecialChars(), drawSelection(), history(), search({ top: true }), highlightSelectionMatches(),
        SOURCES[language] ? autocompletion({ override: [SOURCES[language]], icons: false, maxRenderedOptions: 12 }) : [],
        lintGutter(), words, syntaxHighlighting(COLOURS),
        keymap.of([...completionKeymap, ...defaultKeymap, ...historyKeymap, ...searchKeymap, indentWithTab]),
        EditorState.lineSeparator.of("\n"), // so that a carriage return is a character, which is shown and stays
        EditorView.contentAttributes.of({ "aria-label": label, "aria-description": "Tab indents; Escape and then Tab leaves the editor.", autocapitalize: "off", autocorrect: "off", spellcheck: "false" }),
        EditorState.readOnly.of(readOnly),
        EditorView.updateListener.of((update) => update.docChanged && onChange(update.state.doc.toString())),
      ],
    }),
  });
  view.scrollDOM.tabIndex = 0;
  return {
    view,
    replace: (next) => next !== view.state.doc.toString() && view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } }),
    mark: (places) => view.dispatch(setDiagnostics(view.state, places.filter((place) => place.line).map((place) => diagnostic(view.state.doc, place, first)))),
    show: (line) => showLine(view, line - first + 1),
    close: () => view.destroy(),
  };
}

/** A line of the text; the nearest one where there is none of that number. */
const lineAt = (doc, number) => doc.line(Math.min(Math.max(number, 1), doc.lines));

function showLine(view, number) {
  const { from } = lineAt(view.state.doc, number);
  view.dispatch({ selection: { anchor: from }, effects: EditorView.scrollIntoView(from, { y: "center" }) });
  view.focus();
}

function diagnostic(doc, { line, text, severity = "error" }, first) {
  const found = lineAt(doc, line - first + 1);
  return { from: found.from, to: found.to, severity, message: text };
}
