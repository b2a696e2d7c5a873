"""`csync diff`, `push`, `confirm`, `undo`, `save` and `status`: what csyncd does with the peer."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from firmware.commands import operator_identity
from firmware.commands.cli import local_time, parse_arguments
from firmware.commands.output import print_coloured
from firmware.commands.progress_bar import progress_bar
from firmware.errors import Failure
from firmware.operations import peer
from firmware.operations.peer import PairStatus, PushReport
from firmware.printable import escape, shorten

#: how many unsaved paths `status` lists for people
MAX_UNSAVED = 10


def push(argv: list[str]) -> int:
    """Push a service; the exit status says how it ended."""
    arguments = parse_arguments(argv, "SERVICE[.INSTANCE]", flags=("--force", "--json"), values=("--confirm",))
    (title,), options = arguments
    seconds = peer.parse_confirm_seconds(options["--confirm"]) if "--confirm" in options else 0
    force = "--force" in options
    try:
        with _telling_who_interrupts("push", f"service {title}"), progress_bar("push") as bar:
            report = peer.push(
                title, who=operator_identity.identify(), force=force, confirm=seconds,
                on_wait=lambda: _say_wait("push"), on_progress=bar,
            )  # fmt: skip
    except Failure as error:
        if "--json" in options:
            print(json.dumps(peer.unsent_report(title, error).json(), indent=2))
        raise
    if "--json" in options:
        print(json.dumps(report.json(), indent=2))
    else:
        _print_changes(report, diff=report.result == "refused")
        _print_success(report)
        _print_warnings(report)
    peer.require_applied(report)
    return 0


def confirm(argv: list[str]) -> int:
    """Keep what waits on the peer to be confirmed."""
    _, options = parse_arguments(argv, "", flags=("--json",))
    with _telling_who_interrupts("confirm"):
        kept = peer.confirm(who=operator_identity.identify(), on_wait=lambda: _say_wait("confirm"))
    if "--json" in options:
        print(json.dumps(kept.json(), indent=2))
    else:
        print(f"service {kept.service}: confirmed on node {kept.node}; it lasts after `csync save`")
    if note := kept.answer.get("message"):
        print(f"note: {note}", file=sys.stderr)
    return 0


def undo(argv: list[str]) -> int:
    """Put back what a peer's push left waiting here."""
    _, options = parse_arguments(argv, "", flags=("--json",))
    undone = peer.undo(who=operator_identity.identify())
    if "--json" in options:
        print(json.dumps(undone.json(), indent=2))
    else:
        print(f"service {undone.service}: {escape(undone.message)}; it came from node {undone.node}")
    return 0


def diff(argv: list[str]) -> int:
    """Show what a push would change."""
    (title,), options = parse_arguments(argv, "SERVICE[.INSTANCE]", flags=("--json",))
    with progress_bar("diff") as bar:
        report = peer.diff(title, on_wait=lambda: _say_wait("diff"), on_progress=bar)
    if "--json" in options:
        print(json.dumps(report.json(), indent=2))
    elif report.result in ("differs", "unchanged"):
        _print_changes(report, diff=True)
        if not report.files:
            print(f"service {title}: node {report.node} has it already", file=sys.stderr)
        elif report.message:
            print(f"note: {escape(report.message)}; {report.hint}", file=sys.stderr)
    peer.require_pushable(report)
    return 0


def save(argv: list[str]) -> int:
    """Have the peer save."""
    _, options = parse_arguments(argv, "", flags=("--json",))
    with _telling_who_interrupts("save"):
        done = peer.save_peer(who=operator_identity.identify(), on_wait=lambda: _say_wait("save"))
    if "--json" in options:
        print(json.dumps(done.json(), indent=2))
        return 0
    for note in done.notes:
        print(f"note: node {done.node}: {escape(shorten(note))}", file=sys.stderr)
    if done.fresh:
        print(f"node {done.node}: saved generation {done.generation} ({done.digest})")
    else:
        print(f"node {done.node}: nothing to save: generation {done.generation} has it all ({done.digest})")
    for change, paths in (("added", done.added), ("changed", done.changed), ("removed", done.removed)):
        for path in paths:
            print(f"  {change:<8}{escape(path)}")
    return 0


def status(argv: list[str]) -> int:
    """Show the state of the pair; exit status 0 whatever it is."""
    _, options = parse_arguments(argv, "", flags=("--json",))
    found = peer.status()
    if "--json" in options:
        print(json.dumps(found.json(), indent=2))
        return 0
    print_coloured(found.state, {"red": "31", "orange": "33", "green": "32"}[found.state])
    print("\n".join(_status_lines(found)))
    return 0


