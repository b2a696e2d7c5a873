// A text that is edited: what the node has, what is typed, and what somebody else has written meanwhile. What was typed and not
// written is kept while these pages are open, also when another tab is looked at, and the browser asks before it goes.

import { useEffect, useRef, useState } from "preact/hooks";
import { loaded } from "./parts/Editor.js";

/** What was typed and not written, {text, digest of what it began with}, by what is edited. */
const drafts = new Map();

addEventListener("beforeunload", (event) => drafts.size && event.preventDefault());

/**
 * `name`: what is edited, once on the node. `read()`: what the node has, {text, digest, …}; `write(text, digest)` puts a text in
 * the place of the one with that digest, refuses with status 409 if it is another one by now, and returns what is new of it.
 * `act` runs what may go wrong (see `data.js`).
 *
 * Returns {opened, text, revision, type(text), changed, write(), discard(), theirs, keep(text), take(), leave()}: `opened` is what
 * was read, null before; `revision` is another one whenever the text was not typed but put there; `theirs` is what somebody else
 * has written meanwhile, null as long as nobody has. The last three answer that. `write` and `keep` return what the node says, or
 * null if `theirs` has to be answered first.
 */
export function useEditing({ name, read, write, act }) {
  const [opened, setOpened] = useState(null);
  const [text, setText] = useState("");
  const [revision, setRevision] = useState(0);
  const [theirs, setTheirs] = useState(null);
  const latest = useRef(null);
  const hold = (typed, found) => {
    latest.current = typed;
    setText(typed);
    if (typed === (found.text ?? "")) drafts.delete(name);
    else drafts.set(name, { text: typed, digest: found.digest });
  };
  const show = (typed, found) => {
    setOpened(found);
    setRevision((number) => number + 1);
    hold(typed, found);
  };
  useEffect(() => void act(async () => {
    loaded(); // while the text is on its way
    const found = await read();
    const draft = drafts.get(name);
    show(draft?.text ?? found.text ?? "", draft ? { ...found, digest: draft.digest } : found);
  }), []);
  const put = async (typed, digest) => {
    const done = await write(typed, digest).catch((problem) => problem);
    if (done instanceof Error) {
      const now = done.status === 409 ? await read() : null;
      if (!now || now.digest === digest) throw done;
      setTheirs(now);
      return null;
    }
    const found = { ...opened, ...done, text: typed };
    setOpened(found);
    hold(latest.current, found); // what was typed meanwhile stays
    return done;
  };
  const takeOver = (found) => {
    setTheirs(null);
    show(found.text ?? "", found);
  };
  return {
    opened, text, revision, theirs,
    changed: opened !== null && text !== (opened.text ?? ""),
    type: (typed) => hold(typed, opened),
    write: () => put(text, opened.digest),
    discard: async () => takeOver(await read()),
    keep: (merged) => {
      setTheirs(null);
      show(merged, opened);
      return put(merged, theirs.digest);
    },
    take: () => takeOver(theirs),
    leave: () => setTheirs(null),
  };
}

/**
 * Where something is wrong with a text: the places that the last action told (`problem`), until typing pauses and a checker has
 * looked at what is typed since; `check(text)` asks it. It is not asked of what the node has already, nor of what is too long.
 */
export function usePlaces({ text, changed }, problem, check) {
  const [found, setFound] = useState(null);
  useEffect(() => setFound(null), [problem]);
  useEffect(() => {
    let old = false;
    if (!changed) setFound(null);
    if (!changed || text.length > LONGEST) return undefined;
    const timer = setTimeout(async () => {
      const said = await check(text).catch(() => null);
      if (said && !old) setFound(said);
    }, PAUSE);
    return () => {
      old = true;
      clearTimeout(timer);
    };
  }, [text, changed]);
  return found?.places ?? problem?.places ?? [];
}

/** Milliseconds without a key before what is typed is checked. */
const PAUSE = 700;
/** Characters of a text that is checked while it is typed. */
const LONGEST = 500_000;
