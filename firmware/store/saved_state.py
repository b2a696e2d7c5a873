"""What a reboot would bring back, kept below /run so that nobody needs the flash to know: the state file.

It is written by every restore and every save, and worked out from flash and factory where it is missing or cannot be read,
or where the generation's file is not the one any more that it was written for. Nothing is lost with it.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from firmware import files, records
from firmware.errors import Damaged, Failure, NewerFormat
from firmware.manifest import Entry
from firmware.printable import escape
from firmware.rc import document
from firmware.rc.block import Block
from firmware.rc.title import Title
from firmware.store import flash, repository, snapshot
from firmware.store.paths import NODE, Paths
from firmware.store.repository import Generation
from firmware.store.snapshot import Target

#: 2 added the problem
FORMAT = 2
_ROW_KINDS = [str, str, int, str, str, int, str]


@dataclass(frozen=True, slots=True)
class SavedState:
    """`generation` is None while nothing is saved and a reboot gives the factory. `config` is config.rc's text; `identity`
    is the one that the generation's file had before it was read. `problem` says why a reboot does not bring back the newest
    one ("" if it does)."""

    generation: Generation | None
    config: str
    entries: Mapping[str, Entry]
    identity: tuple[int, ...]
    problem: str = ""

    @classmethod
    def from_target(
        cls, generation: Generation | None, target: Target, identity: tuple[int, ...] = (), problem: str = ""
    ) -> "SavedState":
        """The state that a generation makes, which gives this target."""
        return cls(generation, target.config().decode("utf-8", "surrogateescape"), target.entries, identity, problem)

    def block(self, title: Title) -> Block | None:
        """The block of a service in it; None if there is none."""
        return document.parse_tolerant(self.config)[0].find(title)


def load(paths: Paths = NODE) -> SavedState:
    """The state, from its file or else from the flash."""
    return _load_trusted(paths) or refresh(paths)


def write(state: SavedState, paths: Paths = NODE) -> None:
    """Keep the state. It may hold secrets of config.rc, so only root reads it."""
    body = {
        "generation": state.generation and astuple(state.generation), "config": state.config,
        "entries": [_row(entry) for entry in state.entries.values()], "seen": state.identity, "problem": state.problem,
    }  # fmt: skip
    try:
        paths.saved_state.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        files.write(paths.saved_state, records.dump(body, FORMAT), mode=0o600)
        _tell_who_logs_in(state.problem, paths)
    except OSError:
        # It can be worked out again; an old one would be wrong.
        forget(paths)


def _tell_who_logs_in(problem: str, paths: Paths) -> None:
    """The greeting of a console and a login shell show this file: what a reboot brings back is not what was saved last."""
    if problem:
        files.write(paths.greeting, f"ATTENTION: {escape(problem)}\n".encode(), mode=0o644)
    else:
        paths.greeting.unlink(missing_ok=True)


def _row(entry: Entry) -> tuple[str | int, ...]:
    """The same as `astuple`, and much faster."""
    return entry.path, entry.kind, entry.mode, entry.owner, entry.group, entry.size, entry.digest


def forget(paths: Paths = NODE) -> None:
    """Let the next one who asks look at the flash."""
    with suppress(OSError):
        paths.saved_state.unlink(missing_ok=True)


def refresh(paths: Paths = NODE) -> SavedState:
    """The state, after a look at the flash: whatever became of it meanwhile. Failure if it cannot be mounted."""
    with repository.open_directory(write=False, paths=paths) as directory:
        # Whoever held the flash until now may have written it meanwhile.
        state = _load_trusted(paths)
        if state is None:
            state = find_newest(directory, paths)
            write(state, paths)
        return state


def newest(directory: Path, paths: Paths = NODE) -> SavedState:
    """The state of the newest generation as it is remembered, if its file is the one that was verified then, and still the
    newest; else the state that is found on flash. For who has opened the directory."""
    state = _read(paths.saved_state)
    if state is not None and state.generation is not None:
        number = state.generation.number
        if (
            repository.numbers(directory)[:1] == [number]
            and repository.file_identity(directory, number) == state.identity
        ):
            return state
    return find_newest(directory, paths)


def find_newest(directory: Path, paths: Paths = NODE) -> SavedState:
    """The state that the newest usable generation makes, or else the factory."""
    problem = ""
    for number in repository.numbers(directory):
        identity = repository.file_identity(directory, number)
        try:
            saved = repository.load(directory, number)
            target = snapshot.compose(saved, paths)
        except Failure as error:
            why = str(error).removeprefix(f"generation {number}: ")
            problem = problem or f"generation {number}, the newest one: {why}"
            continue
        if target.config().strip():
            return SavedState.from_target(
                Generation.from_archive(number, saved), target, identity, instead_of_newest(problem, number)
            )
        problem = problem or f"generation {number}, the newest one: its config.rc is empty"
    return SavedState.from_target(None, snapshot.compose(None, paths), problem=instead_of_newest(problem, None))


def instead_of_newest(problem: str, number: int | None) -> str:
    """What is wrong with the newest generation, and what a reboot brings back in its place; "" if nothing is wrong."""
    instead = "the factory's configuration" if number is None else f"generation {number}"
    return f"{problem}; a reboot brings back {instead}" if problem else ""


def _load_trusted(paths: Paths) -> SavedState | None:
    """The state from its file, unless the generation's file was touched since. One stat tells that it was not; nothing is
    mounted to find out.
    """
    state = _read(paths.saved_state)
    return state if state is not None and is_trusted(state.generation, state.identity, paths) else None


def is_trusted(generation: Generation | None, identity: tuple[int, ...], paths: Paths = NODE) -> bool:
    """Is the file of that generation the one that had this identity, as far as one can see without mounting anything?"""
    if generation is None:
        return True
    now = repository.file_identity(paths.repository, generation.number)
    return bool(now and now == identity) or not flash.is_reachable(paths)


def _read(path: Path) -> SavedState | None:
    """The state in a file; None if there is none, or if it is damaged or a newer firmware's: it is worked out anew."""
    try:
        body = records.load(path.read_bytes(), FORMAT, str(path))
        with records.interpreting(str(path)):
            return _from_body(body)
    except (OSError, Damaged, NewerFormat):
        return None


def _from_body(body: Mapping[str, Any]) -> SavedState:
    """KeyError, TypeError or ValueError if it is not what `write` makes."""
    rows = records.typed_value(body, "entries", list)
    generation = records.typed_value(body, "generation", list, type(None))
    identity = tuple(records.typed_value(body, "seen", list))
    for row in rows:
        if [*map(type, row)] != _ROW_KINDS:
            _require_types(Entry(*row))
    if generation:
        _require_types(Generation(*generation))
    return SavedState(
        Generation(*generation) if generation else None,
        records.typed_value(body, "config", str), {row[0]: Entry(*row) for row in rows}, identity,
        records.typed_value({"problem": "", **body}, "problem", str),
    )  # fmt: skip


def _require_types(part: Entry | Generation) -> None:
    """TypeError if a value is of another type than its field."""
    for field in fields(part):
        if type(getattr(part, field.name)) is not field.type:
            raise TypeError(f"{field.name} is not a {field.type}")