@contextmanager
def _telling_who_interrupts(verb: str, about: str = "it") -> Iterator[None]:
    """csyncd goes on with it, whether we wait or not."""
    try:
        yield
    except KeyboardInterrupt:
        _say(f"csync {verb}: csyncd goes on with {about}; csync log tells what came of it")
        raise


def _say_wait(verb: str) -> None:
    _say(f"csync {verb}: waiting for the other node")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _print_success(report: PushReport) -> None:
    about = f"service {report.service}:"
    if report.message and report.result in ("applied", "unchanged"):
        print(f"note: {report.message}" + (f"; {report.hint}" if report.hint else ""), file=sys.stderr)
    if report.result == "unchanged":
        print(f"{about} unchanged: node {report.node} has it already")
    if report.result != "applied":
        return
    trips = f"{report.round_trips} round trip{'s' * (report.round_trips != 1)}"
    lasts = "it lasts after `csync save`"
    if report.confirm:
        lasts = f"it is put back after {report.confirm} s unless you say `csync confirm`"
    print(f"{about} applied on node {report.node} in {report.seconds:.2f} s ({trips}); {lasts}")
    if report.reload and "not run" in report.reload.output:
        print(f"{about} it does not run on node {report.node}, and takes effect when it is started there")


def _print_warnings(report: PushReport) -> None:
    """The name of its own node in haproxy.cfg fits one node, and another the other one: each says what it misses."""
    for node, lines in report.warnings.items():
        for line in lines:
            _say(f"node {node}: {escape(line)}")


def _print_changes(report: PushReport, *, diff: bool) -> None:
    for change in report.files:
        shape = changed_shape(change.before, change.after) if change.before and change.after else []
        print(f"{change.change:<8}{escape(change.path)}" + (f"  ({', '.join(shape)})" if shape else ""))
        if diff and change.diff:
            print(escape(change.diff, keep="\n\t"), end="")
    if report.more:
        print(f"… and {report.more} more")


def changed_shape(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What else than its content is another one of a path: a directory, which has no digest, may have become a file."""
    kinds = ["file" if one["digest"] else "directory" for one in (before, after)]
    turned = [" → ".join(kinds)] if kinds[0] != kinds[1] else []
    return turned + [f"{key} {before[key]} → {after[key]}" for key in ("mode", "owner") if before[key] != after[key]]


def _status_lines(found: PairStatus) -> Iterator[str]:
    yield from (f"  {escape(reason)}" for reason in found.reasons)
    if found.remedy:
        yield f"  do: {escape(found.remedy)}"
    if found.serial:
        yield f"serial number {escape(found.serial)}"
    for who, node in (("local", found.local), ("peer", found.peer)):
        yield from _node_lines(who, node)
    yield from _version_lines(found.local, found.peer)
    if found.path:
        yield f"path  {escape(found.path)}"
    for title, service in found.services.items():
        same = {True: "in sync", False: "differs", None: "unknown"}[service["in_sync"]]
        last = service["last_push"]
        pushed = f"last pushed by node {last['node']}, {local_time(last['time'])}" if last else "never pushed"
        yield f"service {title:<14}{same:<9}{pushed}"


def _version_lines(local: Any, peer: Any) -> Iterator[str]:
    """What two nodes of different versions can do together."""
    if not local["version"] or not peer["version"] or local["version"] == peer["version"]:
        return
    common = [word for word in local["can"] if word in peer["can"]] if _do_meet(local, peer) else []
    works = f"between them work: {', '.join(common)}" if common else "they cannot sync"
    yield f"versions differ: {escape(local['version'])} here, {escape(peer['version'])} there; {works}"


def _do_meet(local: Any, peer: Any) -> bool:
    """Is there a version of the peer API that both speak?"""
    (low, high), (their_low, their_high) = local["protocols"], peer["protocols"]
    return bool(max(low, their_low) <= min(high, their_high))


def _node_lines(who: str, node: Any) -> Iterator[str]:
    reach = "" if node["reachable"] else "  not reachable"
    number, address, version = (node[key] or "?" for key in ("node", "address", "version"))
    yield f"{who:<6}node {number}  {address}  version {version}{reach}"
    if waiting := node["waiting"]:
        yield f"      waits to be confirmed: {waiting['service']}, {waiting['left']} s left"
    yield from (f"      not saved: {escape(path)}" for path in node["unsaved"][:MAX_UNSAVED])
    if (more := node["unsaved_count"] - min(MAX_UNSAVED, len(node["unsaved"]))) > 0:
        yield f"      … and {more} more"
    yield from (f"      not applied: {title}" for title in node["unapplied"])
    yield from (f"      does not run: {title}" for title in node["down"])
