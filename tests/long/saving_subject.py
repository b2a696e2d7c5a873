"""What is done to a flash while its writes are logged: the product's own saves, a rollback, an import; and what boots say of it.

A subject is what the program `crash_states.py` needs to know of something that has to survive power cuts. Others, such as a
record of slots, are made in the same way.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "support"))

import directory_node
import subject
from subject import Found, Subject

from firmware import files
from firmware.store import flash, generations, repository, restore
from firmware.store.paths import Paths

#: few, so that old ones go
MOST_KEPT = 8


def saving(work: Path, rounds: int = 4) -> Subject:
    """Saves, a rollback and an import, with the journal; more generations than are kept."""
    work.mkdir(parents=True)
    repository.MOST_KEPT = MOST_KEPT
    node = directory_node.make(work)
    writer = _Writer(node)
    cycle = (writer.save, writer.save, writer.roll_back, writer.take)
    steps = tuple(cycle[number % len(cycle)] for number in range(rounds * len(cycle)))
    return Subject("saving", steps, _Reader(node).read, subject.from_layout("flash"))


def saving_on_an_earlier_flash(work: Path) -> Subject:
    """The same on the flash of a unit that was made earlier. The last save may be lost there with a page; but what comes back is one
    that was saved, whole, or the factory's configuration, never a mixture, and no hands are needed."""
    made, known = saving(work), {""}

    def noting(step: Callable[[Path], Found]) -> Callable[[Path], Found]:
        def take(place: Path) -> Found:
            known.add(str(step(place)["saved"]))
            return {"is whole": True}

        return take

    def read(place: Path) -> Found:
        return {"is whole": made.read(place)["restored"] in known}

    return Subject("earlier flash", tuple(map(noting, made.steps)), read, subject.EARLIER_FLASH)


_APPEND = repository.append_journal


class _Writer:
    """Does the next thing on the flash that is mounted at a place."""

    def __init__(self, node: Paths) -> None:
        self._node, self._count, self._saved = node, 0, ""
        self._journal: list[str] = []

    def save(self, place: Path) -> Found:
        """A new generation."""
        self._count += 1
        directory_node.write(self._node.etc / "config.rc", f"service haproxy\n# {self._count}\n")
        directory_node.write(self._node.etc / "haproxy/map", f"{self._count}\n" * 700)
        self._saved = _config(self._node)
        return self._note(
            "save", generations.save(f"{self._count}", who="tester", paths=_at(self._node, place)).generation.number
        )

    def roll_back(self, place: Path) -> Found:
        """The generation before, below /etc; on flash only the journal tells."""
        with repository.open_directory(write=False, paths=_at(self._node, place)) as directory:
            number = repository.numbers(directory)[-1]
        notes = restore.roll_back(number, who="tester", paths=_at(self._node, place)).lines
        assert not notes, notes
        return self._note("rollback", number)

    def take(self, place: Path) -> Found:
        """An archive from elsewhere."""
        paths = _at(self._node, place)
        with repository.open_directory(write=False, paths=paths) as directory:
            number = repository.numbers(directory)[-1]
            data = repository.path_of(directory, number).read_bytes()
            self._saved = hashlib.sha256(repository.load(directory, number).content("/etc/config.rc")).hexdigest()
        done = generations.import_archive(data, who="tester", paths=paths)
        assert all(note.startswith("no longer kept, for there are too many") for note in done.notes), done.notes
        return self._note("import", done.generation.number)

    def _note(self, action: str, generation: int) -> Found:
        self._journal.append(f"{action} {generation}")
        journal = {"journal": tuple(self._journal)} if repository.append_journal is _APPEND else {}
        return {"saved": self._saved, **journal}


class _Reader:
    """Reads what is on a flash as a boot does; what it has read before, it knows."""

    def __init__(self, node: Paths) -> None:
        self._node, self._known = node, dict[int, Found]()

    def read(self, place: Path) -> Found:
        """What a boot restores, and the lines of the journal. A generation that had to be passed over is no good one."""
        names = _contents(place / "config")
        key = hash(frozenset(names.items()))
        if key not in self._known:
            journal = tuple(_journal(names.get("journal", b"")))
            self._known[key] = {**self._restored(place), "journal": journal}
        return self._known[key]

    def _restored(self, place: Path) -> Found:
        shutil.rmtree(self._node.etc)
        shutil.rmtree(self._node.run)
        directory_node.copy(self._node.factory, self._node.etc)
        done = restore.restore(paths=_at(self._node, place))
        config = _config(self._node) if done.generation else ""
        return {"saved": " ".join(done.problems) or config, "restored": config}


def _contents(directory: Path) -> dict[str, bytes]:
    """What lies in each file there. Every byte is read each time, and nothing else is done: a state takes milliseconds."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return {}
    return {name: _content(f"{directory}/{name}") for name in names}


def _content(path: str) -> bytes:
    handle = os.open(path, os.O_RDONLY)
    try:
        return b"".join(iter(lambda: os.read(handle, 1 << 20), b""))
    finally:
        os.close(handle)


def _at(node: Paths, place: Path) -> Paths:
    return Paths(node.etc, node.factory, place, node.run)


def _config(node: Paths) -> str:
    text = (node.etc / "config.rc").read_bytes()
    return hashlib.sha256(text).hexdigest()


def _journal(data: bytes) -> Iterator[str]:
    """Its lines, whole ones; half a line that a power cut left is no line."""
    for line in data.split(b"\n"):
        try:
            body = json.loads(line)
        except ValueError:
            continue
        yield f"{body['what']} {body['generation']}"


# ---- what is done wrong on purpose, to see whether it is noticed


def no_fsync() -> None:
    """Nothing is synced."""
    os.fsync = lambda handle: None


def no_fsync_of_the_directory() -> None:
    """A new name is not made to last, and is acknowledged before the journal, whose own fsync would have done it."""
    files.sync_directory = lambda path: None
    repository.append_journal = lambda *words, **others: None


def in_place() -> None:
    """The one that is there is overwritten."""

    def write(path: Path, pieces: object) -> None:
        path = path.parent / "000001.tar"
        path.touch()
        with path.open("rb+") as file:
            file.write(b"".join(pieces))  # type: ignore[call-overload]
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
        files.sync_directory(path.parent)

    flash.write_durably = write


def rename_before_write() -> None:
    """The name is there before the content."""

    def write(path: Path, pieces: object) -> None:
        path.touch()
        files.sync_directory(path.parent)
        with path.open("rb+") as file:
            file.write(b"".join(pieces))  # type: ignore[call-overload]
            file.flush()
            os.fsync(file.fileno())

    flash.write_durably = write


MUTANTS: Mapping[str, Callable[[], None]] = {
    "no fsync": no_fsync,
    "no fsync of the directory": no_fsync_of_the_directory,
    "in place": in_place,
    "rename before write": rename_before_write,
}
