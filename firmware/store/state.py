"""What a reboot would bring back, kept below /run so that nobody needs the flash to know: the state file.

It is written by every restore and every save, and worked out from flash and factory where it is missing, or where the
generation's file is not the one any more that it was written for.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from firmware import files
from firmware.errors import Failure
from firmware.manifest import Entry
from firmware.store import flash, shelf, tree
from firmware.store.places import NODE, Places
from firmware.store.shelf import Generation
from firmware.store.tree import Target

FORMAT = 1


@dataclass(frozen=True, slots=True)
class State:
    """`generation` is None while nothing is saved and a reboot gives the factory. `config` is config.rc's text; `seen` is
    the identity that the generation's file had before it was read."""

    generation: Generation | None
    config: str
    entries: Mapping[str, Entry]
    seen: tuple[int, ...]


def of(generation: Generation | None, target: Target, seen: tuple[int, ...] = ()) -> State:
    """The state that a generation makes."""
    return State(generation, target.config().decode("utf-8", "surrogateescape"), target.entries, seen)


def load(places: Places = NODE) -> State:
    """The state, from its file or else from the flash."""
    return _trusted(places) or look(places)


def write(state: State, places: Places = NODE) -> None:
    """Keep the state. It may hold secrets of config.rc, so only root reads it."""
    told = {
        "format": FORMAT, "generation": state.generation and astuple(state.generation), "config": state.config,
        "entries": [astuple(entry) for entry in state.entries.values()], "seen": state.seen,
    }  # fmt: skip
    places.state.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    try:
        files.write(places.state, json.dumps(told).encode("ascii"), mode=0o600)
    except OSError:
        # It can be worked out again; an old one would be wrong.
        forget(places)


def forget(places: Places = NODE) -> None:
    """Let the next one who asks look at the flash."""
    with suppress(OSError):
        places.state.unlink(missing_ok=True)


def _trusted(places: Places) -> State | None:
    """The state from its file, unless the generation's file was touched since. One stat tells that it was not; nothing is
    mounted to find out.
    """
    state = _read(places)
    if state is None or state.generation is None:
        return state
    now = shelf.identity(places.shelf, state.generation.number)
    return state if (now and now == state.seen) or not flash.in_reach(places) else None


def _read(places: Places) -> State | None:
    try:
        told: Any = json.loads(places.state.read_bytes())
        if told["format"] != FORMAT:
            return None
        entries = {entry.path: entry for entry in (Entry(*row) for row in told["entries"])}
        generation = told["generation"] and Generation(*told["generation"])
        return State(generation, str(told["config"]), entries, tuple(told["seen"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def look(places: Places = NODE) -> State:
    """The state, after a look at the flash: whatever became of it meanwhile. Failure if it cannot be mounted."""
    with flash.opened(write=False, places=places) as directory:
        # Whoever held the flash until now may have written it meanwhile.
        state = _trusted(places)
        if state is None:
            state = best(directory, places)
            write(state, places)
        return state


def best(directory: Path, places: Places = NODE) -> State:
    """The state that the newest usable generation makes, or else the factory."""
    for number in shelf.numbers(directory):
        seen = shelf.identity(directory, number)
        try:
            found = shelf.load(directory, number)
        except Failure:
            continue
        target = tree.compose(found, places)
        if target.config().strip():
            return of(shelf.generation(number, found), target, seen)
    return of(None, tree.compose(None, places))
