"""Proposals in blocks from a peer that lies: each is refused in words, in little memory, and nothing of it is staged."""

import json
import os
import struct
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hostile_blocks import BLOCK, MAGIC, ONE, body, copy, deflated, entry, entry_of, line, packed, plain, state_of

from firmware import blocks, files, native, rsync
from firmware.blocks import SIZE, Blocks
from firmware.errors import Failure
from firmware.services import catalog
from firmware.sync import acceptable, proposal_body, staging
from firmware.sync.block_contents import BlockContents
from firmware.sync.proposal import Proposal
from firmware.sync.staging import Stage

MIB = 1 << 20
OLD = b"".join(b"10.0.%d.%d backend\n" % (n >> 8, n & 255) for n in range(30_000))


@contextmanager
def arrived(data: bytes) -> Iterator[Blocks]:
    file = files.memory_file("body")
    files.write_all(file.handle, data)
    yield Blocks(file.handle)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    service = catalog.find("haproxy")
    assert service
    (tmp_path / "owned").mkdir()
    (tmp_path / "owned" / "old").write_bytes(OLD)
    return Stage(service, "haproxy", tmp_path / "staging" / "haproxy", tmp_path / "owned", tmp_path / "config.rc")


NOW = state_of(entry_of("old", OLD))


def receive(data: bytes, stage: Stage) -> Proposal:
    """What the receiver does with a body until it is staged."""
    with arrived(data) as found:
        whole = proposal_body.complete(proposal_body.parse(found), NOW)
        assert whole and isinstance(whole.contents, BlockContents)
        here = {native.bytes_digest(OLD): str(stage.owned / "old")}
        whole = replace(whole, contents=replace(whole.contents, owns=str(stage.owned), here=here))
        staging.fill(stage, whole, NOW)
        return whole


def refusal(data: bytes, stage: Stage, most: int = 4 * MIB) -> str:
    """How it is refused, in at most so much memory. Whoever calls `fill` removes what it has made, as `flows.receive` does."""
    tracemalloc.start()
    try:
        with pytest.raises(Failure) as caught:
            receive(data, stage)
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()
        staging.remove(stage)
    return str(caught.value)


def test_what_does_not_lie_is_staged(stage: Stage) -> None:
    """The control: it comes whole, as a delta, and twice the same."""
    new = OLD[:200_000] + b"10.9.9.9 new\n" + OLD[200_000:]
    made = delta_of(OLD, new)
    first, second, third = entry_of("a", ONE), entry_of("b", new), entry_of("c", ONE)
    lines = [line(first, True), line(second, [len(made), native.bytes_digest(OLD)]), line(third)]
    receive(body(lines, ONE + made, becomes=state_of(first, second, third)), stage)
    assert {path.name: path.read_bytes() for path in stage.tree.iterdir()} == {"a": ONE, "b": new, "c": ONE}


def test_the_commands_of_a_delta_are_what_they_are_taken_for(stage: Stage) -> None:
    """The control of those that are refused below."""
    delta, new = MAGIC + copy(10, 1000) + copy(0, len(OLD)) + b"\0", entry_of("new", OLD[10:1010] + OLD)
    receive(body([line(new, [len(delta), native.bytes_digest(OLD)])], delta, becomes=state_of(new)), stage)
    assert (stage.tree / "new").read_bytes() == OLD[10:1010] + OLD


def delta_of(old: bytes, new: bytes) -> bytes:
    kept = [files.memory_file("test") for _ in range(4)]
    for file, data in zip(kept, (old, new), strict=False):
        files.write_all(file.handle, data)
        os.lseek(file.handle, 0, os.SEEK_SET)
    rsync.write_signature(kept[0].handle, kept[2].handle)
    os.lseek(kept[2].handle, 0, os.SEEK_SET)
    rsync.write_delta(kept[2].handle, kept[1].handle, kept[3].handle)
    return os.pread(kept[3].handle, 1 << 24, 0)


