"""A proposal in blocks: what is sent arrives, as a whole or as a difference; what was tampered with is refused."""

import json
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware import blocks, manifest, native
from firmware.blocks import Blocks
from firmware.errors import Failure, Refused
from firmware.manifest import Entry
from firmware.rc import document
from firmware.rc.title import Title
from firmware.services import catalog, content
from firmware.services.content import Content
from firmware.sync import proposal_body, synced
from firmware.sync.block_contents import BlockContents
from firmware.sync.contents import of_files
from firmware.sync.proposal import Proposal
from firmware.sync.synced import Known
from firmware.sync.versions import Speech

TOP = "/etc/haproxy"


def entry(name: str, data: bytes, mode: int = 0o640) -> Entry:
    return Entry(f"{TOP}/{name}", "file", mode, "root", "root", len(data), native.bytes_digest(data))


def table(files: Mapping[str, bytes]) -> dict[str, Entry]:
    return {one.path: one for one in sorted((entry(name, data) for name, data in files.items()), key=lambda e: e.path)}


def offer_of(files: Mapping[str, bytes], *, sent: Mapping[str, bytes] | None = None) -> Proposal:
    service, block = catalog.find("haproxy"), document.parse("service haproxy\n").find(Title("haproxy"))
    assert service and block
    contents = {native.bytes_digest(data): data for data in (files if sent is None else sent).values()}
    return Proposal(service, block, table(files), contents, base="xxh3-128:" + "1" * 32)


def content_of(files: Mapping[str, bytes]) -> Content:
    offer = offer_of(files)
    state = content.digest(offer.block, offer.entries)
    return Content(offer.block.text, offer.block.statements, offer.entries, state)


def known_of(files: Mapping[str, bytes]) -> Known:
    now = content_of(files)
    return Known(now.digest, now.entries)


@contextmanager
def arrived(body: bytes) -> Iterator[Blocks]:
    handle = os.memfd_create("body")
    try:
        os.write(handle, body)
        yield Blocks(handle)
    finally:
        os.close(handle)


def encoded(offer: Proposal, known: Known | None = None, compression: str = blocks.ZSTD) -> bytes:
    return b"".join(proposal_body.encode(offer, known, Speech(3, compression)).pieces())


def at_receiver(body: bytes, now: Content) -> Proposal | None:
    with arrived(body) as found:
        whole = proposal_body.complete(proposal_body.parse(found), now)
        return whole and replace(whole, contents={digest: whole.contents[digest] for digest in whole.contents})


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=30).filter(
    lambda name: name not in (".", "..")
)
FILES = st.dictionaries(NAMES, st.binary(max_size=50) | st.sampled_from([b"same", b"x" * 200_000]), max_size=6)


@given(FILES, FILES)
def test_what_is_sent_arrives_whole_and_as_a_difference(files: dict[str, bytes], before: dict[str, bytes]) -> None:
    offer = offer_of(files)
    assert at_receiver(encoded(offer), content_of({})) == offer
    found = at_receiver(encoded(offer, known_of(before)), content_of(before))
    assert found and (found.entries, found.base) == (offer.entries, offer.base)
    there = {native.bytes_digest(data) for data in before.values()}
    assert {one.digest for one in offer.entries.values()} <= there | set(found.contents)


def test_what_the_peer_has_already_takes_a_digest_only() -> None:
    files = {f"maps/{number:04}": b"%d\n" % number for number in range(4000)}
    files = {name.replace("/", "-"): data for name, data in files.items()}
    assert len(encoded(offer_of(files), known_of(files))) < 500
    one = {**files, "maps-0001": b"changed\n"}
    body = encoded(offer_of(one, sent={"": b"changed\n"}), known_of(files))
    assert len(body) < 600
    found = at_receiver(body, content_of(files))
    assert found and found.entries == table(one) and list(found.contents.values()) == [b"changed\n"]  # type: ignore[attr-defined]


def test_a_receiver_that_has_something_else_asks_for_everything() -> None:
    body = encoded(offer_of({"a": b"new"}), known_of({"a": b"old"}))
    assert at_receiver(body, content_of({"a": b"other"})) is None


