"""Upgrades: the slots of this unit, and a bundle on its way into one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from firmware.flows.upgrade import Installed
from firmware.operations import upgrade_install, upgrade_slots
from firmware.operations.upgrade_slots import Confirmation
from firmware.session.endpoint import ADMIN, MONITOR, Call, Channel, Endpoint, NotFound
from firmware.upgrade import slots
from firmware.upgrade.decision import Allowed
from firmware.upgrade.spool import WaitingBundle


@dataclass(frozen=True, slots=True)
class BundleAddress:
    """Where a bundle lies: http:// or https://."""

    url: str


@dataclass(frozen=True, slots=True)
class Installation:
    """Which bundle is to be installed, by the digest of its image as the node has said it: another one may wait by then. The
    flags are those of `Allowed`."""

    sha256: str
    downgrade: bool = False
    other_model: bool = False
    other_protocols: bool = False


@dataclass(frozen=True, slots=True)
class Forced:
    """Start a slot, too, that has not proved itself."""

    force: bool = False


def status() -> dict[str, Any]:
    """How the slots are, and how large a bundle may be (bytes): at most, and what memory has room for now."""
    _require_slots()
    largest, room = upgrade_install.largest_bundle()
    return {**upgrade_slots.status().json(), "largest": largest, "room": room}


def waiting() -> WaitingBundle:
    """The bundle that waits to be installed."""
    _require_slots()
    return upgrade_install.waiting()


def upload(call: Call, stream: Iterator[bytes]) -> WaitingBundle:
    """A bundle, as the body; it waits then."""
    _require_slots()
    return upgrade_install.receive(stream, who=call.who)


def fetch(call: Call, body: BundleAddress) -> WaitingBundle:
    """A bundle that the node itself fetches; it waits then."""
    _require_slots()
    return upgrade_install.fetch(body.url, who=call.who)


def discard(call: Call) -> None:
    """Take the bundle away that waits; one that is on its way is called off."""
    _require_slots()
    upgrade_install.discard(who=call.who)


def install(call: Call, body: Installation) -> Installed:
    """Install the bundle that waits, if it is that one; it is in effect after a reboot."""
    _require_slots()
    allowed = Allowed(body.downgrade, body.other_model, body.other_protocols)
    return upgrade_install.install_waiting(allowed, body.sha256, who=call.who)


def confirm(call: Call) -> Confirmation:
    """Keep the slot that runs, and have nobody told any more what everybody is told of the slots."""
    return upgrade_slots.confirm(who=call.who)


def roll_back(call: Call, body: Forced) -> None:
    """Start the other slot, at once."""
    upgrade_slots.roll_back(who=call.who, force=body.force)


def _require_slots() -> None:
    if not slots.has_slots():
        raise NotFound("this node has no slots: it was not started from a disk image")


ENDPOINTS = (
    Endpoint("GET", "/upgrade", MONITOR, "the two slots, and what became of the last upgrade", status),
    Endpoint("GET", "/upgrade/bundle", MONITOR, "the bundle that waits to be installed", waiting),
    Endpoint("PUT", "/upgrade/bundle", ADMIN, "upload a bundle, the body; it waits to be installed", upload),
    Endpoint("DELETE", "/upgrade/bundle", ADMIN, "take the bundle away that waits, or call one off that comes", discard),
    Endpoint(
        "POST", "/upgrade/fetch", ADMIN, "have the node fetch a bundle; it waits to be installed", fetch,
        example={"url": "https://example.net/csyncd.raucb"},
    ),
    Endpoint(
        "POST", "/upgrade/install", ADMIN, "install the bundle that waits into the other slot, which starts next", install,
        example={"sha256": "HEX", "downgrade": False, "other_model": False, "other_protocols": False},
    ),
    Endpoint("POST", "/upgrade/confirm", ADMIN, "keep the slot that runs", confirm),
    Endpoint("POST", "/upgrade/rollback", ADMIN, "start the other slot again, now", roll_back, example={"force": False}),
)  # fmt: skip
CHANNELS: tuple[Channel, ...] = ()