def test_a_block_that_becomes_more_than_a_block_may_is_refused(stage: Stage) -> None:
    """A bomb: 64 MiB of zeros in 64 kB."""
    for bomb in (deflated(bytes(64 * MIB)), packed(bytes(64 * MIB))):
        assert "becomes more than it may" in refusal(bomb, stage)
    large = entry("bomb", 64 * MIB, "xxh3-128:" + "0" * 32)
    start = deflated(plain([line(large, True)], becomes=state_of(large)).ljust(SIZE))
    assert "becomes more than it may" in refusal(start + deflated(bytes(64 * MIB)), stage)


def test_what_becomes_more_than_is_said_is_refused_before_it_is_unpacked(stage: Stage) -> None:
    """Each block is lawful; together they become 128 MiB, where 4 bytes were announced."""
    small = entry_of("a", ONE)
    start = deflated(plain([line(small, True)], becomes=state_of(small)).ljust(SIZE))
    assert "not as many bytes" in refusal(start + deflated(bytes(SIZE)) * 1024, stage)


def test_blocks_without_number_take_no_memory(stage: Stage) -> None:
    """Five bytes each: four million of them would take a gigabyte to be remembered."""
    assert f"more than {blocks.MOST} blocks" in refusal((struct.pack(">I", 1) + b"x") * (4 << 20), stage)


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b"\0\0\0\0", "not made of blocks"), (struct.pack(">I", SIZE + 1), "not made of blocks"), (b"\x7f\xff\xff\xff", "not made of blocks"),
        (b"\xff\xff\xff\xff", "not made of blocks"), (b"\0\0", "not made of blocks"), (struct.pack(">I", 10) + b"short", "not made of blocks"),
        (struct.pack(">I", 5 | 1 << 31) + b"\xff" * 5, "cannot be unpacked"), (deflated(b"x" * 99)[:-3], "not made of blocks"),
        (struct.pack(">I", 5 | 1 << 30) + b"\xff" * 5, "cannot be unpacked"), (packed(b"x" * 99)[:-3], "not made of blocks"),
        (struct.pack(">I", 1 << 31 | 12) + deflated(b"x" * 99)[4:16].ljust(12, b"\0"), ""),
    ],
)  # fmt: skip
def test_lengths_of_blocks_that_lie_are_refused(stage: Stage, head: bytes, says: str) -> None:
    assert says in refusal(head, stage)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"entries": 1 << 30}, "entries"), ({"entries": 1 << 24}, "ends before"), ({"entries": 3}, "malformed"), ({"entries": -1}, "entries"),
        ({"block": BLOCK + "x" * 70_000}, "longer than"), ({"service": "h" * 5000}, "longer than"),
    ],
)  # fmt: skip
def test_lengths_of_parts_that_lie_are_refused(stage: Stage, changes: dict[str, Any], says: str) -> None:
    one = entry_of("a", ONE)
    assert says in refusal(body([line(one, True)], ONE, becomes=state_of(one), **changes), stage)


@pytest.mark.parametrize("size", [0, 3, 5, 1 << 26, -1, 1 << 60, (1 << 26) + 1])
def test_sizes_of_contents_that_lie_are_refused(stage: Stage, size: int) -> None:
    lying = replace(entry_of("a", ONE), size=size)
    assert refusal(body([line(lying, True)], ONE, becomes=state_of(lying)), stage)


def test_a_content_with_another_digest_is_not_staged(stage: Stage) -> None:
    for sent, said in ((b"two\n", entry_of("a", ONE)), (os.urandom(300_000), entry_of("a", bytes(300_000)))):
        assert "could not be staged as it was sent" in refusal(
            body([line(said, True)], sent, becomes=state_of(said)), stage
        )


@pytest.mark.parametrize(
    ("delta", "size"),
    [
        (MAGIC + copy(len(OLD) + 1, 100) + b"\0", 100), (MAGIC + copy(0, 1 << 62) + b"\0", 64 * MIB), (MAGIC + copy(1 << 63, 10) + b"\0", 10),
        (MAGIC + copy(0, len(OLD)) * 200 + b"\0", 64 * MIB), (MAGIC + copy(0, len(OLD)) * 2 + b"\0", len(OLD)),
        (MAGIC + copy(0, 10), 10), (MAGIC, 10), (b"\0" * 40, 10), (MAGIC + b"\x44" + b"\xff" * 8, 64 * MIB), (MAGIC + b"\xff" * 30, 10),
        (MAGIC + copy(0, 10) + b"\0" + b"more", 10),
    ],
)  # fmt: skip
def test_a_delta_that_leads_outside_or_becomes_more_is_refused(stage: Stage, delta: bytes, size: int) -> None:
    """Whatever it makes is bounded by the size that the table says, and has to have the digest."""
    said = entry("new", max(size, len(delta)), "xxh3-128:" + "1" * 32)
    lines = [line(said, [len(delta), native.bytes_digest(OLD)])]
    assert refusal(body(lines, delta, becomes=state_of(said)), stage)