def test_contents_are_binary_and_small_where_that_pays(tmp_path: Path) -> None:
    noise, lines = os.urandom(1 << 20), b"10.0.0.1 backend\n" * 60_000
    body = encoded(offer_of({"noise": noise, "lines": lines}))
    assert len(noise) < len(body) < len(noise) + 20_000
    for name, data in (("noise", noise), ("lines", lines)):
        (tmp_path / name).write_bytes(data)
    entries = manifest.scan(tmp_path, named=Path(TOP))
    offer = replace(offer_of({}), entries=entries)
    offer = replace(offer, contents=of_files(entries, tmp_path, TOP, {one.digest for one in entries.values()}))
    found = at_receiver(encoded(offer), content_of({}))
    assert found and set(found.contents.values()) == {noise, lines}  # type: ignore[attr-defined]
    (tmp_path / "lines").write_bytes(lines + b"more\n")
    with pytest.raises(Failure, match="lines: it changed while it was being sent"):
        encoded(offer)


HEAD: dict[str, Any] = {
    "protocol": 3, "firmware": "1", "service": "haproxy", "block": "service haproxy\n", "expect": "", "dry": False,
    "push": "", "base": "", "confirm": 0, "against": "", "state": "xxh3-128:" + "0" * 32,
}  # fmt: skip
DIGEST = native.bytes_digest(b"one")
LINE = ["a", "file", "0640", "root", "root", 3, DIGEST, True]


def body_of(*lines: Any, data: bytes = b"", **changes: Any) -> bytes:
    rows = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    head = json.dumps({**HEAD, "entries": len(rows), **changes}).encode()
    return b"".join(blocks.encode([struct.pack(">I", len(head)) + head + rows + data], blocks.ZSTD))


def refused(body: bytes, now: Content | None = None) -> str:
    with pytest.raises(Failure) as caught:
        at_receiver(body, now or content_of({}))
    return str(caught.value)


def test_a_lawful_one_is_taken() -> None:
    state = content_of({"a": b"one"}).digest
    assert at_receiver(body_of(LINE, data=b"one", state=state), content_of({}))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (body_of(LINE, data=b"one"), "does not become what its digest says"), (body_of(LINE, data=b"on"), "not as many bytes"),
        (body_of(LINE, data=b"one+"), "not as many bytes"), (body_of(LINE[:7], data=b"one"), "not as many bytes"),
        (body_of(LINE, LINE, data=b"oneone"), "twice"), (body_of(LINE, ["b", *LINE[1:]], data=b"oneone"), "twice"),
        (body_of(["../a", *LINE[1:]], data=b"one"), "not a path below"), (body_of(["../a"]), "not a path below"),
        (body_of(["a", "link", *LINE[2:]]), "a symbolic link"), (body_of(["a", "file", "4755", *LINE[3:]]), "set-uid"),
        (body_of(["a", "dir", "0750", "root", "root", 0, "", True]), "none of a file"), (body_of(["b/a", *LINE[1:]], data=b"one"), "its directory is not"),
        (body_of(b"{}"), "malformed"), (body_of(b"[1"), "malformed"), (body_of([]), "malformed"), (body_of([*LINE[:7], 1]), "malformed"),
        (body_of(b"[" * 30_000), "malformed"), (body_of(b"x" * 40_000), "longer than"), (body_of(["x" * 5000]), "longer than"),
        (body_of(LINE, entries=9999), "ends before"), (body_of(entries=-1), "out of bounds"), (body_of(more=1), "unknown field 'more'"),
        (body_of(contents={}), "unknown field"), (body_of(protocol=2), "have no blocks"), (body_of(protocol=9), "versions do not fit"),
        (body_of(against=1), "against"), (body_of(state="x"), "state"), (body_of(service="sshd", block="service sshd\n"), "this node's own"),
        (b"".join(blocks.encode([struct.pack(">I", 1 << 31)], blocks.ZSTD)), "head is longer"), (b"".join(blocks.encode([b"ab"], blocks.ZSTD)), "ends before"), (b"", "ends before"),
    ],
)  # fmt: skip
def test_what_no_peer_may_send(body: bytes, says: str) -> None:
    assert says in refused(body)


def test_a_content_that_lies_about_its_digest_is_found_when_it_is_read() -> None:
    state = content_of({"a": b"one"}).digest
    assert "has another digest" in refused(body_of(LINE, data=b"two", state=state))


