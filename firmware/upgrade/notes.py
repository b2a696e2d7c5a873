"""What one slot leaves on flash for the other: what worked before an upgrade, and what became of it."""

import time
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, cast

from firmware import files, records
from firmware.errors import Damaged, Failure
from firmware.store import flash
from firmware.store.paths import NODE, Paths
from firmware.store.repository import hold_flash

#: where on flash · the format of both notes
DIRECTORY, FORMAT = "upgrade", 1
#: what may become of an upgrade
BEGUN, STARTED, CONFIRMED, FELL_BACK, ROLLED_BACK = "begun", "started", "confirmed", "fell back", "rolled back"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the last upgrade: `result` of `version` in `slot`, why (the `reasons`), when (seconds since the epoch), and
    whether somebody has said that he knows."""

    result: str
    slot: str
    version: str
    reasons: tuple[str, ...]
    time: float
    acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class Expectation:
    """What worked before an upgrade, and has to work after it: titles of services that ran; sockets at which they listened
    (TITLE ADDRESS PORT); those at which haproxy had something to say; addresses of this node; gateways that answered; whether
    the peer could be reached. `problem` is what was wrong with what is saved."""

    services: tuple[str, ...]
    listening: tuple[str, ...]
    answering: tuple[str, ...]
    addresses: tuple[str, ...]
    gateways: tuple[str, ...]
    link: bool
    problem: str


#: what is known of a unit whose flash could not be read: all that is to be started has to run
UNREAD_FLASH = Expectation((), (), (), (), (), False, "the flash could not be read before the upgrade either")


def write_outcome(result: str, slot: str, version: str, reasons: tuple[str, ...] = (), paths: Paths = NODE) -> None:
    """Note on flash what became of an upgrade."""
    _write_body(Outcome(result, slot, version, reasons, time.time()), paths)


def acknowledge_outcome(paths: Paths = NODE) -> None:
    """Note on flash that somebody knows what became of the last upgrade."""
    if found := read_outcome(paths=paths):
        _write_body(replace(found, acknowledged=True), paths)


def _write_body(outcome: Outcome, paths: Paths) -> None:
    """The other slot may hold an older version, which knows no more than it has to."""
    body = asdict(outcome)
    if not outcome.acknowledged:
        del body["acknowledged"]
    _write("outcome.json", records.dump(body, FORMAT), paths)


def read_outcome(paths: Paths = NODE) -> Outcome | None:
    """What became of the last upgrade; None if there was none, or if it cannot be read."""
    body = _read("outcome.json", paths)
    try:
        with records.interpreting("the note about the last upgrade"):
            known = {field.name: body[field.name] for field in fields(Outcome) if body and field.name in body}
            return Outcome(**{**known, "reasons": tuple(body["reasons"])}) if body else None
    except Damaged:
        return None


def write_expectation(expectation: Expectation, paths: Paths = NODE) -> None:
    """Note on flash what works now."""
    _write("expectation.json", records.dump(asdict(expectation), FORMAT), paths)


def forget_expectation(paths: Paths = NODE) -> None:
    """Nothing is known any more of what worked."""
    with hold_flash(write=True, paths=paths) as top:
        (top / DIRECTORY / "expectation.json").unlink(missing_ok=True)


def read_expectation(paths: Paths = NODE) -> Expectation | None:
    """What worked before the upgrade; None where nobody noted it, or where it cannot be read."""
    body = _read("expectation.json", paths)
    try:
        with records.interpreting("the note about what worked"):
            return _expectation(body) if body else None
    except Damaged:
        return None


def _expectation(body: dict[str, Any]) -> Expectation:
    kinds = {name: tuple(value) if isinstance(value, list) else value for name, value in body.items()}
    return Expectation(**cast(dict[str, Any], kinds))


def _write(name: str, data: bytes, paths: Paths) -> None:
    with hold_flash(write=True, paths=paths) as top:
        directory = top / DIRECTORY
        if not directory.is_dir():
            directory.mkdir(mode=0o700)
            files.sync_directory(top)
        flash.remove_leftovers(directory)
        flash.write_durably(directory / name, [data])


def _read(name: str, paths: Paths) -> dict[str, Any] | None:
    try:
        with hold_flash(write=False, paths=paths) as top:
            return records.load((top / DIRECTORY / name).read_bytes(), FORMAT, name)
    except (OSError, Failure):  # of the flash, too: which slot runs and starts is told without it
        return None
