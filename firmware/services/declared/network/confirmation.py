"""A network that waits to be confirmed: what was set up before comes back, unless somebody confirms the new one in time. Who
loses the way to the node by what he applied cannot confirm it, and has the old way again.

/run/firmware/confirmation/network.json holds what was set up before, by its blocks. config.rc keeps the new text: it needs an
apply again once the old network is back.
"""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from firmware import files, log, records
from firmware.errors import Damaged, NewerFormat, Refused
from firmware.locks import hold, service_lock
from firmware.services import applied, oneshot
from firmware.services.declared.network import reconcile, record
from firmware.services.declared.network.record import Owned

PLACE = Path("/run/firmware/confirmation")
#: of the record
FORMAT = 1
#: seconds for which an unconfirmed network stays, where nobody says another number
SECONDS = 90

_NAME = "network.json"
_SLEEPER = "sleeper"
_HINT = "service network confirm keeps it, service network undo puts the old one back now"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Until when it lasts (seconds of the clock that runs since the boot), and what was set up before: by title, the text of the
    block, its line, and the digest of what was applied."""

    until: float
    before: Mapping[str, tuple[str, int, str]]

    @property
    def seconds_left(self) -> float:
        """How long there is to confirm it."""
        return max(0.0, self.until - _now())


def pending(*, place: Path = PLACE) -> Confirmation | None:
    """The network that waits to be confirmed; None if none does."""
    path = place / _NAME
    try:
        body = records.load(path.read_bytes(), FORMAT, str(path))
        with records.interpreting(str(path)):
            before = {
                str(title): (str(text), int(line), str(digest))
                for title, (text, line, digest) in body["before"].items()
            }
            return Confirmation(float(body["until"]), before)
    except (FileNotFoundError, Damaged, NewerFormat):
        return None


def refuse_while_waiting(*, place: Path = PLACE) -> None:
    """Refused while a network waits to be confirmed."""
    if (waiting := pending(place=place)) is not None:
        raise Refused(f"service network: it waits to be confirmed ({waiting.seconds_left:.0f} s left)", _HINT)


def begin(seconds: int, *, place: Path = PLACE) -> None:
    """From now on, what is set up now comes back after so many seconds. Refused if a network waits already."""
    from firmware import sleeper

    refuse_while_waiting(place=place)
    owned = record.all_owned()
    before = {title: (one.block, one.line, applied.context_digest(title)) for title, one in owned.items()}
    for title in owned:
        applied.set_aside(title)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.write(place / _NAME, records.dump({"until": _now() + seconds, "before": before}, FORMAT), mode=0o600)
    sleeper.keep_one(place / _SLEEPER, str(int(_now() * 1000)), seconds, sys.executable, "-m", __name__)


def confirm(*, place: Path = PLACE) -> None:
    """Keep what waits. Refused if nothing does."""
    for title in _end(place).before:
        applied.drop_set_aside(title)


def put_back(*, place: Path = PLACE) -> list[str]:
    """Set up what was set up before; returns what went wrong. Refused if nothing waits."""
    waiting = _end(place)
    problems = []
    for title in sorted({*record.all_owned(), *waiting.before}, key=lambda one: one in waiting.before):
        with hold(service_lock(title)):
            problems += _put_back(title, waiting)
    log.line("service network: it was not confirmed, and what was there before is back")
    return problems


def _put_back(title: str, waiting: Confirmation) -> list[str]:
    if title not in waiting.before:
        oneshot.tear_down(title)
        applied.forget(title)
        return []
    text, line, digest = waiting.before[title]
    problem = reconcile.set_up(record.block(Owned(block=text, line=line)))
    oneshot.note_outcome(title, problem)
    applied.restore_set_aside(title, digest)
    return [problem] if problem else []


def _end(place: Path) -> Confirmation:
    """What waited, and does no longer. What is not there any more is put back or confirmed already."""
    from firmware import sleeper

    with hold(service_lock("network confirmation")):
        waiting = pending(place=place)
        (place / _NAME).unlink(missing_ok=True)
    sleeper.end(place / _SLEEPER)
    if waiting is None:
        raise Refused("service network: nothing waits to be confirmed")
    return waiting


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


if __name__ == "__main__":
    put_back()
