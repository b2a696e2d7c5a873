"""Whether a bundle fits this unit: decided before anything is touched."""

import re
from dataclasses import dataclass

from firmware.errors import Refused
from firmware.printable import quote_word
from firmware.upgrade.bundle import Bundle

_VERSION = re.compile(r"\d{1,9}(\.\d{1,9})*")


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the operator has asked for by a flag of its own; nothing of it is done by itself."""

    downgrade: bool = False
    other_model: bool = False
    other_protocols: bool = False


@dataclass(frozen=True, slots=True)
class ThisUnit:
    """The unit as it runs: model, version, bytes of a slot; `peer` are the versions of the peer API that the peer speaks, None
    where it is not known."""

    model: str
    version: str
    slot_size: int
    peer: tuple[int, int] | None = None


def is_the_same(bundle: Bundle, unit: ThisUnit, allowed: Allowed) -> bool:
    """Is there nothing to do, for this version runs already?"""
    return bundle.model == unit.model and bundle.version == unit.version and not allowed.downgrade


def require_fit(bundle: Bundle, unit: ThisUnit, allowed: Allowed) -> None:
    """Refused for another model, an older version, one that could no longer talk to the peer's, and one too large; each but the
    last can be allowed."""
    if bundle.model != unit.model and not allowed.other_model:
        words = f"the bundle is for another model: {quote_word(bundle.model)}; this unit is {quote_word(unit.model)}"
        raise Refused(words, "--other-model installs it all the same")
    if not allowed.downgrade and not is_newer(bundle.version, unit.version):
        words = f"the bundle is not newer: {quote_word(bundle.version)}; {quote_word(unit.version)} runs"
        raise Refused(words, "--downgrade installs it all the same")
    if unit.peer and not _meet(bundle.protocols, unit.peer) and not allowed.other_protocols:
        words = f"the bundle speaks protocol {_span(bundle.protocols)} with a peer, and the peer {_span(unit.peer)}"
        raise Refused(f"{words}: the two could not sync", "upgrade the peer first, or --other-protocols")
    if bundle.size > unit.slot_size:
        raise Refused(f"the image has {bundle.size} bytes, and a slot {unit.slot_size}")


def is_newer(version: str, than: str) -> bool:
    """Whether a version comes after another one. Words of another form than 1.2.3 come after nothing."""
    if not _VERSION.fullmatch(version) or not _VERSION.fullmatch(than):
        return False
    return _numbers(version) > _numbers(than)


def _numbers(version: str) -> list[int]:
    numbers = [int(part) for part in version.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return numbers


def _meet(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return max(one[0], other[0]) <= min(one[1], other[1])


def _span(versions: tuple[int, int]) -> str:
    low, high = versions
    return str(low) if low == high else f"{low} to {high}"
