"""Two units of a pair on the bench: each waits for the other where it needs it, and neither waits for one that has failed."""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from firmware.errors import Refused
from firmware.provision.answers import UnitKeys
from firmware.station.order import UnitOrder

#: how far a unit is, when it has a record
DONE = 1_000


@dataclass(slots=True)
class Meeting:
    """Where two units meet. Used by the threads of both."""

    _changed: threading.Condition = field(default_factory=threading.Condition)
    _keys: dict[str, UnitKeys] = field(default_factory=dict)
    _reached: dict[str, int] = field(default_factory=dict)
    _failed: dict[str, str] = field(default_factory=dict)

    def bring_keys(self, serial: str, keys: UnitKeys) -> None:
        """These are a unit's public keys."""
        with self._changed:
            self._keys[serial] = keys
            self._changed.notify_all()

    def reach(self, serial: str, stage: int) -> None:
        """That unit has come so far."""
        with self._changed:
            self._reached[serial] = stage
            self._changed.notify_all()

    def fail(self, serial: str, why: str) -> None:
        """That unit will come no further."""
        with self._changed:
            self._failed[serial] = why
            self._changed.notify_all()

    def await_keys(self, serial: str) -> UnitKeys:
        """The keys of a unit, as soon as it has some. Refused if it fails before."""
        self._await(serial, lambda: serial in self._keys)
        return self._keys[serial]

    def await_stage(self, serial: str, stage: int) -> None:
        """Wait until a unit has come so far. Refused if it fails before."""
        self._await(serial, lambda: self._reached.get(serial, 0) >= stage)

    def is_done(self, serial: str) -> bool:
        """Has it a record already? Then it is asked nothing any more."""
        return self._reached.get(serial, 0) == DONE

    def _await(self, serial: str, holds: Callable[[], bool]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: holds() or serial in self._failed)
            if not holds():
                raise Refused(
                    f"the other unit of the pair, {serial}: {self._failed[serial]}", "repeat the command for both"
                )


def meetings_of(orders: Iterable[UnitOrder]) -> Mapping[str, Meeting]:
    """The meeting of each unit that belongs to a pair, by its serial number."""
    found: dict[str, Meeting] = {}
    for order in orders:
        if order.pair:
            found[order.serial] = found.get(order.pair) or Meeting()
    return found
