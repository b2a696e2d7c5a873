// What to do, as the node says it: where a button does what a command does, the button is named, and a click leads to it.

import { html } from "htm/preact";

/** Commands, what is clicked instead (of the service that was named), and where that is. */
const BUTTONS = [
  [/service ([a-z]+(?:\.[\w-]+)?) (start|stop|restart|apply|revert|check)\b/, (title, verb) => [`“${VERBS[verb]}” on the page of service ${title}`, `#/services/${title}`]],
  [/service [a-z]+ (confirm|undo)\b/, (verb) => [`“${VERBS[verb]}” at the top of the page`, null]],
  [/service list\b/, () => ["the tab Services", "#/services"]],
  [/csync (genkey|getkey|keys)\b/, (verb) => [`“${verb === "keys" ? "genkey” or “getkey" : verb}” of csyncd ([advanced mode])`, "#/services"]],
  [/csync push --force\b/, () => ["“Push”, then “Overwrite”", null]],
  [/csync (?:push|diff) ([a-z]+(?:\.[\w-]+)?)(?: --force)?/, (title) => [`“Push” of service ${title}`, `#/services/${title}`]],
  [/csync (?:push|diff)\b/, () => ["“Push”", null]],
  [/csync confirm\b/, () => ["“Confirm” at the top of the page", null]],
  [/csync undo\b/, () => ["“Undo” at the top of the page", null]],
  [/csync save\b/, () => ["“Save” under Remote Configuration", "#/setup"]],
  [/csync (?:check|status)\b/, () => ["“Check” under Remote Configuration", "#/setup"]],
  [/csync log\b/, () => ["the log “Events”", "#/logs/events"]],
  [/config save\b/, () => ["“Save” under Configuration", "#/setup"]],
  [/config (?:history|rollback N|rollback|restore)\b/, () => ["“History” on the tab Setup", "#/setup/history"]],
  [/config import FILE --force\b/, () => ["“Import” once more, with “also if it is another node’s”", "#/setup"]],
  [/config import FILE asks\b/, () => ["config import FILE in a terminal of the tab Tools asks", "#/tools/terminal"]],
  [/config export(?: FILE)?\b(?! --secrets)/, () => ["“Export” under Configuration", "#/setup"]],
  [/config (?:import FILE|import|reset --yes|reset)\b/, () => ["the buttons under Configuration", "#/setup"]],
  [/account (?:list|add|password|del|token)\b(?: NAME)?/, () => ["“Accounts” on the tab Setup", "#/setup/accounts"]],
  [/upgrade install\b/, () => ["“Install”", "#/setup/upgrade"]],
  [/upgrade confirm(?= (?:there )?says)/, () => ["“Acknowledge”", "#/setup/upgrade"]],
  [/upgrade confirm\b/, () => ["“Keep this version”", "#/setup/upgrade"]],
  [/upgrade (?:rollback|status)\b/, () => ["“Upgrade” on the tab Setup", "#/setup/upgrade"]],
  [/edit (\/etc\/[\w./-]+)/, (path) => [`edit ${path}`, `#/tools/files${path}`]],
];
const VERBS = { start: "Start service", stop: "Stop", restart: "Restart", apply: "Apply", revert: "Revert", check: "Check", confirm: "Confirm", undo: "Undo" };
/** What says that it is to be done on the other node, whose pages are elsewhere. */
const ELSEWHERE = /^ (?:there|on (?:the (?:peer|other node|node that)|node \d+|PEER))\b/;

/** The words of a remedy, with buttons in the place of commands. */
export function Remedy({ text }) {
  return html`<span>${pieces(text).map(([words, place], index) => (place ? html`<a key=${index} href=${place}>${words}</a>` : words))}</span>`;
}

/** The same as [words, address or null], piece by piece. */
export function pieces(text) {
  const found = BUTTONS.map(([pattern, button]) => [pattern.exec(text), button]).filter(([match]) => match);
  if (!found.length) return text ? [[text, null]] : [];
  const [match, button] = found.reduce((best, next) => (next[0].index < best[0].index ? next : best));
  const rest = text.slice(match.index + match[0].length);
  const [words, place] = button(...match.slice(1));
  return [...(match.index ? [[text.slice(0, match.index), null]] : []), [words, ELSEWHERE.test(rest) ? null : place], ...pieces(rest)];
}
