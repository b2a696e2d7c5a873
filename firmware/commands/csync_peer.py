"""`csync diff`, `push`, `confirm`, `save` and `status`: what csyncd does with the peer, asked through its socket."""

import json
import sys
import time
from dataclasses import asdict
from typing import Any

from firmware.commands import caller
from firmware.commands.cli import parse_arguments
from firmware.csyncd.ask import ask
from firmware.errors import Failure, Invalid, Refused, Usage, full_text, outcome
from firmware.printable import escape, shorten

#: how many unsaved paths `status` lists for people
MOST = 10


def push(argv: list[str]) -> int:
    """Push a service; the exit status says how it ended."""
    (title,), options = parse_arguments(argv, "SERVICE[.INSTANCE]", flags=("--force", "--json"), values=("--confirm",))
    wish = {"service": title, "force": "--force" in options, "confirm": _seconds(options), "by": asdict(caller.who())}
    try:
        report = _asked("push", wish, f"service {title}")
    except Failure as error:
        if "--json" in options:
            print(json.dumps(_not_sent(title, error), indent=2))
        raise
    if "--json" in options:
        print(json.dumps(report, indent=2))
    else:
        _print_changes(report, diff=report["result"] == "refused")
    return _end_of_push(title, report, quiet="--json" in options)


def _asked(verb: str, wish: dict[str, Any], about: str = "it") -> dict[str, Any]:
    """Ask csyncd for something that it goes on with, whether we wait for it or not."""
    try:
        return ask(verb, wish, lambda: _say(f"csync {verb}: waiting for the other node"))
    except KeyboardInterrupt:
        _say(f"csync {verb}: csyncd goes on with {about}; csync log tells what came of it")
        raise


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _seconds(options: dict[str, str]) -> int:
    if "--confirm" not in options:
        return 0
    from firmware.sync.proposal import CONFIRM_SECONDS

    said, (low, high) = options["--confirm"], CONFIRM_SECONDS
    if not (said.isascii() and said.isdigit() and low <= int(said[:10]) <= high):
        raise Usage(f"--confirm: {said!r} is not a number of seconds from {low} to {high}")
    return int(said)


def _not_sent(title: str, error: Failure) -> dict[str, Any]:
    result = outcome(error)
    empty: dict[str, Any] = {"files": [], "check": None, "reload": None, "confirm": 0, "round_trips": 0, "seconds": 0.0}
    return {"service": title, "result": result, "message": full_text(error), "hint": error.hint, **empty}


def _end_of_push(title: str, report: dict[str, Any], *, quiet: bool) -> int:
    node, said = report["node"], report["result"]
    trips = f"{report['round_trips']} round trip{'s' * (report['round_trips'] != 1)}"
    if said == "applied":
        if not quiet:
            lasts = "it lasts after `csync save`"
            if report.get("confirm"):
                lasts = f"it is put back after {report['confirm']} s unless you say `csync confirm`"
            print(f"service {title}: applied on node {node} in {report['seconds']:.2f} s ({trips}); {lasts}")
            if report["reload"] and "not run" in report["reload"]["output"]:
                print(f"service {title}: it does not run on node {node}, and takes effect when it is started there")
        return 0
    if said == "unchanged":
        if not quiet:
            print(f"service {title}: unchanged: node {node} has it already")
        return 0
    if said == "refused":
        raise Refused(f"service {title}: node {node} refused it: {report['message']}", report["hint"])
    outcome = report["reload"] if said == "rolled-back" else report["check"]
    own_words = f":\n{outcome['output'].strip()}" if outcome and outcome["output"].strip() else ""
    if said == "rolled-back":
        raise Failure(
            f"service {title}: node {node} put everything back: {report['message']}{own_words}",
            "correct it here, apply it, push again",
        )
    if outcome and outcome["status"]:
        raise Invalid(
            f"service {title}: node {node} is unchanged: {report['message']}{own_words}",
            "correct it here, apply it, push again",
        )
    raise Failure(f"service {title}: node {node}: {report['message']}", report["hint"])


def confirm(argv: list[str]) -> int:
    """Keep what waits on the peer to be confirmed."""
    _, options = parse_arguments(argv, "", flags=("--json",))
    report = _asked("confirm", {"by": asdict(caller.who())})
    if "--json" in options:
        print(json.dumps(report, indent=2))
    else:
        print(f"service {report['service']}: confirmed on node {report['node']}; it lasts after `csync save`")
    return 0