def test_what_is_kept_of_the_receivers_own_is_held_to_the_same_rules() -> None:
    """A peer cannot have a link taken by naming the content that it is part of."""
    now = content_of({"a": b"one"})
    link = Entry(f"{TOP}/link", "link", 0o777, "root", "root", 4, native.bytes_digest(b"/etc"))
    entries = {**now.entries, link.path: link}
    state = content.digest(offer_of({}).block, entries)
    now = replace(now, entries=entries, digest=state)
    assert "a symbolic link" in refused(body_of(against=state, state=state), now)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(data: bytes) -> None:
    try:
        with arrived(data) as found:
            proposal_body.parse(found)
    except Failure:
        return
    raise AssertionError(data)


def test_refusals_are_of_the_kind_that_the_pusher_is_told() -> None:
    with arrived(body_of(LINE, data=b"on")) as found, pytest.raises(Refused):
        proposal_body.parse(found)


#: a map of some hundred KiB, and what becomes of it
MAP = b"".join(b"10.0.%d.%d backend\n" % (n >> 8, n & 255) for n in range(30_000))
NEW_MAP = MAP[:200_000] + b"10.9.9.9 new\n" + MAP[200_000:]


@contextmanager
def of_large_file(top: Path) -> Iterator[tuple[Proposal, Known, Content]]:
    """A proposal of a file that was synced before, the table with its signature, and what the receiver has."""
    (top / "here").mkdir()
    (top / "here" / "map").write_bytes(MAP)
    now = content_of({"map": MAP})
    synced.keep("haproxy", now.digest, now.entries, top / "synced")
    synced.keep_signatures("haproxy", now.entries, top / "here", TOP, top / "synced")
    known = synced.find("haproxy", top / "synced")
    (top / "new").mkdir()
    (top / "new" / "map").write_bytes(NEW_MAP)
    offer = offer_of({"map": NEW_MAP})
    assert known
    yield (
        replace(
            offer, contents=of_files(offer.entries, top / "new", TOP, {one.digest for one in offer.entries.values()})
        ),
        known,
        now,
    )


def test_of_a_large_file_only_what_differs_is_sent(tmp_path: Path) -> None:
    with of_large_file(tmp_path) as (offer, known, now):
        body = encoded(offer, known)
        assert len(body) < 3000 < 20_000 < len(encoded(offer, replace(known, signatures=None)))
        with arrived(body) as found:
            whole = proposal_body.complete(proposal_body.parse(found), now)
            assert whole and isinstance(whole.contents, BlockContents)
            sent = replace(
                whole.contents, owns=f"{tmp_path}/here", here={native.bytes_digest(MAP): f"{tmp_path}/here/map"}
            )
            (digest,) = sent
            assert sent[digest] == NEW_MAP and b"".join(sent.pieces(digest)) == NEW_MAP
            (tmp_path / "here" / "map").write_bytes(MAP.replace(b"backend", b"BACKEND"))
            with pytest.raises(Refused, match="has another digest"):
                list(sent.pieces(digest))


def test_a_delta_to_what_is_no_file_there_is_refused(tmp_path: Path) -> None:
    with of_large_file(tmp_path) as (offer, known, now), arrived(encoded(offer, known)) as found:
        whole = proposal_body.complete(proposal_body.parse(found), now)
        assert whole and isinstance(whole.contents, BlockContents)
        (digest,) = whole.contents
        with pytest.raises(Refused, match="which is no file here"):
            list(replace(whole.contents, here={}).pieces(digest))


def test_a_file_that_becomes_another_is_sent_whole(tmp_path: Path) -> None:
    with of_large_file(tmp_path) as (_, known, _):
        noise = os.urandom(200_000)
        (tmp_path / "new" / "map").write_bytes(noise)
        other = offer_of({"map": noise})
        digests = {one.digest for one in other.entries.values()}
        other = replace(other, contents=of_files(other.entries, tmp_path / "new", TOP, digests))
        assert len(encoded(other, known)) > len(noise)


@pytest.mark.parametrize(
    "word",
    [[3, DIGEST, 1], [0, DIGEST], [4, DIGEST], [-1, DIGEST], [3, "x"], [True, DIGEST], [3], {}, "x", None, False],
)
def test_what_is_no_delta_in_a_line_is_refused(word: object) -> None:
    assert "malformed" in refused(body_of([*LINE[:7], word], data=b"one"))
