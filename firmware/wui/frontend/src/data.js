// What a page shows: loaded when it opens, and again when something was done.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import * as api from "./api.js";
import { open } from "./live.js";

/**
 * What the API says at `path`: `{data, problem, reload}`. While it is loaded anew, the old data stay.
 * `null` as path: nothing is asked.
 */
export function useData(path, query) {
  const [state, setState] = useState({ data: null, problem: null });
  const asked = useRef(0);
  const key = JSON.stringify([path, query]);
  const reload = useCallback(async () => {
    if (path === null) return;
    const number = (asked.current += 1);
    const next = await api.get(path, query).then((data) => ({ data, problem: null }), (problem) => ({ data: null, problem }));
    if (number === asked.current) setState(next);
  }, [key]);
  useEffect(() => {
    reload();
    return () => (asked.current += 1);
  }, [reload]);
  return { ...state, reload };
}

/**
 * What the API says at `path` and then whatever `channel` says, the latest of both: `{data, problem, reload}`. `reload` asks again,
 * so that what an action has changed is seen once it is done, not when the channel looks next.
 */
export function useLive(path, channel) {
  const [state, setState] = useState({ data: null, problem: null });
  const reload = useCallback(async () => {
    const next = await api.get(path).then((data) => ({ data, problem: null }), (problem) => ({ data: null, problem }));
    setState((old) => ({ data: next.data ?? old.data, problem: next.problem }));
  }, [path]);
  useEffect(() => {
    reload();
    const message = (found) => setState((old) => (found.problem ? { data: old.data, problem: found.problem } : { data: found, problem: null }));
    const opened = open(channel, {}, { message, again: true });
    return () => opened.close();
  }, [reload, channel]);
  return { ...state, reload };
}

/** The services of this node, as `useLive` has them. */
export function useServices() {
  const found = useLive("/services", "services");
  return { ...found, rows: found.data?.services ?? found.data };
}

/**
 * Does things one at a time and keeps what came of the last: `{act, problem, said}`.
 * `act(work)` runs `work`; what it returns, if it is text, is said.
 */
export function useAction() {
  const [state, setState] = useState({ problem: null, said: "" });
  const act = useCallback(async (work) => {
    setState({ problem: null, said: "" });
    try {
      const said = await work();
      setState({ problem: null, said: typeof said === "string" ? said : "" });
      return true;
    } catch (problem) {
      setState({ problem, said: "" });
      return false;
    }
  }, []);
  return { act, ...state };
}
