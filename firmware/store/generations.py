"""Saving: what differs from the factory becomes a new generation on flash. `save` is the whole story."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware import __version__
from firmware.errors import Failure, Refused
from firmware.store import archive, changes, flash, journal, rules, shelf, state, tree
from firmware.store.archive import Archive, Draft, Label
from firmware.store.changes import Changes
from firmware.store.places import NODE, Places
from firmware.store.shelf import Generation
from firmware.store.tree import Target


@dataclass(frozen=True, slots=True)
class Save:
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
        return {**describe(self.generation), "fresh": self.fresh, **self.changes.json(), "notes": self.notes}


def save(message: str = "", *, who: str, places: Places = NODE) -> Save:
    """Save what is below /etc. It is on flash, verified, when this returns; if it fails, nothing that was saved is touched.

    Failure says what stood in the way; Refused or Invalid, if a node could not start from what is there.
    """
    with flash.naming(places.etc):
        draft = tree.draft(rules.load(places), places)
    with flash.opened(write=True, places=places) as directory:
        before = state.best(directory, places)
        label = _label(directory, message, who)
        ready, target = _prepared(label, draft, places)
        found = changes.between(before.entries, target.entries)
        if before.generation and before.generation.number == label.generation - 1 and not found.paths:
            state.write(before, places)
            return Save(before.generation, found, fresh=False)
        return _commit("save", ready, target, found, directory, places)


def take(data: bytes, *, who: str, places: Places = NODE) -> Save:
    """Make an exported archive a generation of this node. Refused, whole, if there is anything wrong with it."""
    try:
        foreign = archive.parse(data)
        _refuse_set_id(foreign)
    except Failure as error:
        raise Refused(f"not a configuration that can be taken: {error}", error.hint) from None
    contents = {path: foreign.content(path) for path in foreign.offsets}
    draft = Draft(foreign.items, contents, foreign.removed)
    origin = f"imported: generation {foreign.label.generation} of {foreign.label.time}"
    with flash.opened(write=True, places=places) as directory:
        before = state.best(directory, places)
        label = _label(directory, f"{origin}: {foreign.label.message}".removesuffix(": "), who)
        ready, target = _prepared(label, draft, places)
        return _commit("import", ready, target, changes.between(before.entries, target.entries), directory, places)


def factory(*, who: str, places: Places = NODE) -> tuple[Save, Target]:
    """Save the factory's own state, so that the next boot gives it; also the tree that it is."""
    with flash.opened(write=True, places=places) as directory:
        before = state.best(directory, places)
        ready, target = _prepared(_label(directory, "factory reset", who), Draft({}, {}, ()), places)
        return _commit(
            "reset", ready, target, changes.between(before.entries, target.entries), directory, places
        ), target


def history(*, places: Places = NODE) -> list[dict[str, Any]]:
    """All generations, newest first, each verified now. The current one is what a reboot would bring back."""
    with flash.opened(write=False, places=places) as directory:
        best = state.best(directory, places).generation
        found = [shelf.describe(directory, number) for number in shelf.numbers(directory)]
    return [
        {
            **describe(one), "current": best is not None and one.number == best.number,
            "verified": one.verified, "problem": one.problem,
        }
        for one in found
    ]  # fmt: skip


def load(number: int, *, places: Places = NODE) -> Archive:
    """A generation, verified; Failure if it is damaged or not there."""
    with flash.opened(write=False, places=places) as directory:
        try:
            return shelf.load(directory, number)
        except Failure as error:
            raise Failure(f"generation {number}: {error}", error.hint or "config history") from None


def current(*, places: Places = NODE) -> Archive | None:
    """The generation that a reboot would bring back; None if that is the factory."""
    with flash.opened(write=False, places=places) as directory:
        one = state.best(directory, places).generation
        return shelf.load(directory, one.number) if one else None


def describe(one: Generation) -> dict[str, Any]:
    """A generation as others read it."""
    return {
        "generation": one.number, "digest": one.digest, "time": one.time, "message": one.message, "version": one.version,
        "who": one.who,
    }  # fmt: skip


def noted(what: str, *, generation: int, who: str, places: Places = NODE) -> tuple[str, ...]:
    """Write to the journal that something was done; what went wrong with that, if anything did."""
    notes: list[str] = []
    with _noting(notes.append), flash.opened(write=True, places=places) as directory:
        journal.note(directory, what, generation=generation, who=who)
    return tuple(notes)


def _label(directory: Path, message: str, who: str) -> Label:
    number = max(shelf.numbers(directory), default=0) + 1
    return Label(number, journal.stamp(), message, __version__, who)


def _prepared(label: Label, draft: Draft, places: Places) -> tuple[Archive, Target]:
    """The archive, and the tree that a restore of just its bytes gives, which a node can start from."""
    ready = archive.parse(archive.build(label, draft))
    target = tree.compose(ready, places)
    tree.check_config(target.config())
    return ready, target


def _commit(what: str, ready: Archive, target: Target, found: Changes, directory: Path, places: Places) -> Save:
    one = shelf.generation(ready.label.generation, ready)
    flash.sweep(directory)
    shelf.make_room(directory, len(ready.data))
    # From the rename on, what is remembered of the last save would be wrong; should we die there, nobody believes it.
    state.forget(places)
    flash.commit(shelf.path_of(directory, one.number), ready.data)
    state.write(state.of(one, target, shelf.identity(directory, one.number)), places)
    notes: list[str] = []
    with _noting(notes.append):
        journal.note(directory, what, generation=one.number, who=one.who, message=one.message)
    with _noting(notes.append):
        shelf.prune(directory)
    return Save(one, changes.without_quiet(found, target.rules), fresh=True, notes=tuple(notes))


@contextmanager
def _noting(note: Callable[[str], None]) -> Iterator[None]:
    """For what may fail without making a save less safe."""
    try:
        yield
    except OSError as error:
        note(f"{error.filename}: {error.strerror}")
    except Failure as error:
        note(str(error))


def _refuse_set_id(foreign: Archive) -> None:
    for path, item in foreign.items.items():
        if item.entry.mode & (0o4000 if item.entry.kind == "dir" else 0o7000) and item.entry.kind != "link":
            raise Refused(
                f"{path!r}: mode {item.entry.mode:04o}: set-uid, set-gid and sticky bits are not taken from elsewhere"
            )
