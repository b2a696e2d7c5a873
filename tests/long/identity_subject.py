"""What is done to the identity partition while its writes are logged: an identity, another one, the lock, its opening."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import subject
from subject import Found, Subject

from firmware import files
from firmware.errors import Failure
from firmware.identity import Identity
from firmware.store import flash, identity
from firmware.store.paths import Paths

ROUNDS = 4


def identities(work: Path) -> Subject:
    """Each identity replaces the one before, is locked, and is opened again by hand."""
    work.mkdir(parents=True)
    unit = _Unit(work)
    steps = (unit.write, unit.write, unit.close, unit.open) * ROUNDS
    return Subject("identity", steps, unit.read, subject.from_layout("identity"))


@dataclass(slots=True)
class _Unit:
    work: Path
    count: int = 0

    def write(self, place: Path) -> Found:
        """The next identity."""
        before, self.count = f"LB-{self.count:05}", self.count + 1
        new = Identity(f"LB-{self.count:05}", "lb-100", f"lb{self.count}", "", {"eth0": "02:00:00:00:00:01"})
        return _found(identity.write(new, self._paths(place), replaces=before, lock=self._lock))

    def close(self, place: Path) -> Found:
        """The lock on it."""
        now = identity.standing(self._paths(place), lock=self._lock)
        assert now.identity is not None
        return _found(
            identity.close(now.identity.serial, now.digest, f"{self.count}", self._paths(place), lock=self._lock)
        )

    def open(self, place: Path) -> Found:
        """No lock any more."""
        return _found(identity.open_again(self._paths(place), lock=self._lock))

    def read(self, place: Path) -> Found:
        """What a boot makes known. A record that is damaged is none of those that were written."""
        try:
            return _found(identity.standing(self._paths(place), lock=self._lock))
        except Failure as error:
            return {"identity": str(error), "locked": str(error)}

    @property
    def _lock(self) -> Path:
        return self.work / "lock"

    def _paths(self, place: Path) -> Paths:
        return Paths(self.work / "etc", self.work / "factory", place, self.work / "run")


def _found(standing: identity.Standing) -> Found:
    return {"identity": standing.identity, "locked": standing.locked_at}


def in_place() -> None:
    """The record that is there is overwritten."""

    def write(path: Path, pieces: list[bytes]) -> None:
        path.touch()
        with path.open("rb+") as file:
            file.write(b"".join(pieces))
            file.truncate()
        files.sync_directory(path.parent)

    flash.write_durably = write  # type: ignore[assignment]


MUTANTS: dict[str, Callable[[], None]] = {"identity in place": in_place}
