"""Versions of the peer API: what this node speaks, and what two nodes can do together."""

from dataclasses import dataclass

from firmware import blocks

#: the versions of the peer API that this node speaks, oldest and newest
SPOKEN = (1, 3)
#: what each version can do that the one before could not
CAPABILITIES = {1: ("push", "save"), 2: ("confirm",), 3: ("difference",)}


#: the ways to compress what a node takes, beside zlib, which every node that speaks version 3 takes
TAKEN = (blocks.ZSTD,)


@dataclass(frozen=True, slots=True)
class Versions:
    """What a node says of itself: the version of its firmware, the versions of the peer API that it speaks, and the ways to
    compress that it takes: older firmware does not tell any."""

    firmware: str
    spoken: tuple[int, int] = SPOKEN
    taken: tuple[str, ...] = TAKEN

    def __str__(self) -> str:
        low, high = self.spoken
        return f"{self.firmware} (protocol {low if low == high else f'{low} to {high}'})"

    @property
    def can(self) -> tuple[str, ...]:
        """What a node of these versions can do."""
        return tuple(word for number, words in CAPABILITIES.items() if number <= self.spoken[1] for word in words)


@dataclass(frozen=True, slots=True)
class Speech:
    """How to speak to a node: in which version of the peer API, and how what is sent is compressed."""

    version: int
    compression: str = blocks.DEFLATE


def common_speech(ours: Versions, theirs: Versions) -> Speech:
    """The newest that both can; its version is 0 if there is none."""
    both = [way for way in ours.taken if way in theirs.taken]
    return Speech(common_version(ours, theirs), *both[:1])


def common_version(ours: Versions, theirs: Versions) -> int:
    """The newest version that both speak; 0 if there is none."""
    newest = min(ours.spoken[1], theirs.spoken[1])
    return newest if newest >= max(ours.spoken[0], theirs.spoken[0]) else 0


def version_mismatch(ours: Versions, theirs: Versions) -> str:
    """Why these two cannot sync, "" if they can."""
    return "" if common_version(ours, theirs) else f"the versions do not fit: {ours} here, {theirs} on the peer"
