// Two texts beside each other; the right one can be changed.

import { MergeView } from "@codemirror/merge";
import { EditorState } from "@codemirror/state";
import { EditorView, lineNumbers } from "@codemirror/view";

/** Show them in an element: {text() of the right one, close()}. */
export function compared(parent, { mine, theirs }) {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const nonce = document.querySelector("meta[name=nonce]")?.content ?? "";
  const common = [EditorView.cspNonce.of(nonce), EditorView.theme({}, { dark }), lineNumbers(), EditorView.lineWrapping];
  const named = (label) => EditorView.contentAttributes.of({ "aria-label": label });
  const view = new MergeView({
    parent,
    a: { doc: theirs, extensions: [...common, named("What is there now"), EditorState.readOnly.of(true)] },
    b: { doc: mine, extensions: [...common, named("What you have typed")] },
    gutter: true,
  });
  for (const side of [view.a, view.b]) side.scrollDOM.tabIndex = 0;
  return { text: () => view.b.state.doc.toString(), close: () => view.destroy() };
}
