"""A peer with a valid key sends proposals in blocks that lie, through the real sshd: each is refused in words, nothing of it stays
on the node, csyncd's memory is bounded, and it goes on serving. The same, without the lie, is applied."""

import json
import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile_blocks import MAGIC, body, copy, deflated, entry, entry_of, line, plain, state_of
from lab_driver import Lab
from push_helpers import pair_nodes
from story import Stage, page

from firmware import blocks
from firmware.manifest import Entry

pytestmark = pytest.mark.all

SENDER = (Path(__file__).parents[1] / "support" / "peer_api_sender.py").read_text()
WATCH = (Path(__file__).parents[1] / "support" / "memory_peak.py").read_text()
FRAME = struct.Struct("!IBI")
#: the sender waits for one answer, or ends its half of the connection before
KEPT, WHOLE = 0, 1
MIB = 1 << 20
#: bytes that csyncd takes at most for all of them together
MOST = 64 * MIB
CONFIG, MAP = page("hostile").encode(), b"".join(b"10.0.%d.%d one\n" % (n >> 8, n & 255) for n in range(20_000))
NOTHING = "xxh3-128:" + "0" * 32


@pytest.fixture(scope="module")
def stage(module_lab: Lab) -> Iterator[Stage]:
    made = Stage(module_lab, tell=lambda text: None)
    pair_nodes(made)
    made.edit(1, page("before"))
    made.on(1, "csync", "push", "haproxy")
    yield made


def open_to_all(one: Entry) -> Entry:
    return Entry(one.path, one.kind, 0o644, one.owner, one.group, one.size, one.digest)


def http(data: bytes, length: int | None = None) -> bytes:
    head = f"POST /v1/push HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {blocks.TYPE}\r\n"
    return f"{head}Content-Length: {len(data) if length is None else length}\r\n\r\n".encode() + data


def send(stage: Stage, requests: list[bytes], kind: int = KEPT) -> list[bytes]:
    """What node 2 answers to each, in turn; they come from node 1, with its key."""
    sender = stage.lab.start(1, "/usr/bin/python3", "-c", SENDER, "/etc/csyncd/id_ed25519", "1", "1")
    units = [data if kind == WHOLE else b"\1" + data for data in requests]
    frames = [FRAME.pack(number, kind, len(data)) + data for number, data in enumerate(units)]
    said, _ = sender.communicate(b"".join(frames))
    found, at = {}, 0
    while at < len(said):
        number, _, size = FRAME.unpack_from(said, at)
        found[number] = said[at + FRAME.size : at + FRAME.size + size]
        at += FRAME.size + size
    return [found[number] for number in range(len(requests))]


def words(answer: bytes) -> str:
    """What an answer says."""
    head, _, text = answer.partition(b"\r\n\r\n")
    told: dict[str, Any] = json.loads(text)
    assert told.get("result") not in ("applied", "unchanged") or b" 200 " not in head
    return f"{told.get('error', '')}{told.get('message', '')}"


