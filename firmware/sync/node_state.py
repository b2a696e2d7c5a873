"""The state of a node: what it says of itself, worked out from digests, and how the peer's is read."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

from firmware import __version__
from firmware.errors import Failure
from firmware.printable import escape, shorten
from firmware.rc import document
from firmware.rc.block import Block
from firmware.rc.document import Document
from firmware.services import applied, catalog, states
from firmware.services.definition import Context, Service
from firmware.sync import space, transaction
from firmware.sync.inventory import Inventory
from firmware.sync.message import Message
from firmware.sync.settings import Settings
from firmware.sync.space import Room
from firmware.sync.versions import Versions
from firmware.upgrade import attention

#: the most paths, and services, that are taken of a peer's
MAX_LISTED = 10_000
#: ways to compress that are taken of a peer's
MAX_TAKEN = 16
#: unsaved paths that a node tells its peer, and characters of these together: the first ones, and how many there are
MAX_TOLD, MAX_TOLD_TEXT = 20, 2000
#: characters of all unsaved paths of a peer together that are kept
MAX_UNSAVED_TEXT = 1 << 20
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
    is why nothing can be pushed from or to it, however good the link is, `unsound_save` why a reboot does not bring back the
    newest generation ("" for nothing), `slot_problem` what is wrong with its slots: an upgrade that was
    given up. Of a peer `unsaved` has the first ones only, and `unsaved_count` all. `room` is None of a peer that does not tell
    it; it changes all the time, and is no difference between two states."""

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
    unsound_save: str = ""
    slot_problem: str = ""
    unsaved_count: int = 0
    room: Room | None = field(default=None, compare=False)

    def json(self) -> dict[str, Any]:
        """As it travels, to a node of any version."""
        message = asdict(replace(self, unsaved=()))
        del message["versions"]
        return message | {
            "version": self.versions.firmware, "protocols": list(self.versions.spoken), "takes": list(self.versions.taken),
            "confirm_pending": self.waiting is not None, "unsaved": _take_within(self.unsaved[:MAX_TOLD], MAX_TOLD_TEXT),
        }  # fmt: skip


def local_state(settings: Settings, inventory: Inventory | None = None) -> NodeState:
    """This node's state at this moment, by what the inventory knows; without one, everything is read."""
    with (inventory or Inventory()).current() as now:
        services, unapplied, down = {}, [], []
        readable, wrong = _readable_document()
        for block in readable.first_blocks:
            service = catalog.find(block.name)
            if service is None or not block.enabled:
                continue
            digest, loaded = now.service_digest(service, block), applied.digest(block.title)
            if not applied.is_applied(service, Context.of(service, block, readable), digest):
                unapplied.append(block.title)
            if _is_down(service, block):
                down.append(block.title)
            if not service.node_specific:
                services[block.title] = ServiceDigests(digest, loaded, now.saved_digest(block.title))
        wrong = wrong or _unreadable_transaction()
        return NodeState(
            settings.local_node, settings.local_ip, settings.remote_node, settings.remote_ip, Versions(__version__),
            now.unsaved_paths, tuple(unapplied), tuple(down), _waiting_push(), services, wrong,
            shorten(escape(now.save_problem), MAX_TEXT), shorten(escape(attention.problem()), MAX_TEXT),
            len(now.unsaved_paths), space.local_room(),
        )  # fmt: skip


def _readable_document() -> tuple[Document, str]:
    """config.rc, as far as it can be read, and what is wrong with its form."""
    config = Path(document.PATH)
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


def parse(message: Message) -> NodeState:
    """A peer's state from the wire; Failure unless it is well-formed. Of longer lists the first MAX_LISTED are taken."""
    unapplied, down = (message.each(key, Message.title, MAX_LISTED, cut=True) for key in ("unapplied", "down"))
    spoken = message.each("protocols", Message.number, 2)
    taken = message.each("takes", Message.name, MAX_TAKEN, cut=True, absent=())
    if len(spoken) != 2:
        raise message.complaint("protocols")
    unsaved = _take_within(message.each("unsaved", Message.path, MAX_LISTED, cut=True), MAX_UNSAVED_TEXT)
    return NodeState(
        message.number("node"),
        message.name("address"),
        message.number("remote_node"),
        message.name("remote_address"),
        Versions(message.name("version"), (spoken[0], spoken[1]), taken),
        unsaved,
        unapplied,
        down,
        message.optional("waiting", _parse_waiting_push),
        {title: _parse_digests(one) for title, one in message.table("services", MAX_LISTED)},
        message.name("wrong", 2 * MAX_TEXT, ""),
        message.name("unsound_save", 2 * MAX_TEXT, ""),
        message.name("slot_problem", 2 * MAX_TEXT, ""),
        message.number("unsaved_count", len(unsaved), absent=len(unsaved)),
        message.optional("room", space.parse_room),
    )


def _parse_waiting_push(message: Message) -> WaitingPush:
    return WaitingPush(message.title("service"), message.name("push"), message.number("node"), message.number("left"))


def _parse_digests(message: Message) -> ServiceDigests:
    return ServiceDigests(*(message.name(key) for key in ("files", "applied", "saved")))


def _take_within(paths: tuple[str, ...], characters: int) -> tuple[str, ...]:
    """The first of them, as many as have so many characters together; one in any case, so that there are some."""
    return paths[: max(1, sum(size <= characters for size in accumulate(map(len, paths))))]
