"""What a disk was told to write, in order, and what may be on it after a power cut.

The log is that of QEMU's `blklogwrites` (the format of dm-log-writes). Between two flushes a disk may do its writes in any order
and leave any of them out; of each it writes whole sectors of 512 bytes. A sector that is being written when power fails may be
lost: then it holds neither the old nor the new, and with it may be lost the page of 4,096 bytes that it lies in.
"""

import random
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

SECTOR, SECTORS_IN_A_PAGE = 512, 8
_SUPER, _ENTRY = struct.Struct("<QQQI"), struct.Struct("<QQQQ")
_MAGIC = 0x6A736677736872
_FLUSH, _DISCARD = 1, 4

#: what a lost sector may hold
FILLS = (bytes(SECTOR), b"\xff" * SECTOR, random.Random(1).randbytes(SECTOR))

#: what lies in sectors: their numbers, and 512 bytes each
Sectors = dict[int, bytes]
#: one write, sector by sector
Write = tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class Epoch:
    """What was written between two flushes. `end` is the place in the log, in bytes, where the flush after it is done."""

    writes: tuple[Write, ...]
    end: int


@dataclass(frozen=True, slots=True)
class State:
    """What may be on a disk: what differs from what all epochs before `epoch` made, and how it came, in words."""

    epoch: int
    sectors: Sectors
    kind: str


def read(path: Path) -> list[Epoch]:
    """The epochs of a log; the last one, which nobody flushed, may be empty."""
    data = path.read_bytes()
    magic, version, _, size = _SUPER.unpack_from(data)
    assert (magic, version, size) == (_MAGIC, 1, SECTOR), "not a log of writes"
    epochs, writes, at = list[Epoch](), list[Write](), SECTOR
    while at < len(data):
        sector, count, flags, _ = _ENTRY.unpack_from(data, at)
        at += SECTOR
        assert not flags & _DISCARD, "a discard: mount without it"
        if count:
            writes.append(tuple((sector + n, data[at + n * SECTOR : at + (n + 1) * SECTOR]) for n in range(count)))
            at += count * SECTOR
        if flags & _FLUSH and writes:
            epochs.append(Epoch(tuple(writes), at))
            writes = []
    return [*epochs, Epoch(tuple(writes), at + 1)]


def replay(content: bytes, epochs: Sequence[Epoch]) -> bytes:
    """What a disk holds once everything is written."""
    made = bytearray(content)
    for sector, data in chain.from_iterable(write for epoch in epochs for write in epoch.writes):
        made[sector * SECTOR : (sector + 1) * SECTOR] = data
    return bytes(made)


def states(epochs: Sequence[Epoch], count: int, seed: int, *, share: tuple[int, int] = (0, 1)) -> Iterator[State]:
    """Some `count` states, none of them twice, epoch by epoch: every prefix, sector by sector; each write left out, or alone;
    each sector and page lost in the write that was under way; and others at random. Where `count` is too low for all that,
    it is a share of each that chance picks out. Of the epochs, those of a share: the N-th of so many."""
    sizes = [sum(1 for _ in _systematic(number, epoch)) for number, epoch in enumerate(epochs)]
    regular, worth, owed = sum(sizes), sum(map(_is_worth_more, epochs)), 0
    for number, epoch in islice(enumerate(epochs), share[0], None, share[1]):
        chance = random.Random(f"{seed} {number}")
        found = (state for state in _systematic(number, epoch) if chance.random() * regular < count)
        seen = set[int]()
        yield from _unseen(found, seen)
        owed += sizes[number] - len(seen)  # what was there twice is made up for
        if _is_worth_more(epoch) and count > regular:
            owed += -(-(count - regular) // worth)
            more = (State(number, _some_of(epoch, chance), "some at random") for _ in range(5 * owed))
            for state in islice(_unseen(more, seen), owed):
                yield state
                owed -= 1


def _unseen(found: Iterable[State], seen: set[int]) -> Iterator[State]:
    for state in found:
        key = hash(frozenset(state.sectors.items()))
        if key not in seen:
            seen.add(key)
            yield state


def _is_worth_more(epoch: Epoch) -> bool:
    """Has it more states than a handful?"""
    return sum(map(len, epoch.writes)) > SECTORS_IN_A_PAGE


def _systematic(number: int, epoch: Epoch) -> Iterator[State]:
    yield State(number, {}, "prefix")
    made: Sectors = {}
    for write in epoch.writes:
        for place, (sector, data) in enumerate(write):
            # The sector that is being written may be lost, or the page around it, of which no more had been written.
            yield State(number, {**made, sector: FILLS[(sector + place) % len(FILLS)]}, "sector lost")
            made[sector] = data
            yield State(number, dict(made), "prefix")
        yield State(number, {**made, **_lost_page(write, FILLS[len(made) % len(FILLS)])}, "page lost")
        yield State(number, dict(write), "one write alone")
    for left_out in range(len(epoch.writes)):
        others = (write for place, write in enumerate(epoch.writes) if place != left_out)
        yield State(number, dict(chain.from_iterable(others)), "one write left out")


def _lost_page(write: Write, fill: bytes) -> Sectors:
    """The last page that a write touches, whole."""
    page = write[-1][0] // SECTORS_IN_A_PAGE
    return {page * SECTORS_IN_A_PAGE + n: fill for n in range(SECTORS_IN_A_PAGE)}


def _some_of(epoch: Epoch, chance: random.Random) -> Sectors:
    """Some of the writes, in their order; some of them torn, and one of them perhaps with a lost sector or page."""
    sectors: Sectors = {}
    share, torn = chance.random(), chance.random() < 0.5
    for write in epoch.writes:
        if chance.random() < share:
            kept = [one for one in write if chance.random() < 0.7] if torn and chance.random() < 0.3 else write
            sectors.update(kept)
    loss = chance.random()
    if loss < 0.3:
        write = chance.choice(epoch.writes)
        lost_sector = {chance.choice(write)[0]: chance.choice(FILLS)}
        sectors.update(_lost_page(write, chance.choice(FILLS)) if loss < 0.15 else lost_sector)
    return sectors
