"""Restoring: what was saved comes back below /etc, at boot and by hand."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from firmware.errors import Failure
from firmware.store import flash, generations, place, rules, shelf, state, tree
from firmware.store.changes import Changes
from firmware.store.places import NODE, Places
from firmware.store.shelf import Generation
from firmware.store.tree import Target


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: the generation (None: the factory), the paths below /etc that it changed, and in words for the
    console what it chose and why."""

    generation: Generation | None
    changes: Changes
    lines: tuple[str, ...]


def restore(*, live: bool = False, places: Places = NODE) -> Restored:
    """Put the newest generation that verifies below /etc, else the one before, and so on; else the factory.

    Without `live`, at boot, it makes the best of whatever it finds. With `live`, on a node that runs, the quiet
    paths that there are stay as they are (see `_quiet`), and a flash that cannot be reached is a Failure.
    """
    problems: list[str] = []
    try:
        with flash.opened(write=False, places=places) as directory:
            done = _newest(directory, live, problems, places)
    except Failure as error:
        if live:
            raise
        problems.append(str(error))
        done = None
    return done or _factory(live, problems, places)


def _newest(directory: Path, live: bool, problems: list[str], places: Places) -> Restored | None:
    for number in shelf.numbers(directory):
        seen = shelf.identity(directory, number)
        try:
            found = shelf.load(directory, number)
        except Failure as error:
            problems.append(f"generation {number} is damaged: {error}")
            continue
        target, one = tree.compose(found, places), shelf.generation(number, found)
        try:
            changed = place.put(target, keep=_quiet(target, places) if live else place.nothing, places=places)
        except Failure as error:
            problems.append(f"generation {number} could not be restored: {error}")
            continue
        state.write(state.of(one, target, seen), places)
        return Restored(one, changed, (f"restored generation {number} of {one.time}", *problems))
    return None


def _factory(live: bool, problems: list[str], places: Places) -> Restored:
    with flash.naming(places.factory):
        target = tree.compose(None, places)
        changed = place.put(target, keep=_quiet(target, places) if live else place.nothing, places=places)
        state.write(state.of(None, target), places)
    return Restored(None, changed, ("restored the factory configuration", *(problems or ["nothing is saved"])))


def rollback(number: int, *, who: str, places: Places = NODE) -> Restored:
    """Put one generation below /etc. It is not saved by that, and the quiet paths that there are stay as they are."""
    found = generations.load(number, places=places)
    target = tree.compose(found, places)
    changed = place.put(target, keep=_quiet(target, places), places=places)
    notes = generations.noted("rollback", generation=number, who=who, places=places)
    return Restored(shelf.generation(number, found), changed, notes)


def reset(*, who: str, places: Places = NODE) -> Restored:
    """Back to the factory's /etc, for good: it is saved first. The generations before stay.

    The quiet paths that there are stay as they are until the next boot.
    """
    saved, target = generations.factory(who=who, places=places)
    changed = place.put(target, keep=_quiet(target, places), places=places)
    return Restored(saved.generation, changed, saved.notes)


def _quiet(target: Target, places: Places) -> Callable[[str], bool]:
    """What a node that runs keeps: its identity, and what it remembers of its syncs. An old memory would let the peer
    overwrite what was just put back; so what the rules say now counts as well as what they will say.
    """
    laws = (rules.own(places), target.rules)
    return lambda path: any(law.is_quiet(path) for law in laws)
