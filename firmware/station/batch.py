"""Several units at once, each at its own line: what fails there is told there, and the others go on."""

import csv
import io
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

from firmware import files, log
from firmware.errors import Busy, Failure, Lost, Refused
from firmware.station import host, label
from firmware.station.meeting import Meeting, meetings_of
from firmware.station.order import UnitOrder
from firmware.station.unit import Provisioned, SetAside, Station, provision

#: how it ended with a unit
NEW, DONE, SET_ASIDE, REFUSED, UNFINISHED = "provisioned", "done already", "set aside", "refused", "not finished"
#: units at once; each has five descriptors, and select, which pyserial waits with, knows a thousand
MOST_AT_ONCE = 100
#: is told which unit is at what
TellUnit = Callable[[UnitOrder, str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended with one unit, after so many seconds. `record` is the number of its record, 0 for none; `why` and `hint`
    say why there is none, or no label; `status` is the exit status for it alone."""

    order: UnitOrder
    word: str
    record: int = 0
    why: str = ""
    hint: str = ""
    status: int = 0
    seconds: float = 0.0


def run_batch(
    orders: Sequence[UnitOrder], station: Station, tell: TellUnit, labels: Path | None = None
) -> tuple[Outcome, ...]:
    """Provision all of them, and draw their labels where a directory for these is given."""
    meetings = meetings_of(orders)

    def run_one(order: UnitOrder) -> Outcome:
        outcome = _run_unit(order, station, tell, meetings.get(order.serial), labels)
        tell(order, f"{outcome.word}: {outcome.why}" if outcome.why else outcome.word)
        return outcome

    waiting: SimpleQueue[UnitOrder] = SimpleQueue()
    for order in _partners_together(orders):
        waiting.put(order)
    done: dict[str, Outcome] = {}

    def work() -> None:
        with suppress(Empty):
            while True:
                order = waiting.get_nowait()
                done[order.serial] = run_one(order)

    _run_threads(work, min(MOST_AT_ONCE, len(orders)))
    return tuple(done[order.serial] for order in orders)


def _run_threads(work: Callable[[], None], count: int) -> None:
    """Wait for them; whoever interrupts that waits for none of them: what is cut off there is completed by the next run."""
    threads = [threading.Thread(target=work, name=f"unit {number}", daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _partners_together(orders: Sequence[UnitOrder]) -> list[UnitOrder]:
    """The units of a pair one after the other: who waits for its partner is never in the way of it."""
    places = {order.serial: place for place, order in enumerate(orders)}
    return sorted(
        orders, key=lambda order: (min(places[order.serial], places.get(order.pair, len(orders))), order.node)
    )


def _run_unit(
    order: UnitOrder, station: Station, tell: TellUnit, meeting: Meeting | None, labels: Path | None
) -> Outcome:
    began = time.monotonic()
    word, number = "", 0
    try:
        done = provision(order, station, lambda words: tell(order, words), meeting)
        word, number = NEW if done.is_new else DONE, done.record.number
        if labels:
            draw_label(done, labels)
        return Outcome(order, word, number, seconds=_since(began))
    except OSError as error:
        failure = host.describe(error)
    except Failure as error:
        failure = error
    except Exception as error:  # of this unit; the others go on
        failure = log.internal_error("provision", error)
    why = f"it has no label: {failure}" if number else str(failure)
    return Outcome(order, word or _word(failure), number, why, failure.hint, failure.status, _since(began))


def draw_label(done: Provisioned, labels: Path) -> None:
    """The label of a unit, SERIAL.pdf and SERIAL.png; what is there already stays."""
    pdf, png = (labels / f"{done.record.serial}.{kind}" for kind in ("pdf", "png"))
    if done.is_new or not (pdf.exists() and png.exists()):
        label.write(label.label_of(done.record), pdf, png)


def _word(error: Failure) -> str:
    if isinstance(error, SetAside):
        return SET_ASIDE
    return REFUSED if isinstance(error, Refused) and not isinstance(error, Busy | Lost) else UNFINISHED


def _since(began: float) -> float:
    return round(time.monotonic() - began, 1)


def write_summary(outcomes: Sequence[Outcome], path: Path) -> None:
    """The outcomes as CSV, a row a unit. A spreadsheet takes no word of a unit for a formula."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("serial", "model", "mac", "port", "outcome", "record", "seconds", "why"))
    for one in outcomes:
        order = one.order
        row = (
            order.serial,
            order.model,
            " ".join(order.macs),
            order.port,
            one.word,
            one.record or "",
            one.seconds,
            one.why,
        )
        writer.writerow([f"'{word}" if str(word).startswith(("=", "+", "-", "@")) else word for word in row])
    files.write(path, out.getvalue().encode())