def proposals(expect: str) -> dict[str, tuple[bytes, str]]:
    """Each kind of lie, and words of the refusal."""
    config, large = open_to_all(entry_of("haproxy.cfg", CONFIG)), entry("large", 64 * MIB, NOTHING)
    both = state_of(config, large)
    bomb = deflated(plain([line(large, True)], becomes=state_of(large)).ljust(blocks.SIZE))
    delta = {name: entry("large", size, NOTHING) for name, size in (("outside", 1000), ("endless", 64 * MIB))}
    old = entry_of("map", MAP).digest

    def as_delta(one: Entry, made: bytes) -> bytes:
        lines = [line(config, True), line(one, [len(made), old])]
        return body(lines, CONFIG + made, becomes=state_of(config, one), expect=expect)

    return {
        "a block without an end": (struct.pack(">I", 1 << 16) + b"x", "not made of blocks"),
        "a block that becomes 64 MiB": (bomb + deflated(bytes(64 * MIB)), "more than it may"),
        "blocks that become 150 MiB where 4 kB are said": (
            deflated(plain([line(config, True)], becomes=state_of(config)).ljust(blocks.SIZE)) + deflated(bytes(blocks.SIZE)) * 1200,
            "not as many bytes",
        ),
        "a million blocks": ((struct.pack(">I", 1) + b"x") * MIB, "blocks"),
        "a head of 2 GB": (b"".join(blocks.encode([struct.pack(">I", 1 << 31)], blocks.ZSTD)), "head is longer"),
        "a table of 2 GB": (body([line(config, True)], CONFIG, becomes=both, entries=1 << 31), "entries"),
        "a file of 65 MiB": (body([line(entry("large", 65 * MIB, NOTHING))], becomes=both), "at most 67108864 are synced"),
        "a content that is another": (
            body([line(config, True)], CONFIG[::-1], becomes=state_of(config), expect=expect), "could not be staged",
        ),
        "more files than are taken": (
            body([line(entry(f"{number}", 0, NOTHING)) for number in range(24_001)], becomes=both), "at most 24000 are synced",
        ),
        "a path that leads outside": (body([line(config, True).replace(b"haproxy.cfg", b"../passwd")], CONFIG, becomes=both), "not a path below"),
        "a delta that reads beyond its base": (as_delta(delta["outside"], MAGIC + copy(len(MAP), 1000) + b"\0"), "cannot be made"),
        "a delta that becomes 15 GB": (as_delta(delta["endless"], MAGIC + copy(0, len(MAP)) * 50_000 + b"\0"), "cannot be made"),
        "a delta without an end": (as_delta(delta["outside"], MAGIC + copy(0, 10)), "cannot be made"),
        "a delta to a file elsewhere": (
            body([line(config, True), line(delta["outside"], [9, NOTHING])], CONFIG + b"x" * 9, becomes=state_of(config, delta["outside"]), expect=expect),
            "no file here",
        ),
    }  # fmt: skip


def there(stage: Stage) -> str:
    """All that a push could leave on node 2."""
    return stage.on(
        2, "sh", "-c", "find /etc /run/firmware/applied -type f | sort | xargs sha256sum; find /etc/.staging; true"
    )


def state(stage: Stage) -> str:
    return str(stage.json(2, "csync", "status")["services"]["haproxy"]["local"]["files"])


def csyncd(stage: Stage) -> str:
    return next(str(one["pid"]) for one in stage.json(2, "service", "list") if one["name"] == "csyncd")


def test_what_lies_is_refused_in_words_in_little_memory_and_leaves_nothing(stage: Stage) -> None:
    stage.lab.write(1, "/etc/haproxy/map", MAP.decode())
    stage.on(1, "service", "haproxy", "apply")
    stage.on(1, "csync", "push", "haproxy")
    before, pid, lies = there(stage), csyncd(stage), proposals(state(stage))
    watching = stage.lab.start(2, "/usr/bin/python3", "-c", WATCH, pid)
    answers = send(stage, [http(data) for data, _ in lies.values()])
    most = int(watching.communicate(b"")[0].split()[0])
    for (name, (_, says)), answer in zip(lies.items(), answers, strict=True):
        assert says in words(answer), (name, answer)
    assert (there(stage), csyncd(stage)) == (before, pid) and most < MOST


def test_a_stream_that_is_cut_off_leaves_nothing_and_is_in_nobodys_way(stage: Stage) -> None:
    config, noise = open_to_all(entry_of("haproxy.cfg", CONFIG)), os.urandom(blocks.SIZE * 2)
    data = body([line(config, True), line(entry_of("noise", noise), True)], CONFIG + noise, becomes=state_of(config))
    before = there(stage)
    for end in (0, 3, 100, blocks.SIZE + 50, len(data) - 1):
        assert b" 200 " not in send(stage, [http(data[:end], len(data))], WHOLE)[0]
    assert there(stage) == before
    stage.edit(1, page("after"))
    stage.on(1, "csync", "push", "haproxy")
    stage.serves(2, "after")


def test_the_same_without_a_lie_is_applied(stage: Stage) -> None:
    """The control: in blocks made by hand, with a content and a delta."""
    config, new = open_to_all(entry_of("haproxy.cfg", CONFIG)), MAP[10:1010] + MAP
    large, delta = open_to_all(entry_of("map", new)), MAGIC + copy(10, 1000) + copy(0, len(MAP)) + b"\0"
    lines = [line(config, True), line(large, [len(delta), entry_of("map", MAP).digest])]
    data = body(lines, CONFIG + delta, becomes=state_of(config, large), expect=state(stage))
    (answer,) = send(stage, [http(data)])
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["result"] == "applied", answer
    assert stage.lab.read(2, "/etc/haproxy/map") == new.decode()
    assert re.search("hostile", stage.lab.read(2, "/etc/haproxy/haproxy.cfg"))
