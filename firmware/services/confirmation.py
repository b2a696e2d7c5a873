"""What waits to be confirmed: services that the way to the node depends on (network, firewall) are applied for a time, and what
was set up before comes back unless somebody confirms the new. Who loses his way by what he applied cannot confirm it, and has
the old way again.

/run/firmware/confirmation/NAME holds `waiting.json`, and for each title a directory with the block that was set up and what
else the service keeps of it (`Confirmable`). config.rc and the files keep what is new: that needs an apply again once the old
is back.
"""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from firmware import files, log, records
from firmware.errors import Damaged, Failure, NewerFormat, Refused
from firmware.locks import hold, service_lock
from firmware.rc import document
from firmware.services import applied, catalog, oneshot
from firmware.services.definition import Confirmable

PLACE = Path("/run/firmware/confirmation")
#: of the record
FORMAT = 1
#: seconds for which something unconfirmed stays, where nobody says another number
SECONDS = 90

_RECORD = "waiting.json"
_SLEEPER = "sleeper"
_BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Since when and until when it waits (seconds of the clock that runs since the boot), and what was set up before: by title
    the digest of what was applied."""

    since: float
    until: float
    before: Mapping[str, str]

    @property
    def seconds_left(self) -> float:
        """How long there is to confirm it."""
        return max(0.0, self.until - _now())


def names() -> list[str]:
    """The services that can be applied so."""
    return [service.name for service in catalog.services() if service.confirmable is not None]


def find_confirmable(name: str) -> Confirmable | None:
    """How a service goes back; None for one that cannot be applied so."""
    service = catalog.find(name)
    return service.confirmable if service is not None else None


def pending(name: str, *, place: Path = PLACE) -> Confirmation | None:
    """What waits to be confirmed of a service; None if nothing does."""
    path = place / name / _RECORD
    try:
        body = records.load(path.read_bytes(), FORMAT, str(path))
        with records.interpreting(str(path)):
            before = {str(title): str(digest) for title, digest in body["before"].items()}
            return Confirmation(float(body["since"]), float(body["until"]), before)
    except (FileNotFoundError, Damaged, NewerFormat):
        return None


def remarks(name: str, *, place: Path = PLACE) -> list[str]:
    """What there is to say of a service that waits."""
    waiting = pending(name, place=place)
    if waiting is None:
        return []
    return [
        f"waits to be confirmed: what was before comes back in {waiting.seconds_left:.0f} s (service {name} confirm)"
    ]


def refuse_while_waiting(name: str = "", *, place: Path = PLACE) -> None:
    """Refused while that service waits to be confirmed; without a name, while any does."""
    for one in [name] if name else sorted(path.parent.name for path in place.glob(f"*/{_RECORD}")):
        if (waiting := pending(one, place=place)) is not None:
            hint = f"service {one} confirm keeps it, service {one} undo puts the old one back now"
            raise Refused(f"service {one}: it waits to be confirmed ({waiting.seconds_left:.0f} s left)", hint)


def begin(name: str, seconds: int, *, place: Path = PLACE) -> None:
    """From now on, what is set up now comes back after so many seconds. Refused if the service waits already."""
    from firmware import sleeper
    from firmware.services import directories

    refuse_while_waiting(name, place=place)
    way = _require_confirmable(name)
    directories.remove(place / name)
    (place / name).mkdir(mode=0o700, parents=True)
    blocks = way.blocks()
    for title, block in blocks.items():
        applied.set_aside(title)
        kept = place / name / title
        kept.mkdir(mode=0o700)
        text = "\n" * (block.lines[0].number - 1) + block.text  # its lines keep their numbers
        files.write(kept / _BLOCK, text.encode("utf-8", "surrogateescape"), mode=0o600)
        if way.keep is not None:
            way.keep(kept)
    now = _now()
    before = {title: applied.context_digest(title) for title in blocks}
    body = {"since": now, "until": now + seconds, "before": before}
    files.write(place / name / _RECORD, records.dump(body, FORMAT), mode=0o600)
    sleeper.keep_one(place / name / _SLEEPER, str(int(now * 1000)), seconds, sys.executable, "-m", __name__, name)


def confirm(name: str, *, place: Path = PLACE) -> None:
    """Keep what waits. Refused if nothing does."""
    for title in _end(name, place).before:
        applied.drop_set_aside(title)
    _forget(name, place)


def put_back(name: str, *, place: Path = PLACE) -> list[str]:
    """Set up what was set up before; returns what went wrong. Refused if nothing waits."""
    waiting, way = _end(name, place), _require_confirmable(name)
    problems = []
    for title in sorted({*way.blocks(), *waiting.before}, key=lambda one: one in waiting.before):
        with hold(service_lock(title)):
            try:
                problems += _put_back(way, title, waiting, place / name / title)
            except (Failure, OSError) as error:
                problems.append(f"service {title}: {error}")
    log.line(f"service {name}: it was not confirmed, and what was there before is back")
    _forget(name, place)
    return problems


def _put_back(way: Confirmable, title: str, waiting: Confirmation, kept: Path) -> list[str]:
    if title not in waiting.before:
        oneshot.tear_down(title)
        applied.forget(title)
        return []
    text = (kept / _BLOCK).read_text(encoding="utf-8", errors="surrogateescape")
    problem = way.put_back(document.parse_tolerant(text)[0].blocks[0], kept)
    oneshot.note_outcome(title, problem)
    applied.restore_set_aside(title, waiting.before[title])
    return [problem] if problem else []


def _end(name: str, place: Path) -> Confirmation:
    """What waited, and does no longer. What is not there any more is put back or confirmed already."""
    from firmware import sleeper

    with hold(service_lock(f"confirmation of {name}")):
        waiting = pending(name, place=place)
        (place / name / _RECORD).unlink(missing_ok=True)
    sleeper.end(place / name / _SLEEPER)
    if waiting is None:
        raise Refused(f"service {name}: nothing waits to be confirmed")
    return waiting


def _forget(name: str, place: Path) -> None:
    from firmware.services import directories

    directories.remove(place / name)


def _require_confirmable(name: str) -> Confirmable:
    way = find_confirmable(name)
    if way is None:
        raise Refused(f"service {name}: it cannot be applied until it is confirmed")
    return way


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


if __name__ == "__main__":
    put_back(sys.argv[1])
