"""`upgrade install`, and the same in the web UI: a bundle from a file, from an address or from a browser."""

import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from firmware.errors import Busy, Failure, Refused
from firmware.flows import upgrade
from firmware.flows.upgrade import Installed, Tell
from firmware.locks import UPGRADE, hold
from firmware.operations import peer
from firmware.sync import audit
from firmware.sync.audit import Who
from firmware.upgrade import rauc, slots, spool, web_address
from firmware.upgrade.bundle import OVERHEAD
from firmware.upgrade.decision import Allowed
from firmware.upgrade.spool import WaitingBundle

#: seconds in which what is called off comes to its end: who waits for a name server cannot be interrupted
ENDS_SECONDS = 15.0
#: how the trail calls what brings a bundle · how an address begins, of whatever kind it is
_BRING, _ADDRESS = "upgrade bundle", re.compile(r"\A\s*(https?:|[a-z][a-z0-9+.-]*://)", re.IGNORECASE)


def install(source: str, allowed: Allowed, *, who: Who, tell: Tell) -> Installed:
    """Install a bundle from a file or an address. See `flows.upgrade.install`. Busy while somebody else gets or installs one."""
    slots.require_slots()
    with _hold_spool():
        if not _is_address(source):
            return _install(Path(source).resolve(), allowed, who, tell)
        tell("fetching the bundle")
        path = _fetch(source, who)
        try:
            return _install(path, allowed, who, tell, spool.address())
        finally:
            _discard_used()


def require_address(word: str) -> str:
    """The word, which is an address; Usage if it is none."""
    web_address.parse(word)
    return word


def fetch(url: str, *, who: Who) -> WaitingBundle:
    """Have a bundle from an address wait here."""
    with _hold_spool():
        path = _fetch(url, who)
        with audit.note_errors(_BRING, who=who, address=web_address.public_part(url)):
            return _verify_waiting(path)


def receive(pieces: Iterable[bytes], *, who: Who) -> WaitingBundle:
    """Have a bundle wait here that comes in pieces."""
    with _hold_spool(), audit.note_errors(_BRING, who=who):
        with spool.expect():
            path = spool.receive(_while_wanted(pieces), _limit())
        return _verify_waiting(path)


def _while_wanted(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        if spool.is_called_off():
            raise Refused("it is not taken any more: somebody has called it off")
        yield piece


def waiting() -> WaitingBundle:
    """The bundle that waits, if there is one."""
    return spool.read_waiting()


def discard(*, who: Who) -> None:
    """Take the waiting bundle away; one that is on its way is called off, whoever gets it. Busy while one is verified or
    installed."""
    end = time.monotonic() + (ENDS_SECONDS if spool.call_off() else 0.0)
    while True:
        try:
            with _hold_spool():
                spool.discard()
            break
        except Busy:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
    audit.note("upgrade discarded", who=who, result="done")


def install_waiting(allowed: Allowed, sha256: str, *, who: Who) -> Installed:
    """Install the bundle that waits, if it is the one whose image has this digest; it is gone then."""
    with _hold_spool():
        return _install_waiting(allowed, sha256, who)


def _install_waiting(allowed: Allowed, sha256: str, who: Who) -> Installed:
    found, path = spool.read_waiting().bundle, spool.path()
    if found is None or path is None:
        raise Refused("no bundle waits to be installed", "somebody may have installed or discarded it: bring one")
    if found.sha256 != sha256:
        words = f"another bundle waits now, version {found.version}: somebody has brought it meanwhile"
        raise Refused(words, "look at it, and install that one; or bring yours once more")
    done = _install(path, allowed, who, lambda words: None, spool.address())
    _discard_used()
    return done


def _discard_used() -> None:
    """Whatever came of it is what is told: if it cannot be taken away now, whoever comes next does."""
    with suppress(Busy):
        spool.discard()


@contextmanager
def _hold_spool() -> Iterator[None]:
    """Nobody else gets or installs a bundle meanwhile; what somebody has left who was killed is taken away first."""
    with hold(UPGRADE, wait=False, busy="another bundle is being fetched or installed"):
        spool.call_off()  # what somebody was getting who was killed
        spool.forget_interrupted()
        if spool.is_abandoned():
            spool.discard()
        yield


def largest_bundle() -> tuple[int, int]:
    """Bytes of any bundle for this unit, at most; and of one that memory has room for now."""
    if spool.is_abandoned():
        with suppress(Busy), _hold_spool():  # who is at work on it has not been killed
            pass
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


def _is_address(word: str) -> bool:
    """Does it look like one? Usage if it is one that is not fetched from. A file whose name does is ./NAME; what is no file, and
    has an @ or a ?, is an address with a slip in it, and may hold secrets."""
    is_meant = _ADDRESS.match(word) or (set("@?") & set(word) and not os.path.lexists(word))
    return bool(is_meant and web_address.parse(word))


def _fetch(url: str, who: Who) -> Path:
    """All of it, or the end of one that memory has no room for."""
    with audit.note_errors(_BRING, who=who, address=web_address.public_part(url)), spool.expect():
        return _fetch_all(url)


def _fetch_all(url: str) -> Path:
    from firmware.upgrade import download, remote

    source, limit = download.find(url, is_called_off=spool.is_called_off), _limit()
    spool.discard()
    if source.size is None or source.size <= spool.free_memory() or not source.sends_parts:
        return spool.receive(download.pieces(source), limit, source.size)
    spool.require_size(source.size, limit)
    return spool.keep_end(remote.read_end(source), source.size, limit, source.address.text)


def _verify_waiting(path: Path) -> WaitingBundle:
    try:
        return spool.note_waiting(rauc.read(path))
    except BaseException:
        spool.discard()
        raise


def _limit() -> int:
    return upgrade.slot_size(slots.device(slots.other(slots.require_slots()))) + OVERHEAD
