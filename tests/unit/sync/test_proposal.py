"""What arrives from a peer is checked as if an attacker had sent it; what was not tampered with arrives as it was sent."""

import base64
import copy
import json
import os
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware import manifest, native
from firmware.errors import Failure, Refused
from firmware.http11 import wire
from firmware.manifest import Comparison, Entry
from firmware.rc import document
from firmware.rc.title import Title
from firmware.services import catalog
from firmware.sync import acceptable, proposal
from firmware.sync.contents import of_files
from firmware.sync.proposal import Proposal

TOP = "/etc/haproxy"
CONTENT = b"global\n"


def entry(path: str, **changes: Any) -> dict[str, Any]:
    made = {"path": path, "kind": "file", "mode": "0640", "owner": "root", "group": "root", "size": len(CONTENT)}
    return {**made, "digest": native.bytes_digest(CONTENT), **changes}


def sent(*entries: dict[str, Any], **changes: Any) -> dict[str, Any]:
    made = {
        "service": "haproxy",
        "block": "service haproxy\n",
        "entries": list(entries),
        "contents": {},
        "expect": "",
        "dry": False,
    }
    return {**made, **changes}


def directory(path: str, **changes: Any) -> dict[str, Any]:
    return entry(path, **{"kind": "dir", "mode": "0750", "size": 0, "digest": "", **changes})


def refused(told: dict[str, Any]) -> str:
    with pytest.raises(Refused) as caught:
        proposal.parse(told)
    return str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"owner": "haproxy"}, {"owner": "haproxy", "mode": "0500"}, {"group": "haproxy", "mode": "0770"}, {"mode": "0757"},
    ],
)  # fmt: skip
def test_a_directory_in_which_its_account_could_write_is_refused(changes: dict[str, Any]) -> None:
    """It could exchange what lies there for a link while root works there."""
    assert "could exchange what lies in it" in refused(sent(directory("maps", **changes)))
    haproxy = catalog.find("haproxy")
    assert haproxy
    found = {f"{TOP}/maps": Entry(f"{TOP}/maps", "dir", 0o700, "haproxy", "root", 0, "")}
    with pytest.raises(Refused, match="could exchange what lies in it") as caught:
        acceptable.require_sendable(haproxy, found)
    assert caught.value.hint == f"chown root:haproxy {TOP}/maps && chmod 750 {TOP}/maps"


@pytest.mark.parametrize("changes", [{}, {"group": "haproxy"}, {"mode": "0770"}, {"group": "haproxy", "mode": "0755"}])
def test_a_directory_that_its_account_reads_is_taken_and_so_is_a_file_of_its_own(changes: dict[str, Any]) -> None:
    assert proposal.parse(sent(directory("maps", **changes), entry("maps/a", owner="haproxy", mode="0600")))


@pytest.mark.parametrize("seconds", [3601, 86400, -1, True, "60"])
def test_a_time_to_confirm_is_an_hour_at_most(seconds: object) -> None:
    version_2 = {"protocol": 2, "firmware": "1", "push": "0" * 32, "base": ""}
    says = refused(sent(entry("haproxy.cfg"), **version_2, confirm=seconds))
    assert says == "confirm: not a number of seconds from 1 to 3600"
    assert proposal.parse(sent(entry("haproxy.cfg"), **version_2, confirm=3600)).confirm == 3600


def whole(offer: Proposal) -> bytes:
    return b"".join(offer.encode().pieces())


