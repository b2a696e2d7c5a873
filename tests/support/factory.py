"""A factory for tests: simulated units at their lines, orders for them, a key, and the records."""

import multiprocessing
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from simulated_unit import SimulatedUnit

from firmware.station import ledger
from firmware.station.batch import Outcome, run_batch
from firmware.station.input import read_orders
from firmware.station.ledger import Ledger
from firmware.station.order import UnitOrder
from firmware.station.unit import Station

COLUMNS = ("serial", "model", "mac", "host_name", "address", "network", "port", "password_hash", "pair")
#: of no password that anybody has
HASH = f"scrypt$16384$8$1${'0' * 32}${'0' * 64}"


def make_key(path: Path) -> Path:
    """The factory's key."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], check=True)
    return path


@dataclass
class Factory:
    """Units 1, 2, … below `top`, each at a terminal of its own."""

    top: Path
    units: list[SimulatedUnit] = field(default_factory=list)
    processes: list[multiprocessing.context.ForkProcess] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.station = Station(Ledger(self.top / "records"), make_key(self.top / "key"))
        ledger.prepare(self.kept, self.station.key)

    @property
    def kept(self) -> Ledger:
        """The records."""
        return self.station.kept

    def add_units(self, count: int) -> None:
        """So many more, switched on."""
        for number in range(len(self.units) + 1, len(self.units) + count + 1):
            place = self.top / f"unit{number}"
            place.mkdir()
            self.units.append(SimulatedUnit(place, number))
            self.units[-1].start()

    def add_units_apart(self, count: int, broken: dict[int, dict[str, str]], processes: int = 2) -> None:
        """So many units that run in processes of their own, since all have more descriptors than one process may have. Those that
        are `broken` fail these tests."""
        for number in range(1, count + 1):
            place = self.top / f"unit{number}"
            place.mkdir()
            self.units.append(SimulatedUnit(place, number, broken.get(number, {})))
        for part in range(processes):
            process = multiprocessing.get_context("fork").Process(
                target=self._serve, args=(part, processes), daemon=True
            )
            process.start()
            self.processes.append(process)
        for unit in self.units:
            unit.close()

    def _serve(self, part: int, processes: int) -> None:
        for place, unit in enumerate(self.units):
            if place % processes == part:
                unit.start()
            else:
                unit.close()
        signal.pause()

    def close(self) -> None:
        """All of them are switched off."""
        for process in self.processes:
            process.terminate()
            process.join()
        for unit in self.units if not self.processes else ():
            unit.close()

    def row(self, number: int, pair: str = "") -> dict[str, str]:
        """What is ordered for a unit."""
        unit = self.units[number - 1]
        return {
            "serial": f"T-{number:04d}", "model": "Test 1", "mac": " ".join(port.mac for port in unit.ports),
            "host_name": f"lb{number}", "address": f"10.0.{number >> 8}.{number & 255}", "network": "10.0.0.0/16",
            "port": unit.line, "password_hash": HASH, "pair": pair,
        }  # fmt: skip

    def orders(self, *pairs: tuple[int, int]) -> list[UnitOrder]:
        """The orders for all units, by way of a CSV file; those in `pairs` make a pair."""
        partners = dict(pairs)
        numbers = range(1, len(self.units) + 1)
        rows = [self.row(n, f"T-{partners[n]:04d}" if n in partners else "") for n in numbers]
        path = self.top / "units.csv"
        path.write_text("\n".join(",".join(words) for words in (COLUMNS, *(row.values() for row in rows))) + "\n")
        return read_orders([path], ledger.recorded_problems(self.kept))

    def run(
        self, orders: list[UnitOrder], tell: Callable[[UnitOrder, str], None] = lambda order, words: None
    ) -> tuple[Outcome, ...]:
        """Provision them."""
        return run_batch(orders, self.station, tell)
