"""Admission: which connections a server holds, counted from the moment it accepts them, so before any handshake.

A new one always gets a place. Where there is none, the oldest connection of its own address gives way, or of the address that
holds the most: whoever holds many keeps nobody out but itself.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """The place of one connection: the address that it came from, and what ends it."""

    source: str
    end: Callable[[], None]


class Admission:
    """So many places in all, and so many for the connections of one address."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most, self._most_of_one = most, most_of_one
        self._held: dict[Place, None] = {}  # the oldest first

    def admit(self, source: str, end: Callable[[], None]) -> Place:
        """A place for a connection that came from the address `source`. `end` is called if it has to give way."""
        if displaced := self._displaced_place(source):
            self.release(displaced)
            displaced.end()
        place = Place(source, end)
        self._held[place] = None
        return place

    def release(self, place: Place) -> None:
        """The connection has ended; it may have lost its place before that."""
        self._held.pop(place, None)

    def _displaced_place(self, source: str) -> Place | None:
        held = Counter(place.source for place in self._held)
        if held[source] < self._most_of_one:
            if len(self._held) < self._most:
                return None
            source = max(held, key=held.__getitem__)
        return next(place for place in self._held if place.source == source)
