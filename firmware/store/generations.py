"""Generations: what differs from the factory becomes a new one on flash. `save` is the whole story."""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from firmware import __version__
from firmware.errors import Failure, NewerFormat, Refused
from firmware.manifest import Entry
from firmware.printable import escape, shorten
from firmware.store import archive, export, flash, imported, migrations, repository, rules, saved_state, snapshot
from firmware.store.archive import Archive, Draft, Label, SealedDraft
from firmware.store.capture import capture
from firmware.store.changes import Changes
from firmware.store.export import FilledDraft
from firmware.store.paths import NODE, Paths
from firmware.store.repository import Generation, NoGeneration
from firmware.store.saved_state import SavedState
from firmware.store.snapshot import Target

#: characters of an imported generation's message
LONGEST_MESSAGE = 600


@dataclass(frozen=True, slots=True)
class SaveResult:
    """What a save did: the generation that now holds everything, and what had not been saved before (but for quiet
    paths). Not `fresh`: there was nothing to save. `notes`: what went wrong once the save itself was safe."""

    generation: Generation
    changes: Changes
    fresh: bool
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """The digest of the generation, "sha256:HEX"."""
        return self.generation.digest

    def json(self) -> dict[str, Any]:
        """As others read it."""
        return {**self.generation.json(), "fresh": self.fresh, **self.changes.json(), "notes": self.notes}


def reboot_problem(paths: Paths = NODE) -> str:
    """Why a reboot would not bring back the newest generation, found out by reading them now; "" if it would."""
    with repository.open_directory(write=False, paths=paths) as directory:
        state = saved_state.find_newest(directory, paths)
    saved_state.write(state, paths)
    return state.problem


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A generation, verified now. The `current` one is what a reboot would bring back; the one that is `running` gives what lies
    below /etc now, but for quiet paths."""

    generation: Generation
    current: bool
    running: bool = False

    def json(self) -> dict[str, Any]:
        """As others read it."""
        return {
            **self.generation.json(), "current": self.current, "running": self.running,
            "verified": self.generation.is_verified, "problem": self.generation.problem,
        }  # fmt: skip


def save(message: str = "", *, who: str, paths: Paths = NODE) -> SaveResult:
    """Save what is below /etc. It is on flash, verified, when this returns; if it fails, nothing that was saved is touched.

    Failure says what stood in the way; Refused or Invalid, if a node could not start from what is there.
    """
    with flash.convert_os_errors(paths.etc):
        base = snapshot.read_base(rules.load(paths), paths)
        draft = capture(base, paths)
    target = snapshot.compose(draft, paths, base=base)
    with repository.open_directory(write=True, paths=paths) as directory:
        before = saved_state.newest(directory, paths)
        label = _new_label(directory, message, who)
        changes = Changes.between(before.entries, target.entries)
        if not changes.paths and _is_newest(before, directory) and (kept := _verify_newest(before, directory, paths)):
            return SaveResult(kept, changes, fresh=False)
        done = _add("save", _seal(label, target), target, changes, directory, paths)
    return replace(done, notes=(*done.notes, *imported.undone_by(done.generation.number, paths)))


def read_import(data: bytes, *, name: str = "the archive", paths: Paths = NODE) -> tuple[Archive, FilledDraft]:
    """An archive from elsewhere, and what it makes of this node. Refused, whole, if there is anything wrong with it; `name` is
    what the refusal calls it."""
    hint = "config export FILE on the node that saved it writes one"
    if not data.startswith(archive.MANIFEST):
        raise Refused(f"{name}: not a configuration that can be taken: it is no export of one", hint)
    try:
        foreign = archive.parse(data)
        require_importable(foreign)
    except Failure as error:
        raise Refused(f"{name}: not a configuration that can be taken: {error}", error.hint or hint) from None
    with closing(_own_states(foreign, paths)) as own:
        filled = export.fill_in(foreign, own)
    if not snapshot.compose(filled.draft, paths).config().strip():
        raise Refused(f"{name}: not a configuration that can be taken: its config.rc is missing or empty", hint)
    return foreign, filled


def _own_states(foreign: Archive, paths: Paths) -> Generator[Target, None, None]:
    """Where this node may have what the archive withholds, one after the other: what is saved, what lies below /etc, and
    the older generations, so that no key is lost of which there is one."""
    yield snapshot.compose(load_current(paths=paths), paths)
    yield snapshot.read_files([name for path in foreign.withheld for name in (path, path + export.PUBLIC)], paths)
    with repository.open_directory(write=False, paths=paths) as directory:
        for _, saved in repository.usable_generations(directory):
            with suppress(Failure):  # of a format that cannot be migrated any more
                yield snapshot.compose(saved, paths)


def import_archive(data: bytes, *, who: str, name: str = "the archive", paths: Paths = NODE) -> SaveResult:
    """Make an exported archive a generation of this node; see `read_import`. Its notes name what had been withheld from it, and
    is not here either."""
    foreign, filled = read_import(data, name=name, paths=paths)
    origin = f"imported: generation {foreign.label.generation} of {foreign.label.time}"
    message = shorten(f"{origin}: {foreign.label.message}".removesuffix(": "), LONGEST_MESSAGE)
    done = _save_target("import", snapshot.compose(filled.draft, paths), message, who, paths)
    if done.changes.paths:
        imported.note(done.generation.number, paths)
    missing = tuple(
        f"{escape(path)}: it is not in the archive, for it is secret, and not here" for path in filled.missing
    )
    return replace(done, notes=(*missing, *done.notes))


def save_factory(*, who: str, paths: Paths = NODE) -> SaveResult:
    """Save the factory's own state, so that the next boot gives it."""
    return _save_target("reset", snapshot.compose(Draft({}, {}, ()), paths), "factory reset", who, paths)


