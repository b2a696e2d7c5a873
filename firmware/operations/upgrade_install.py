"""`upgrade install`, and the same in the web UI: a bundle from a file, from an address or from a browser."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from firmware.errors import Failure
from firmware.flows import upgrade
from firmware.flows.upgrade import Installed, Tell
from firmware.locks import UPGRADE, hold
from firmware.operations import peer
from firmware.sync.audit import Who
from firmware.upgrade import download, rauc, remote, slots, spool
from firmware.upgrade.bundle import OVERHEAD, Bundle
from firmware.upgrade.decision import Allowed


@dataclass(frozen=True, slots=True)
class WaitingBundle:
    """A bundle that has come and waits to be installed; its signature is good. `address`: memory has no room for it, and it
    streams from there into the slot, "" for one that is here."""

    bundle: Bundle | None
    address: str = ""


def install(source: str, allowed: Allowed, *, who: Who, tell: Tell) -> Installed:
    """Install a bundle from a file or an address. See `flows.upgrade.install`."""
    slots.require_slots()
    if not download.is_url(source):
        return _install(Path(source).resolve(), allowed, who, tell)
    try:
        tell("fetching the bundle")
        return _install(_fetch(source), allowed, who, tell, spool.address())
    finally:
        spool.discard()


def fetch(url: str) -> WaitingBundle:
    """Have a bundle from an address wait here."""
    return _waiting_bundle(_fetch(url))


def receive(pieces: Iterable[bytes]) -> WaitingBundle:
    """Have a bundle wait here that comes in pieces."""
    with hold(UPGRADE, wait=False):
        return _waiting_bundle(spool.receive(pieces, _limit()))


def waiting() -> WaitingBundle:
    """The bundle that waits, if there is one."""
    path = spool.waiting()
    return WaitingBundle(rauc.read(path), spool.address()) if path else WaitingBundle(None)


def discard() -> None:
    """Take the waiting bundle away."""
    with hold(UPGRADE, wait=False):
        spool.discard()


def install_waiting(allowed: Allowed, *, who: Who) -> Installed:
    """Install the bundle that waits; it is gone then."""
    path = spool.waiting()
    if path is None:
        raise Failure("no bundle waits to be installed", "upload one first")
    done = _install(path, allowed, who, lambda words: None, spool.address())
    spool.discard()
    return done


def largest_bundle() -> tuple[int, int]:
    """Bytes of any bundle for this unit, at most; and of one that memory has room for now."""
    limit = _limit()
    return limit, min(limit, spool.free_memory())


def _install(path: Path, allowed: Allowed, who: Who, tell: Tell, address: str = "") -> Installed:
    version, protocols = _peer()
    done = upgrade.install(path, allowed, peer=protocols, who=who, tell=tell, address=address)
    return replace(done, notes=_notes(done, version))


def _notes(done: Installed, peer_version: str) -> tuple[str, ...]:
    """What an operator of a pair is to know."""
    if not peer_version or peer_version == done.version:
        return ()
    return (f"the peer runs {peer_version}: upgrade it, too, once this node has proved itself (docs/upgrade.md)",)


def _peer() -> tuple[str, tuple[int, int] | None]:
    """Version and protocols of the peer; "" and None where there is none, or it does not answer."""
    try:
        found = peer.status().peer
        low, high = found.get("protocols") or (0, 0)
        return str(found.get("version") or ""), (int(low), int(high)) if high else None
    except Failure:
        return "", None


def _fetch(url: str) -> Path:
    """All of it, or the end of one that memory has no room for."""
    with hold(UPGRADE, wait=False):
        spool.discard()
        source, limit = download.find(url), _limit()
        if source.size is None or source.size <= spool.free_memory() or not source.sends_parts:
            return spool.receive(download.pieces(source), limit, source.size)
        spool.require_size(source.size, limit)
        return spool.keep_end(remote.read_end(source), source.size, limit, url)


def _waiting_bundle(path: Path) -> WaitingBundle:
    try:
        return WaitingBundle(rauc.read(path), spool.address())
    except BaseException:
        spool.discard()
        raise


def _limit() -> int:
    return upgrade.slot_size(slots.device(slots.other(slots.require_slots()))) + OVERHEAD
