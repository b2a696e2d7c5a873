"""The troubleshooting list of `csync check`, item by item: passed or failed, what was found, what to do."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from typing import Any

from firmware import addresses
from firmware.errors import Failure, Invalid
from firmware.operations.csyncd_client import ask_csyncd
from firmware.operations.peer_web_ui import WebUiAnswer, ask_peer_web_ui, peer_keys
from firmware.operations.push_problems import push_problems
from firmware.rc import document
from firmware.rc.block import Block
from firmware.rc.check import text_problems
from firmware.run import run
from firmware.services import catalog, states
from firmware.store import generations
from firmware.sync import ancestor, keys, packets, peer_path, peer_ports, settings, transaction
from firmware.sync.link_problems import missing_keys
from firmware.sync.packets import mtu_problem
from firmware.sync.settings import Settings
from firmware.upgrade import attention


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """One item of the list: what was looked at, whether it is as it should be, what was found, what to do."""

    item: str
    passed: bool
    found: str = ""
    remedy: str = ""

    def json(self) -> dict[str, Any]:
        """One element of what `csync check --json` prints."""
        return asdict(self)


def check_pair() -> tuple[ChecklistItem, ...]:
    """Go through the list; what cannot be looked at because of an item that failed is left out."""
    return tuple(_items())


def _items() -> Iterator[ChecklistItem]:
    yield _try("config.rc is correct", _require_correct_config, "config check")
    if slots := attention.problem():
        yield ChecklistItem("the last upgrade was kept", False, slots, attention.remedy())
    yield from _save_items()
    try:
        found = settings.read(local_addresses=addresses.local_addresses())
    except Failure as error:
        yield ChecklistItem(
            "csyncd.cfg is complete and correct",
            False,
            "; ".join(settings.problems(error)),
            f"edit {settings.FILE}",
        )
        return
    yield ChecklistItem("csyncd.cfg is complete and correct", True)
    yield from _record_items(found)
    yield from _port_items(found)
    yield _try("the peer can be pinged", lambda: _ping(found), "power it on; check the cable, addresses and routes")
    if large := mtu_problem(found.remote_ip):
        yield ChecklistItem("large packets reach the peer", False, large, packets.REMEDY)
    yield from _path_items(found)
    yield from _key_items(found)
    report = cache(partial(ask_csyncd, "status", {}))
    yield (runs := _try("csyncd runs on this node", lambda: str(report() and "")))
    if runs.passed:
        yield _try(
            "sync works", lambda: _require_working(report()), "service csyncd start on the peer; what it says above"
        )


def _readable_blocks() -> Sequence[Block]:
    """The services of config.rc; none where it cannot be read, which an item of its own says."""
    try:
        return document.read_tolerant().first_blocks
    except Failure:
        return ()


def _path_items(found: Settings) -> Iterator[ChecklistItem]:
    """Which way csyncd's packets take; said only where config.rc has something to say of it."""
    item = "csyncd's packets take the way that is meant"
    try:
        path = peer_path.peer_path(found)
    except Failure as error:
        yield ChecklistItem(item, False, str(error), error.hint)
        return
    if path.way:
        yield ChecklistItem(item, not path.problem, path.problem or path.way, path.remedy)


def _record_items(found: Settings) -> Iterator[ChecklistItem]:
    """What this node keeps of its syncs; said only where it cannot be read."""
    for block in _readable_blocks():
        if block.enabled and catalog.find(block.name):
            for unsendable in push_problems(block.title):
                yield ChecklistItem("every service can be pushed", False, str(unsendable), unsendable.hint)
    if problem := ancestor.load(keys.known_peer(found)).problem:
        yield ChecklistItem("it is known what both nodes had last", False, str(problem), problem.hint)
    for error in transaction.problems().values():
        yield ChecklistItem("no open push is unreadable", False, str(error), error.hint)


def _save_items() -> Iterator[ChecklistItem]:
    """Whether a reboot brings back the newest generation; each is read and verified for that. Said only where it does not, and
    before all that follows from it: the factory's csyncd.cfg is not complete."""
    item = "a reboot brings back what was saved last"
    try:
        problem = generations.reboot_problem()
    except Failure as error:
        yield ChecklistItem(item, False, str(error), error.hint or "config history")
        return
    if problem:
        yield ChecklistItem(item, False, problem, "config history shows what there is; config save")


def _port_items(found: Settings) -> Iterator[ChecklistItem]:
    """Whether peers can come in here; said only where they cannot."""
    for port, owner in peer_ports.taken_ports(found).items():
        why = f"port {port} of {found.local_ip} is taken by {owner}"
        yield ChecklistItem("peers can come in here", False, why, peer_ports.REMEDY.format(found.local_node))
    try:
        keys.require_private_host_key()
    except Invalid as error:
        yield ChecklistItem("peers can come in here", False, str(error), error.hint)


def _key_items(found: Settings) -> Iterator[ChecklistItem]:
    """The peer's keys come from its web UI, which is asked once: one that is silent takes all the time that it may."""
    web = cache(partial(_ask_both_web_uis, found))
    yield (listens := _try("both web UIs listen on the same port, with the same scheme", lambda: web().url))
    if listens.passed:
        yield _try("the peer has keys", lambda: str(peer_keys(web(), found.remote_node) and ""))
    trouble = missing_keys(found)
    yield ChecklistItem("keys are exchanged", not trouble.text, trouble.text, trouble.remedy)
    if listens.passed and not trouble.text:
        yield _try(
            "the stored keys are the peer's",
            lambda: _require_stored_keys(found, web()),
            "csync getkey, and compare the code",
        )


def _try(item: str, attempt: Callable[[], str], remedy: str = "") -> ChecklistItem:
    try:
        return ChecklistItem(item, True, attempt())
    except Failure as error:
        return ChecklistItem(item, False, str(error), error.hint or remedy)


def _require_correct_config() -> str:
    if wrong := text_problems(document.read_text(), document.PATH, catalog.find):
        raise Failure(f"{len(wrong)} error{'s' * (len(wrong) > 1)}, the first one {wrong[0]}")
    return ""


def _ping(found: Settings) -> str:
    answer = run(["ping", "-c", "1", "-W", "2", found.remote_ip], timeout=5, check=False)
    if answer.status:
        raise Failure(f"{found.remote_ip} does not answer")
    return found.remote_ip


def _ask_both_web_uis(found: Settings) -> WebUiAnswer:
    if states.service_state("wui").state != "running":
        raise Failure("it does not run on this node", "service wui start")
    return ask_peer_web_ui(found)


def _require_stored_keys(found: Settings, answer: WebUiAnswer) -> str:
    theirs = peer_keys(answer, found.remote_node)
    stored = keys.stored_peer_keys(found)
    for what, old, new in (("host", stored.host, theirs.host), ("user", stored.user, theirs.user)):
        if old is not None and old != new:
            raise Failure(
                f"its {what} key is {new.fingerprint}, stored is {old.fingerprint}",
                "csync getkey, and compare the code",
            )
    return f"pairing code {theirs.code}"


def _require_working(report: Mapping[str, Any]) -> str:
    if report["state"] == "red":
        raise Failure("; ".join(report["reasons"]), report["remedy"])
    return str(report["state"])
