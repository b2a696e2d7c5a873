// A text that is edited: what the node has, what is typed, and what somebody else has written meanwhile. What was typed and not
// written is kept while these pages are open, also when another tab is looked at, and the browser asks before it goes.

import { useEffect, useState } from "preact/hooks";

/** What was typed and not written, {text, digest of what it began with}, by what is edited. */
const drafts = new Map();

addEventListener("beforeunload", (event) => drafts.size && event.preventDefault());

/**
 * `name`: what is edited, once on the node. `read()`: what the node has, {text, digest, …}; `write(text, digest)` puts a text in
 * the place of the one with that digest, refuses with status 409 if it is another one by now, and returns what is new of it.
 * `act` runs what may go wrong (see `data.js`).
 *
 * Returns {opened, text, type(text), changed, write(), discard(), theirs, keep(text), take(), leave()}: `opened` is what was read,
 * null before; `theirs` is what somebody else has written meanwhile, null as long as nobody has. The last three answer that.
 * `write` and `keep` return what the node says, or null if `theirs` has to be answered first.
 */
export function useEditing({ name, read, write, act }) {
  const [opened, setOpened] = useState(null);
  const [text, setText] = useState("");
  const [theirs, setTheirs] = useState(null);
  const show = (found, typed) => {
    setOpened(found);
    setText(typed ?? found.text ?? "");
  };
  useEffect(() => void act(async () => {
    const found = await read();
    const draft = drafts.get(name);
    show(draft ? { ...found, digest: draft.digest } : found, draft?.text);
  }), []);
  const put = async (typed, digest) => {
    const done = await write(typed, digest).catch((problem) => problem);
    if (done instanceof Error) {
      const now = done.status === 409 ? await read() : null;
      if (!now || now.digest === digest) throw done;
      setTheirs(now);
      return null;
    }
    drafts.delete(name);
    show({ ...opened, ...done, text: typed });
    return done;
  };
  const takeTheirs = (found) => {
    drafts.delete(name);
    setTheirs(null);
    show(found);
  };
  return {
    opened, text, theirs,
    changed: opened !== null && text !== opened.text,
    type: (typed) => {
      setText(typed);
      if (typed === opened.text) drafts.delete(name);
      else drafts.set(name, { text: typed, digest: opened.digest });
    },
    write: () => put(text, opened.digest),
    discard: async () => takeTheirs(await read()),
    keep: (merged) => {
      setText(merged);
      setTheirs(null);
      return put(merged, theirs.digest);
    },
    take: () => takeTheirs(theirs),
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