def diff(argv: list[str]) -> int:
    """Show what a push would change."""
    (title,), options = parse_arguments(argv, "SERVICE[.INSTANCE]", flags=("--json",))
    report = ask("diff", {"service": title}, lambda: _say("csync diff: waiting for the other node"))
    if "--json" in options:
        print(json.dumps(report, indent=2))
    elif report["result"] in ("differs", "unchanged"):
        _print_changes(report, diff=True)
        if not report["files"]:
            print(f"service {title}: node {report['node']} has it already", file=sys.stderr)
    if report["result"] == "refused":
        raise Refused(f"service {title}: node {report['node']} refuses it: {report['message']}", report["hint"])
    if report["result"] == "failed":
        raise Failure(f"service {title}: node {report['node']}: {report['message']}", report["hint"])
    return 0


def _print_changes(report: dict[str, Any], *, diff: bool) -> None:
    for change in report["files"]:
        after, before = change["after"], change["before"]
        shape = [
            f"{key} {before[key]} → {after[key]}"
            for key in ("mode", "owner")
            if before and after and before[key] != after[key]
        ]
        print(f"{change['change']:<8}{escape(change['path'])}" + (f"  ({', '.join(shape)})" if shape else ""))
        if diff and change["diff"]:
            print(escape(change["diff"], keep="\n\t"), end="")


def save(argv: list[str]) -> int:
    """Have the peer save."""
    _, options = parse_arguments(argv, "", flags=("--json",))
    report = _asked("save", {"by": asdict(caller.who())})
    if "--json" in options:
        print(json.dumps(report, indent=2))
        return 0
    for note in report.get("notes", ()):  # a peer of an older version tells none
        print(f"note: node {report['node']}: {escape(shorten(str(note)))}", file=sys.stderr)
    if report.get("fresh", True):
        print(f"node {report['node']}: saved generation {report['generation']} ({report['digest']})")
    else:
        print(
            f"node {report['node']}: nothing to save: generation {report['generation']} has it all ({report['digest']})"
        )
    for change in ("added", "changed", "removed"):
        for path in report[change]:
            print(f"  {change:<8}{escape(path)}")
    return 0


def status(argv: list[str]) -> int:
    """Show the state of the pair; exit status 0 whatever it is."""
    _, options = parse_arguments(argv, "", flags=("--json",))
    try:
        report = ask("status", {})
    except Failure as error:
        report = _without_csyncd(error)
    print(json.dumps(report, indent=2) if "--json" in options else _readable(report))
    return 0


def _without_csyncd(why: Failure) -> dict[str, Any]:
    from firmware import addresses
    from firmware.sync import node_state, settings
    from firmware.sync.status import describe, unknown_node

    try:
        found = settings.read(local_addresses=addresses.own())
    except Failure as error:
        nobody = unknown_node(None, None)
        remedy = f"edit {settings.FILE}"
        return {
            "state": "red",
            "reasons": node_state.settings_problems(error),
            "remedy": remedy,
            "local": {**nobody, "reachable": True},
            "peer": nobody,
            "services": {},
        }
    return describe(found, node_state.local_state(found), None, str(why), why.hint)


def _readable(report: dict[str, Any]) -> str:
    colour = {"red": "31", "orange": "33", "green": "32"}[report["state"]]
    head = f"\033[{colour}m{report['state']}\033[0m" if sys.stdout.isatty() else report["state"]
    lines = [head, *(f"  {escape(reason)}" for reason in report["reasons"])]
    lines += [f"  do: {report['remedy']}"] * bool(report["remedy"])
    for who in ("local", "peer"):
        node = report[who]
        reach = "" if node["reachable"] else "  not reachable"
        number, address, version = (node[key] or "?" for key in ("node", "address", "version"))
        lines.append(f"{who:<6}node {number}  {address}  version {version}{reach}")
        if waiting := node["waiting"]:
            lines.append(f"      waits to be confirmed: {waiting['service']}, {waiting['left']} s left")
        lines += [f"      not saved: {escape(path)}" for path in node["unsaved"][:MOST]]
        lines += [f"      … and {len(node['unsaved']) - MOST} more"] * (len(node["unsaved"]) > MOST)
        lines += [f"      not applied: {title}" for title in node["unapplied"]]
        lines += [f"      does not run: {title}" for title in node["down"]]
    for title, service in report["services"].items():
        same = {True: "in sync", False: "differs", None: "unknown"}[service["in_sync"]]
        last = service["last_push"]
        pushed = f"last pushed by node {last['node']}, {moment(last['time'])}" if last else "never pushed"
        lines.append(f"service {title:<14}{same:<9}{pushed}")
    return "\n".join(lines)


def moment(seconds: float) -> str:
    """A time of day (seconds since the epoch) as people read it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