def test_a_delta_to_what_is_elsewhere_is_refused(stage: Stage) -> None:
    said = entry_of("new", OLD)
    lines = [line(said, [20, "xxh3-128:" + "2" * 32])]
    assert "is no file here" in refusal(body(lines, bytes(20), becomes=state_of(said)), stage)


@pytest.mark.all
def test_more_files_than_are_taken_are_refused(stage: Stage) -> None:
    many = [entry_of(f"{number:05}", b"") for number in range(acceptable.LIMITS.files + 1)]
    lines = [line(one) for one in many]
    assert f"at most {acceptable.LIMITS.files} are synced" in refusal(
        body(lines, becomes=state_of(*many)), stage, 40 * MIB
    )
    removed = [json.dumps([f"{number:05}"]).encode() for number in range(2 * acceptable.LIMITS.files + 1)]
    assert "one too many" in refusal(body(removed, becomes=NOW, against=NOW.digest), stage, 40 * MIB)


def test_more_bytes_than_are_taken_are_refused_whoever_announces_them(stage: Stage) -> None:
    large = [entry(f"{number}", 60 * MIB, f"xxh3-128:{number:032}") for number in range(3)]
    start = deflated(plain([line(one, True) for one in large], becomes=state_of(*large)).ljust(SIZE))
    assert refusal(start + deflated(bytes(SIZE)) * 1200, stage)
    assert f"at most {acceptable.LIMITS.all_bytes} are synced" in refusal(
        body([line(one) for one in large], becomes=state_of(*large)), stage
    )


@pytest.mark.parametrize(
    "name",
    [
        "../a",
        "a/../../b",
        "/etc/passwd",
        "",
        ".",
        "..",
        "a//b",
        "a/",
        "a\0b",
        "\ud800",
        "x" * 256,
        "a/" * 2000 + "b",
        "a/./b",
    ],
)
def test_paths_that_lead_outside_are_refused(stage: Stage, name: str) -> None:
    one = entry_of("a", ONE)
    row = json.loads(line(one, True))
    for lines in ([json.dumps([name, *row[1:]]).encode()], [json.dumps([name]).encode()]):
        assert refusal(body(lines, ONE * (len(json.loads(lines[0])) > 1), becomes=state_of(one)), stage)


def test_a_stream_that_ends_anywhere_is_refused(stage: Stage) -> None:
    one, noise = entry_of("a", ONE), os.urandom(SIZE * 2 + 100)
    two = entry_of("noise", noise)
    whole = body([line(one, True), line(two, True)], ONE + noise, becomes=state_of(one, two))
    receive(whole, stage)
    places = {
        *range(0, 400, 7),
        *range(len(whole) - 300, len(whole), 7),
        SIZE,
        SIZE + 3,
        SIZE + 4,
        SIZE + 5,
        2 * SIZE + 8,
    }
    for end in sorted(places):
        assert refusal(whole[:end], stage), end


def twins(number: int) -> bytes:
    """A file of zeros, and so many that say that they are empty and have the same digest."""
    data = bytes(4 * MIB)
    large = entry_of("z", data)
    small = [replace(large, path=f"/etc/haproxy/a{n}", size=0) for n in range(number)]
    return body([*map(line, small), line(large, True)], data, becomes=state_of(*small, large))


def test_a_digest_with_two_sizes_is_refused(stage: Stage) -> None:
    """What is reckoned with would not be what comes: a thousand times so much."""
    assert f"{4 * MIB} bytes, and 0 of another file with its digest" in refusal(twins(200), stage)


def test_of_a_content_no_more_is_read_than_its_entry_says(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptable, "_require_one_size", lambda entries: None)
    assert "could not be staged as it was sent" in refusal(twins(200), stage, most=9 * MIB)
