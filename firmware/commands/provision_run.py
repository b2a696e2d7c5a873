"""`provision run` and `provision batch`: the orders, their progress, and how it ended with each unit."""

import json
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from firmware.commands.cli import parse_arguments, split_options
from firmware.errors import Usage
from firmware.station import batch as station_batch
from firmware.station import host, label, ledger, verify
from firmware.station import input as station_input
from firmware.station.batch import Outcome
from firmware.station.fields import BY_NAME
from firmware.station.ledger import Ledger
from firmware.station.order import UnitOrder
from firmware.station.unit import Station

_VALUES = ("--records", "--key", "--labels", "--summary")
_FLAGS = ("--dry-run", "--json")


def run(argv: list[str]) -> int:
    """Provision one unit."""
    (file,), options = parse_arguments(argv, "UNIT.toml", flags=_FLAGS, values=(*_VALUES, "--port"))
    return _provision([file], options, is_alone=True)


def batch(argv: list[str]) -> int:
    """Provision many units at once."""
    found, options = split_options(argv, flags=_FLAGS, values=_VALUES)
    if not found:
        raise Usage("UNITS.csv is missing")
    return _provision(found, options)


def _provision(found: list[str], options: dict[str, str], *, is_alone: bool = False) -> int:
    for name, what in (
        ("--records", "write --records DIR, where the records are"),
        ("--key", "write --key KEY, the factory's"),
    ):
        if name not in options:
            raise Usage(f"{name} is missing", what)
    station = Station(Ledger(Path(options["--records"])), Path(options["--key"]))
    try:
        orders = _read_orders(found, options, station.kept, is_alone=is_alone)
        if "--dry-run" in options:
            ledger.require_key(station.kept, station.key)
            verify.require_chain(station.kept)
            return _show_orders(orders)
        _prepare(station, options)
        return _run(orders, station, options)
    except OSError as error:
        raise host.describe(error) from None


def _read_orders(found: list[str], options: dict[str, str], kept: Ledger, *, is_alone: bool) -> list[UnitOrder]:
    port = options.get("--port", "")
    if port and (problem := BY_NAME["port"].problem(port)):
        raise Usage(f"--port {problem}")
    orders = station_input.read_orders([Path(name) for name in found], ledger.recorded_problems(kept), port=port)
    if is_alone and len(orders) > 1:
        raise Usage(f"{found[0]} orders {len(orders)} units", f"provision batch {found[0]} …")
    for name in sorted({order.place.rpartition(":")[0] for order in orders if order.password}):
        if Path(name).stat().st_mode & 0o044:
            print(f"note: {name}: other accounts may read the passwords in it: chmod 600 {name}", file=sys.stderr)
    return orders


def _prepare(station: Station, options: dict[str, str]) -> None:
    """Whatever could keep a record, a label or the summary from being written is told before a unit is touched."""
    ledger.prepare(station.kept, station.key)
    verify.require_chain(station.kept)
    if "--labels" in options:
        label.require_libraries()
        host.require_directory(Path(options["--labels"]))
    if "--summary" in options:
        host.require_writable(Path(options["--summary"]))


def _run(orders: Sequence[UnitOrder], station: Station, options: dict[str, str]) -> int:
    labels = Path(options["--labels"]) if "--labels" in options else None
    try:
        outcomes = station_batch.run_batch(orders, station, Progress(orders).tell, labels)
    except KeyboardInterrupt:
        print("interrupted: repeat the command; what is done stays, and what was begun is completed", file=sys.stderr)
        raise
    status = _report(station.kept, outcomes, "--json" in options)
    if "--summary" in options:
        station_batch.write_summary(outcomes, Path(options["--summary"]))
    return status


def _show_orders(orders: Sequence[UnitOrder]) -> int:
    for order in orders:
        pair = f", node {order.node} of a pair with {order.pair}" if order.pair else ""
        print(f"{order.port}: {order.serial} ({order.model}), {order.host_name}, {order.address}/{order.prefix}{pair}")
    print(f"{_units(len(orders))}; nothing was done", file=sys.stderr)
    return 0


def _units(count: int) -> str:
    return f"{count} unit{'s' * (count != 1)}"


def _report(kept: Ledger, outcomes: Sequence[Outcome], as_json: bool) -> int:
    if as_json:
        print(json.dumps([_outcome_json(one) for one in outcomes], indent=2))
    else:
        width = max(len(one.order.serial) for one in outcomes)
        for one in outcomes:
            found = ": ".join(filter(None, (f"record {one.record}" * bool(one.record), one.why)))
            print(f"{one.order.serial:<{width}}  {one.word:<12}  {found}  ({one.seconds} s)")
            if one.hint:
                print(f"{'':<{width}}  hint: {one.hint}")
    head = kept.head_names()[-1]
    done = sum(bool(one.record) for one in outcomes)
    have = "has its" if len(outcomes) == 1 else "have their"
    print(f"{done} of {_units(len(outcomes))} {have} record; the head is {kept.top / head}", file=sys.stderr)
    statuses = {one.status for one in outcomes} - {0}
    return statuses.pop() if len(statuses) == 1 and len(outcomes) == 1 else int(bool(statuses))


def _outcome_json(one: Outcome) -> dict[str, object]:
    return {
        "serial": one.order.serial, "port": one.order.port, "outcome": one.word, "record": one.record or None,
        "why": one.why, "hint": one.hint, "seconds": one.seconds,
    }  # fmt: skip


class Progress:
    """A line for each port on a terminal; elsewhere a line for each step. Units tell from threads of their own."""

    def __init__(self, orders: Sequence[UnitOrder]) -> None:
        self._lines = {order.serial: "" for order in orders}
        self._width = max((len(order.port) + len(order.serial) + 2 for order in orders), default=0)
        self._stream = getattr(sys.stderr, "stream", sys.stderr)
        self._is_live = self._stream.isatty() and len(orders) <= 40
        self._is_shown = False
        self._lock = threading.Lock()

    def tell(self, order: UnitOrder, words: str) -> None:
        """That unit is at this."""
        line = f"{f'{order.port} {order.serial}:':<{self._width}} {words}"
        with self._lock:
            if self._lines[order.serial] == line:
                return
            self._lines[order.serial] = line
            if self._is_live:
                self._redraw()
            else:
                print(line, file=sys.stderr, flush=True)

    def _redraw(self) -> None:
        from shutil import get_terminal_size

        from firmware.printable import escape

        columns = get_terminal_size().columns - 1
        up = f"\033[{len(self._lines)}A" if self._is_shown else ""
        rows = (f"\r{escape(line)[:columns]}\033[K\n" for line in self._lines.values())
        self._stream.write(up + "".join(rows))
        self._stream.flush()
        self._is_shown = True
