"""The state of a node: what it says of itself, worked out from digests, and how the peer's is read."""

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from firmware import __version__, manifest
from firmware.errors import Failure
from firmware.printable import escape, shorten
from firmware.rc import document
from firmware.rc.block import Block
from firmware.rc.document import Document
from firmware.rc.title import Title
from firmware.services import applied, catalog, content, states
from firmware.services.definition import Context, Service
from firmware.store import changes, saved_state
from firmware.sync import transaction
from firmware.sync.proposal import TITLE
from firmware.sync.settings import Settings
from firmware.sync.versions import Versions

#: the most paths, and services, that a node state names
MAX_LISTED = 10_000
#: characters of a text of ours in it; a peer's may be twice as long
MAX_TEXT = 300


@dataclass(frozen=True, slots=True)
class ServiceDigests:
    """Of one service: what lies on disk, what the live process last loaded successfully, what is on flash ("" for none)."""

    files: str
    applied: str
    saved: str


@dataclass(frozen=True, slots=True)
class WaitingPush:
    """A push that waits to be confirmed: which one, of which service, from which node, and for how many seconds yet."""

    service: str
    push: str
    node: int
    left: int


@dataclass(frozen=True, slots=True)
class NodeState:
    """What one node says of itself. `address`, `remote_node` and `remote_address` are as its csyncd.cfg has them;
    `down` are the services that should run and do not; `waiting` is a push that it received and may have to undo; `wrong`
    is why nothing can be pushed from or to it, however good the link is ("" for nothing)."""

    node: int
    address: str
    remote_node: int
    remote_address: str
    versions: Versions
    unsaved: tuple[str, ...]
    unapplied: tuple[str, ...]
    down: tuple[str, ...]
    waiting: WaitingPush | None
    services: Mapping[str, ServiceDigests]
    wrong: str = ""

    def json(self) -> dict[str, Any]:
        """As it travels, to a node of any version."""
        message = asdict(self)
        del message["versions"]
        return message | {
            "version": self.versions.firmware, "protocols": list(self.versions.spoken),
            "confirm_pending": self.waiting is not None, "unsaved": self.unsaved[:MAX_LISTED],
        }  # fmt: skip


def local_state(settings: Settings, *, config: Path = Path(document.PATH), root: Path = Path("/")) -> NodeState:
    """This node's state at this moment; everything is hashed, nothing is remembered."""
    services, unapplied, down = {}, [], []
    readable, wrong = _readable_document(config)
    for block in readable.first_blocks:
        service = catalog.find(block.name)
        if service is None or not block.enabled:
            continue
        now, loaded = content.read(service, block, root=root).digest, applied.digest(block.title)
        if not applied.is_applied(service, Context.of(service, block, readable), now):
            unapplied.append(block.title)
        if _is_down(service, block):
            down.append(block.title)
        if not service.node_specific:
            services[block.title] = ServiceDigests(now, loaded, saved_digest(block.title))
    wrong = wrong or _unreadable_transaction()
    return NodeState(
        settings.local_node, settings.local_ip, settings.remote_node, settings.remote_ip, Versions(__version__),
        changes.unsaved_changes().paths, tuple(unapplied), tuple(down), _waiting_push(), services, wrong,
    )  # fmt: skip


def _readable_document(config: Path) -> tuple[Document, str]:
    """A config.rc, as far as it can be read, and what is wrong with its form."""
    try:
        found, wrong = document.parse_tolerant(document.read_text(config), str(config))
    except Failure as error:
        return Document(str(config), (), ()), shorten(escape(str(error)), MAX_TEXT)
    return found, "".join(shorten(escape(f"{config}:{error.number}: {error.text}"), MAX_TEXT) for error in wrong[:1])


def _waiting_push() -> WaitingPush | None:
    waiting = transaction.find_waiting()
    return WaitingPush(waiting.title, waiting.push, waiting.peer, round(waiting.seconds_left)) if waiting else None


def _unreadable_transaction() -> str:
    """Why an open push cannot be dealt with, so that nothing can be pushed to its service; "" if there is none."""
    return next((shorten(escape(str(error)), MAX_TEXT) for error in transaction.problems().values()), "")


def _is_down(service: Service, block: Block) -> bool:
    """Should it run, and does not?"""
    state = states.service_state(block.title).state
    return state == "failed" or (state == "stopped" and service.daemon is not None and block.flag("autostart", True))


def saved_digest(title: str) -> str:
    """The digest of a service as it would come back from flash; "" if it would not."""
    saved = saved_state.load()
    block = saved.block(Title.parse(title))
    service = catalog.find(Title.parse(title).service)
    if block is None or service is None:
        return ""
    kept = manifest.entries_below(saved.entries, service.owns)
    return content.digest(block, kept)


def parse(message: Mapping[str, Any]) -> NodeState:
    """A peer's state from the wire; Failure unless it is well-formed. Of longer lists the first MAX_LISTED are taken."""
    try:
        services = {
            _parse_title(title): ServiceDigests(*(_parse_word(item[key]) for key in ("files", "applied", "saved")))
            for title, item in list(message["services"].items())[:MAX_LISTED]
        }
        low, high = (_parse_number(number) for number in message["protocols"])
        unapplied, down = (_parse_list(message[key], _parse_title) for key in ("unapplied", "down"))
        return NodeState(
            _parse_number(message["node"]),
            _parse_word(message["address"]),
            _parse_number(message["remote_node"]),
            _parse_word(message["remote_address"]),
            Versions(_parse_word(message["version"]), (low, high)),
            _parse_list(message["unsaved"], _parse_path),
            unapplied,
            down,
            _parse_waiting_push(message.get("waiting")),
            services,
            _parse_text(message.get("wrong", "")),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Failure("the peer's standing: it is malformed", "check that both nodes run the same version") from None


def _parse_waiting_push(message: Any) -> WaitingPush | None:
    if message is None:  # nothing waits, or the peer's version knows no such thing
        return None
    return WaitingPush(
        _parse_title(message["service"]),
        _parse_word(message["push"]),
        _parse_number(message["node"]),
        _parse_number(message["left"]),
    )


def _parse_number(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 31:
        raise ValueError
    return value


def _parse_word(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or len(value) > 64:
        raise ValueError
    return value


def _parse_text(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or len(value) > 2 * MAX_TEXT:
        raise ValueError
    return value


def _parse_title(value: Any) -> str:
    if not TITLE.fullmatch(value):
        raise ValueError
    return str(value)


def _parse_path(value: Any) -> str:
    if not isinstance(value, str) or len(os.fsencode(value)) > 4096:
        raise ValueError
    return value


def _parse_list(values: Any, kind: Callable[[Any], str]) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise TypeError
    return tuple(kind(value) for value in values[:MAX_LISTED])
