"""What an archive is: its label, what it holds, before it is sealed and after it was verified."""

from collections.abc import Mapping
from dataclasses import dataclass

from firmware.store.archive.item import Item

#: the format of the configuration that this firmware writes, and the newest that it reads (see `store.migrations`)
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Label:
    """What a generation says about itself. `time` is UTC, as in 2026-01-31T23:59:59Z; `who` saved it; `schema` is the format of
    the configuration in it (see `store.migrations`)."""

    generation: int
    time: str
    message: str
    version: str
    who: str
    schema: int = 1


@dataclass(frozen=True, slots=True)
class Archive:
    """A whole archive that has been verified. `digest` is "sha256:HEX", over everything before the last member. `withheld` are
    the paths of files that were left out of an export, for there are secrets in them."""

    label: Label
    items: Mapping[str, Item]
    removed: tuple[str, ...]
    digest: str
    data: bytes
    offsets: Mapping[str, int]
    withheld: tuple[str, ...] = ()

    def has_content(self, path: str) -> bool:
        """Is it a file in it?"""
        return path in self.offsets

    def content(self, path: str) -> bytes:
        """The bytes of a file in it."""
        start = self.offsets[path]
        return self.data[start : start + self.items[path].entry.size]


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be saved: the items, the bytes of those that are files, the paths that are gone, and those that an export leaves
    out."""

    items: Mapping[str, Item]
    contents: Mapping[str, bytes]
    removed: tuple[str, ...]
    withheld: tuple[str, ...] = ()

    def has_content(self, path: str) -> bool:
        """Is it a file in it?"""
        return path in self.contents

    def content(self, path: str) -> bytes:
        """The bytes of a file in it."""
        return self.contents[path]


@dataclass(frozen=True, slots=True)
class SealedDraft:
    """The bytes of an archive, in pieces that follow each other. `digest` is as in Archive."""

    label: Label
    digest: str
    pieces: tuple[bytes, ...]

    @property
    def size(self) -> int:
        """Its bytes."""
        return sum(map(len, self.pieces))
