// Logs: system, events, console; live, filtered, and as a file. The browser keeps a bounded number of lines.

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import * as api from "../api.js";
import { useData } from "../data.js";
import * as live from "../live.js";
import { Button } from "../parts/Button.js";
import { Result } from "../parts/Result.js";
import { counted, matches } from "../words.js";

/** The logs that every node has; some have more. */
const SOURCES = [{ name: "system", title: "System" }, { name: "events", title: "Events" }, { name: "console", title: "Console" }];
/** Lines that the browser keeps. */
const MOST = 2000;

export function Page({ path }) {
  const sources = useData("/logs/sources").data ?? SOURCES;
  const { name: source, title } = sources.find((one) => one.name === path[0]) ?? sources[0];
  const [filter, setFilter] = useState("");
  const [paused, setPaused] = useState(false);
  const log = useLog(source, paused);
  const shown = filter ? log.lines.filter((line) => matches(line, filter)) : log.lines;
  return html`
    <h1>Logs</h1>
    <div class="toolbar">
      <div role="group" aria-label="Source" class="choice">${sources.map((one) => html`
        <a key=${one.name} href="#/logs/${encodeURIComponent(one.name)}" aria-current=${one.name === source ? "true" : undefined}>${capital(one.title)}</a>`)}</div>
      <label>Filter <input type="search" value=${filter} onInput=${(event) => setFilter(event.target.value)} /></label>
      <${Button} onClick=${() => setPaused(!paused)}>${paused ? "Continue" : "Pause"}<//>
      <a class="button" href=${api.url("/logs/download", { source })} download>Download</a>
    </div>
    <p class="quiet" role="status">${said(shown.length, log, paused, filter)}</p>
    <${Lines} key=${source} lines=${shown} label="${capital(title)} log" />
    <${Result} problem=${log.problem} />
  `;
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);

function said(count, log, paused, filter) {
  const lines = filter ? `${counted(count, "line")} of ${log.lines.length} with “${filter}”` : counted(count, "line");
  const older = log.dropped ? `; ${counted(log.dropped, "older line")} left out, Download has them` : "";
  return `${lines}${older}${paused ? " · paused" : ""}`;
}

/** The lines of a source, live. While it is paused, what comes in waits. */
function useLog(source, paused) {
  const [log, setLog] = useState({ lines: [], dropped: 0, problem: null });
  const waiting = useRef([]);
  const isPaused = useRef(paused);
  isPaused.current = paused;
  const take = () => {
    if (isPaused.current || waiting.current.length === 0) return;
    const more = waiting.current.splice(0);
    setLog((old) => append(old, more));
  };
  useEffect(() => {
    waiting.current = [];
    setLog({ lines: [], dropped: 0, problem: null });
    const channel = live.open("logs", { source, lines: 1000 }, {
      message(found) {
        if (found.skipped) waiting.current.push(`… ${counted(found.skipped, "line")} left out, they came too fast`);
        waiting.current.push(...found.lines);
        waiting.current.splice(0, Math.max(0, waiting.current.length - MOST));
      },
      end: (problem) => setLog((old) => ({ ...old, problem })),
    });
    const timer = setInterval(take, 200);
    return () => {
      clearInterval(timer);
      channel.close();
    };
  }, [source]);
  return log;
}

function append(old, more) {
  const lines = [...old.lines, ...more];
  const over = Math.max(0, lines.length - MOST);
  return { ...old, lines: lines.slice(over), dropped: old.dropped + over };
}

/** Lines that stay at their end, unless somebody has scrolled up to read. */
function Lines({ lines, label }) {
  const place = useRef(null);
  const atEnd = useRef(true);
  useEffect(() => {
    if (atEnd.current) place.current.scrollTop = place.current.scrollHeight;
  }, [lines]);
  const watch = () => {
    const { scrollTop, scrollHeight, clientHeight } = place.current;
    atEnd.current = scrollHeight - scrollTop - clientHeight < 30;
  };
  return html`<pre class="log" role="log" aria-live="off" aria-label=${label} tabindex="0" ref=${place} onScroll=${watch}>${lines.join("\n")}</pre>`;
}
