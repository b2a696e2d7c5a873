"""`csync check`: the troubleshooting list, item by item: passed or failed, and what to do."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache, partial
from typing import Any

from firmware import addresses
from firmware.commands.cli import parse_arguments
from firmware.commands.csync_keys import ask_web, read
from firmware.csyncd.ask import ask
from firmware.errors import Failure
from firmware.http11.wire import Response
from firmware.rc import document
from firmware.rc.check import text_problems
from firmware.run import run
from firmware.services import catalog, states
from firmware.sync import keys, node_state, settings
from firmware.sync.link_problems import missing_keys
from firmware.sync.settings import Settings


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the list: what was looked at, whether it is as it should be, what was found, what to do."""

    item: str
    passed: bool
    found: str = ""
    remedy: str = ""


def check(argv: list[str]) -> int:
    """Go through the list; exit status 0 if everything passed, 1 otherwise."""
    _, options = parse_arguments(argv, "", flags=("--json",))
    items = list(_items())
    if "--json" in options:
        print(json.dumps([asdict(item) for item in items], indent=2))
    else:
        for item in items:
            print(f"{'passed' if item.passed else 'FAILED'}  {item.item}" + (f": {item.found}" if item.found else ""))
            if not item.passed and item.remedy:
                print(f"        do: {item.remedy}")
    return 0 if all(item.passed for item in items) else 1


def _items() -> Iterator[Item]:
    yield _tried("config.rc is correct", _config_is_correct, "config check")
    try:
        found = settings.read(local_addresses=addresses.own())
    except Failure as error:
        yield Item(
            "csyncd.cfg is complete and correct",
            False,
            "; ".join(node_state.settings_problems(error)),
            f"edit {settings.FILE}",
        )
        return
    yield Item("csyncd.cfg is complete and correct", True)
    yield _tried("the peer can be pinged", lambda: _ping(found), "power it on; check the cable, addresses and routes")
    yield from _about_keys(found)
    report = cache(partial(ask, "status", {}))
    yield (runs := _tried("csyncd runs on this node", lambda: str(report() and "")))
    if runs.passed:
        yield _tried("sync works", lambda: _works(report()), "service csyncd start on the peer; what it says above")


def _about_keys(found: Settings) -> Iterator[Item]:
    """The peer's keys come from its web UI, which is asked once: one that is silent takes all the time that it may."""
    web = cache(partial(_both_web_uis, found))
    yield (listens := _tried("both web UIs listen on the same port, with the same scheme", lambda: web()[0]))
    if listens.passed:
        yield _tried("the peer has keys", lambda: str(read(*web()) and ""))
    trouble = missing_keys(found)
    yield Item("keys are exchanged", not trouble.text, trouble.text, trouble.remedy)
    if listens.passed and not trouble.text:
        yield _tried(
            "the stored keys are the peer's",
            lambda: _same_keys(found, read(*web())),
            "csync getkey, and compare the code",
        )


def _tried(item: str, trial: Callable[[], str], remedy: str = "") -> Item:
    try:
        return Item(item, True, trial())
    except Failure as error:
        return Item(item, False, str(error), error.hint or remedy)


def _config_is_correct() -> str:
    if wrong := text_problems(document.load(), document.PATH, catalog.find):
        raise Failure(f"{len(wrong)} error{'s' * (len(wrong) > 1)}, the first one {wrong[0]}")
    return ""


def _ping(found: Settings) -> str:
    answer = run(["ping", "-c", "1", "-W", "2", found.remote_ip], timeout=5, check=False)
    if answer.status:
        raise Failure(f"{found.remote_ip} does not answer")
    return found.remote_ip


def _both_web_uis(found: Settings) -> tuple[str, Response]:
    if states.service_state("wui").state != "running":
        raise Failure("it does not run on this node", "service wui start")
    return ask_web(found)


def _same_keys(found: Settings, told: Mapping[str, Any]) -> str:
    theirs = keys.parse_public_keys(told, found.remote_node)
    stored = keys.stored_peer_keys(found)
    for what, old, new in (("host", stored[0], theirs.host), ("user", stored[1], theirs.user)):
        if old is not None and old != new:
            raise Failure(
                f"its {what} key is {new.fingerprint}, stored is {old.fingerprint}",
                "csync getkey, and compare the code",
            )
    return f"pairing code {theirs.code}"


def _works(report: Mapping[str, Any]) -> str:
    if report["state"] == "red":
        raise Failure("; ".join(report["reasons"]), report["remedy"])
    return str(report["state"])