def test_what_is_sent_arrives() -> None:
    digest = native.bytes_digest(CONTENT)
    told = sent(
        entry("haproxy.cfg"), directory("maps"), entry("maps/a"), contents={digest: base64.b64encode(CONTENT).decode()}
    )
    found = proposal.parse(told)
    assert found.contents == {digest: CONTENT}
    assert set(found.entries) == {f"{TOP}/haproxy.cfg", f"{TOP}/maps", f"{TOP}/maps/a"}
    assert proposal.parse(json.loads(whole(found))) == found


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("../haproxy.cfg", "not a path below"), ("/etc/passwd", "not a path below"), ("a/../../b", "not a path below"),
        ("", "not a path below"), (".", "not a path below"), ("a//b", "not a path below"), ("a/", "not a path below"),
        ("a\0b", "not a path below"), ("x" * 256, "too long"), ("a/" * 2000 + "b", "too long"),
        ("maps/a", "its directory is not in the proposal"), ("haproxy.cfg/x", "its directory is not in the proposal"),
    ],
)  # fmt: skip
def test_paths_that_leave_the_services_own_files(path: str, says: str) -> None:
    assert says in refused(sent(entry("haproxy.cfg"), entry(path)))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kind": "link"}, "a symbolic link"), ({"kind": "other"}, "neither file nor directory"), ({"kind": "fifo"}, "neither"),
        ({"mode": "4755"}, "set-uid"), ({"mode": "2755"}, "set-uid"), ({"mode": "1777"}, "set-uid"), ({"mode": "644"}, "malformed"),
        ({"mode": "rwx"}, "malformed"), ({"mode": 420}, "missing, or not text"), ({"owner": "sshd"}, "belongs to sshd:root"),
        ({"group": "shadow"}, "belongs to root:shadow"), ({"owner": ""}, "belongs to"), ({"size": -1}, "-1 bytes"),
        ({"size": 9 << 20}, "at most"), ({"size": True}, "malformed"), ({"size": "7"}, "malformed"), ({"digest": "md5:1"}, "digest is malformed"),
        ({"digest": ""}, "digest is malformed"), ({"target": "/etc/passwd"}, "unknown field 'target'"), ({"path": 7}, "missing, or not text"),
    ],
)  # fmt: skip
def test_entries_that_no_service_may_have(changes: dict[str, Any], says: str) -> None:
    assert says in refused(sent({**entry("haproxy.cfg"), **changes}))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"service": "nonsense"}, "knows no such service"), ({"service": "../haproxy"}, "knows no such service"),
        ({"service": "csyncd", "block": "service csyncd\n"}, "this node's own"), ({"service": "network.eth0"}, "this node's own"),
        ({"service": "system"}, "this node's own"), ({"service": 1}, "missing, or not text"), ({"block": ""}, "not one block"),
        ({"block": "service syslogd\n"}, "not one block"), ({"block": "service haproxy\nservice sshd\n"}, "not one block"),
        ({"block": "vt_consoles 3\nservice haproxy\n"}, "not one block"), ({"block": "service haproxy\n  bin /bin/sh\n"}, "bin"),
        ({"block": "service haproxy\n  cmdline sh -c id\n"}, "cmdline"), ({"block": "service haproxy\n  nonsense 1\n"}, "unknown directive"),
        ({"entries": {}}, "not a list"), ({"entries": [1]}, "not an object"), ({"contents": []}, "not an object"),
        ({"contents": {"x": "!"}}, "not base64"), ({"contents": {"xxh3-128:" + "0" * 32: ""}}, "belongs to no file"),
        ({"expect": "yes"}, "expect: malformed"), ({"expect": 1}, "expect: malformed"), ({"dry": "no"}, "neither true nor false"),
        ({"path": "/etc/passwd"}, "unknown field 'path'"), ({"entries": [entry(f"f{n}") for n in range(24_001)]}, "at most 4096"),
        ({"entries": [entry("a"), entry("a")]}, "stands twice"), ({"entries": [entry(f"f{n}", size=8 << 20) for n in range(3)]}, "at most"),
        ({"entries": [directory("d", digest=native.bytes_digest(b""))]}, "neither digest nor size"),
    ],
)  # fmt: skip
def test_proposals_that_no_peer_may_make(changes: dict[str, Any], says: str) -> None:
    assert says in refused(sent(**changes))


def test_contents_that_lie_about_their_digest() -> None:
    told = sent(entry("haproxy.cfg"), contents={native.bytes_digest(CONTENT): base64.b64encode(b"other\n").decode()})
    assert "has another digest" in refused(told)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.data())
def test_anything_at_any_place_is_refused_or_harmless(data: st.DataObject) -> None:
    told = copy.deepcopy(sent(entry("haproxy.cfg"), directory("maps"), entry("maps/a")))
    key = data.draw(st.sampled_from(sorted(told)))
    if key == "entries" and data.draw(st.booleans()):
        which = data.draw(st.sampled_from(told["entries"]))
        which[data.draw(st.sampled_from(sorted(which)))] = data.draw(JSON)
    else:
        told[key] = data.draw(JSON)
    try:
        found = proposal.parse(told)
    except Failure:
        return
    assert all(path.startswith(TOP + "/") and "/../" not in path + "/" for path in found.entries)
    assert all(item.kind in ("file", "dir") and not item.mode & 0o7000 for item in found.entries.values())


@given(
    st.text(max_size=300) | st.lists(st.sampled_from(["..", ".", "", "a", "b/", "/", "\0"]), max_size=6).map("/".join)
)
def test_no_path_escapes(name: str) -> None:
    try:
        found = proposal.parse(sent(entry(name)))
    except Failure:
        return
    (path,) = found.entries
    assert os.path.normpath(path) == path
    assert Path(path).parent == Path(TOP)


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=60).filter(
    lambda name: name not in (".", "..")
)


@given(st.dictionaries(NAMES, st.binary(max_size=50), max_size=8), st.integers(0, 0o777))
def test_any_tree_survives_the_wire(files: dict[str, bytes], mode: int) -> None:
    service, block = catalog.find("haproxy"), document.parse("service haproxy\n").find(Title("haproxy"))
    assert service and block
    entries = {
        f"{TOP}/{name}": Entry(f"{TOP}/{name}", "file", mode, "root", "root", len(data), native.bytes_digest(data))
        for name, data in files.items()
    }
    contents = {native.bytes_digest(data): data for data in files.values()}
    offer = Proposal(service, block, dict(sorted(entries.items())), contents)
    assert proposal.parse(json.loads(whole(offer))) == offer


