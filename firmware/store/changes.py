"""What differs below /etc from what a reboot would bring back. Quick: only /etc itself is read, never the flash."""

from collections.abc import Mapping
from dataclasses import dataclass

from firmware import manifest
from firmware.manifest import Entry
from firmware.rc import document
from firmware.rc.document import Block
from firmware.rc.title import Title
from firmware.store import flash, rules, state, tree
from firmware.store.places import NODE, Places
from firmware.store.rules import Rules


@dataclass(frozen=True, slots=True)
class Changes:
    """Paths that were added, changed and removed, each in order."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """All of them, in order."""
        return tuple(sorted((*self.added, *self.changed, *self.removed)))

    def json(self) -> dict[str, list[str]]:
        """As others read it."""
        return {"added": list(self.added), "changed": list(self.changed), "removed": list(self.removed)}


def between(old: Mapping[str, Entry], new: Mapping[str, Entry]) -> Changes:
    """What changed from one table of entries to another."""
    added, changed, removed = manifest.differing(old, new)
    return Changes(tuple(added), tuple(changed), tuple(removed))


def unsaved(*, live: Mapping[str, Entry] | None = None, places: Places = NODE) -> Changes:
    """What a reboot would take away. Quiet paths don't count. `live`: the entries below /etc, for who has them already."""
    with flash.naming(places.etc):
        laws = rules.own(places)
        now = tree.running(laws, places) if live is None else tree.clean(live, laws)
        return without_quiet(between(tree.clean(state.load(places).entries, laws), now), laws)


def without_quiet(found: Changes, laws: Rules) -> Changes:
    """Only those that are changes by themselves."""
    loud = [
        tuple(path for path in paths if not laws.is_quiet(path))
        for paths in (found.added, found.changed, found.removed)
    ]
    return Changes(*loud)


def saved_entries(*, places: Places = NODE) -> Mapping[str, Entry]:
    """The entries below /etc as a reboot would bring them back."""
    return state.load(places).entries


def saved_block(title: str, *, places: Places = NODE) -> Block | None:
    """The block of a service (`network.eth0`) as a reboot would bring it back; None if it would not."""
    return document.scan(state.load(places).config)[0].find(Title.parse(title))