def save_for_schema(schema: int, *, who: str, paths: Paths = NODE) -> SaveResult:
    """Have what is saved be readable for a firmware that knows the configuration's format `schema` and none after it: before that
    starts. NotMigrated if it cannot be; not `fresh` if it is already."""
    with repository.open_directory(write=True, paths=paths) as directory:
        before = saved_state.find_newest(directory, paths)
        if before.generation is None:
            raise NoGeneration("nothing is saved: every firmware starts with its own factory's configuration")
        saved = repository.load(directory, before.generation.number)
        if saved.label.schema <= schema:
            return SaveResult(before.generation, Changes(), fresh=False)
        older = migrations.migrate(migrations.open_draft(saved), saved.label.schema, schema)
        label = replace(_new_label(directory, f"in format {schema}", who), schema=schema)
        target = snapshot.compose(saved, paths)
        return _add("convert", archive.seal(label, older), target, Changes(), directory, paths)


def _save_target(action: str, target: Target, message: str, who: str, paths: Paths) -> SaveResult:
    """Make a tree a new generation, whatever lies below /etc."""
    with repository.open_directory(write=True, paths=paths) as directory:
        before = saved_state.newest(directory, paths)
        sealed = _seal(_new_label(directory, message, who), target)
        return _add(action, sealed, target, Changes.between(before.entries, target.entries), directory, paths)


def history(*, paths: Paths = NODE) -> list[HistoryEntry]:
    """All generations, newest first, each verified now. The newest of those that give what lies below /etc is running."""
    with flash.convert_os_errors(paths.etc):
        now = snapshot.current_entries(rules.load_tolerant(paths), paths)
    with repository.open_directory(write=False, paths=paths) as directory:
        current, found, is_known = saved_state.find_newest(directory, paths).generation, list[HistoryEntry](), False
        for number in repository.numbers(directory):
            generation, saved = repository.examine(directory, number)
            is_running = not is_known and saved is not None and _gives(saved, now, paths)
            is_known = is_known or is_running
            found.append(HistoryEntry(generation, current is not None and number == current.number, is_running))
    return found


def _gives(saved: Archive, now: Mapping[str, Entry], paths: Paths) -> bool:
    """Would a restore of it change nothing below /etc?"""
    try:
        target = snapshot.compose(saved, paths)
    except Failure:
        return False
    return not Changes.between(target.entries, now).without_quiet(target.rules).paths