@given(st.dictionaries(NAMES, st.binary(max_size=50), max_size=8))
def test_a_manifest_tells_every_difference(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    top = tmp_path_factory.mktemp("tree")
    for name, data in files.items():
        (top / name).write_bytes(data)
    before = manifest.scan(top)
    assert {os.path.basename(path) for path in before} == set(files)
    assert manifest.compare(before, manifest.scan(top)) == Comparison((), (), ())
    for name, data in files.items():
        (top / name).write_bytes(bytes(byte ^ 1 for byte in data) or b"x")
        assert manifest.compare(before, manifest.scan(top)) == Comparison((), (str(top / name),), ())
        (top / name).write_bytes(data)
        (top / name).chmod(0o600 if before[str(top / name)].mode != 0o600 else 0o644)
        assert manifest.compare(before, manifest.scan(top)).changed == (str(top / name),)
        (top / name).chmod(before[str(top / name)].mode)
        (top / name).unlink()
        assert manifest.compare(before, manifest.scan(top)) == Comparison((), (), (str(top / name),))
        (top / name).write_bytes(data)


def test_what_is_too_large_is_refused_with_a_remedy() -> None:
    with pytest.raises(Refused) as caught:
        proposal.parse(sent(entry("haproxy.cfg", size=9 << 20)))
    assert caught.value.hint == acceptable.SMALLER


def test_a_large_proposal_is_read_and_encoded_while_it_is_sent(tmp_path: Path) -> None:
    """That takes no more memory than one of its files and a little, and as often as it is sent."""
    for number in range(4):
        (tmp_path / f"f{number}").write_bytes(bytes([number]) * (4 << 20))
    entries = manifest.scan(tmp_path, named=Path(TOP))
    digests = {entry.digest for entry in entries.values()}
    made = replace(proposal.parse(sent()), entries=entries, contents=of_files(entries, tmp_path, TOP, digests))
    encoded = made.encode()
    for _ in range(2):
        tracemalloc.start()
        try:
            size = sum(map(len, wire.encode_request(wire.client_protocol(), "POST", "/v1/push", encoded)))
            assert tracemalloc.get_traced_memory()[1] < (4 << 20) * 1.3 + (1 << 20)
        finally:
            tracemalloc.stop()
        assert size > encoded.size == len(whole(made)) > (16 << 20) * 4 / 3
    sent_contents = json.loads(whole(made))["contents"]
    assert {key: native.bytes_digest(base64.b64decode(text)) for key, text in sent_contents.items()} == {
        digest: digest for digest in digests
    }


def test_a_file_that_changes_while_it_is_being_sent_is_no_part_of_a_push(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    entries = manifest.scan(tmp_path, named=Path(TOP))
    (digest,) = (entry.digest for entry in entries.values())
    made = replace(
        proposal.parse(sent()), entries=entries, contents=of_files(entries, tmp_path, TOP, {digest, "xxh3-128:0"})
    )
    assert list(made.contents) == [digest] and digest in made.contents and made.contents[digest] == b"one"
    (tmp_path / "a").write_bytes(b"two")
    with pytest.raises(Failure, match="a: it changed while it was being sent"):
        whole(made)


def test_what_is_too_much_to_be_pushed_names_where_the_most_is() -> None:
    haproxy = catalog.find("haproxy")
    assert haproxy
    sizes = {f"{TOP}/maps/{name}": size << 20 for name, size in (("a", 64), ("b", 5), ("c", 60))}
    found = {
        path: Entry(path, "file", 0o640, "root", "root", size, "xxh3-128:" + "0" * 32) for path, size in sizes.items()
    }
    with pytest.raises(Refused) as caught:
        acceptable.require_sendable(haproxy, found)
    assert str(caught.value) == (
        "service haproxy: 135266304 bytes; at most 134217728 are synced; the largest file is /etc/haproxy/maps/a, 67108864 bytes"
    )
    names = [f"{TOP}/{'many' if number else 'one'}/{number}" for number in range(24_001)]
    many = {name: Entry(name, "file", 0o640, "root", "root", 0, "xxh3-128:" + "0" * 32) for name in names}
    with pytest.raises(
        Refused, match=r"24001 files; at most 24000 are synced; the most are in /etc/haproxy/many, 24000$"
    ):
        acceptable.require_sendable(haproxy, many)


def test_what_an_older_peer_takes_is_as_little_as_it_ever_was() -> None:
    haproxy = catalog.find("haproxy")
    assert haproxy
    path = f"{TOP}/large.map"
    large = {path: Entry(path, "file", 0o640, "root", "root", (8 << 20) + 1, "xxh3-128:" + "0" * 32)}
    acceptable.require_sendable(haproxy, large)
    with pytest.raises(Refused, match="at most 8388608 are synced"):
        acceptable.require_sendable(haproxy, large, acceptable.OLDER)