def load(number: int, *, paths: Paths = NODE) -> Archive:
    """A generation, verified; Failure if it is damaged or not there, NewerFormat if a newer firmware wrote it."""
    with repository.open_directory(write=False, paths=paths) as directory:
        try:
            return repository.load(directory, number)
        except NewerFormat:
            raise
        except Failure as error:
            kind = NoGeneration if isinstance(error, NoGeneration) else Failure
            raise kind(f"generation {number}: {error}", error.hint or "config history") from None


def load_current(*, paths: Paths = NODE) -> Archive | None:
    """The generation that a reboot would bring back; None if that is the factory."""
    with repository.open_directory(write=False, paths=paths) as directory:
        current = saved_state.find_newest(directory, paths).generation
        return repository.load(directory, current.number) if current else None


def note_in_journal(action: str, *, generation: int, who: str, paths: Paths = NODE) -> tuple[str, ...]:
    """Write to the journal that something was done; returns what went wrong with that, if anything did."""
    notes: list[str] = []
    with _note_failures(notes.append), repository.open_directory(write=True, paths=paths) as directory:
        repository.append_journal(directory, action, generation=generation, who=who)
    return tuple(notes)


def _new_label(directory: Path, message: str, who: str) -> Label:
    number = max(repository.numbers(directory), default=0) + 1
    return Label(number, repository.utc_now(), message, __version__, who, archive.SCHEMA)


def _is_newest(state: SavedState, directory: Path) -> bool:
    return state.generation is not None and [state.generation.number] == repository.numbers(directory)[:1]


def _verify_newest(state: SavedState, directory: Path, paths: Paths) -> Generation | None:
    """The newest generation, which is remembered as this state, if it is on flash now, whole, and gives that."""
    found = saved_state.find_newest(directory, paths)
    saved_state.write(found, paths)
    return found.generation if found.entries == state.entries and _is_newest(found, directory) else None


def _seal(label: Label, target: Target) -> SealedDraft:
    """The archive of a tree that a node can start from: a restore of just its bytes gives this."""
    snapshot.require_bootable_config(target.config())
    assert target.saved is not None
    return archive.seal(label, target.saved)


def _add(
    action: str, sealed: SealedDraft, target: Target, changes: Changes, directory: Path, paths: Paths
) -> SaveResult:
    """Put the archive on flash; from the rename on it is what a reboot brings back."""
    generation = Generation.from_label(sealed.label.generation, sealed.label, sealed.digest)
    known = repository.numbers(directory)
    flash.remove_leftovers(directory)
    repository.make_room(directory, sealed.size)
    # From the rename on, what is remembered of the last save would be wrong; should we die there, nobody believes it.
    saved_state.forget(paths)
    flash.write_durably(repository.path_of(directory, generation.number), sealed.pieces)
    identity = repository.file_identity(directory, generation.number)
    saved_state.write(SavedState.from_target(generation, target, identity), paths)
    notes: list[str] = []
    with _note_failures(notes.append):
        repository.append_journal(
            directory, action, generation=generation.number, who=generation.who, message=generation.message
        )
    with _note_failures(notes.append):
        repository.prune(directory, verified=generation.number)
    if gone := sorted({*known}.difference(repository.numbers(directory))):
        notes.append(f"no longer kept, for there are too many: generation {', '.join(map(str, gone))}")
    return SaveResult(generation, changes.without_quiet(target.rules), fresh=True, notes=tuple(notes))


@contextmanager
def _note_failures(note: Callable[[str], None]) -> Iterator[None]:
    """For what may fail without making a save less safe."""
    try:
        yield
    except OSError as error:
        note(f"{error.filename}: {error.strerror}")
    except Failure as error:
        note(str(error))


def require_importable(saved: Archive) -> None:
    """Refused where a node would not take it from elsewhere."""
    for path, item in saved.items.items():
        if item.entry.mode & (0o4000 if item.entry.kind == "dir" else 0o7000) and item.entry.kind != "link":
            raise Refused(
                f"{escape(path)}: mode {item.entry.mode:04o}: set-uid, set-gid and sticky bits are not taken from elsewhere",
                f"on the node that has it: chmod ug-s,-t {escape(path)}; config save",
            )
