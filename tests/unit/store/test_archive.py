"""The archive: stock tools read it, a wrong byte anywhere is noticed, and a hostile one is refused for its own reason."""

import hashlib
import io
import json
import os
import subprocess
import tarfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import manifest, native
from firmware.errors import Failure
from firmware.manifest import Entry
from firmware.store import archive
from firmware.store.archive import Archive, Draft, Label, tar
from firmware.store.archive.item import Item, row_text

LABEL = Label(7, "2026-01-31T23:59:59Z", "before the upgrade", "1.2.3", "root at ttyS0")
ODD = "trailing blank \n\udcff\t\u00e9"


def file(path: str, data: bytes, mode: int = 0o644, uid: int = 0, gid: int = 0, mtime: int = 1_700_000_000) -> Item:
    return Item(Entry(path, "file", mode, "root", "root", len(data), native.bytes_digest(data)), uid, gid, mtime, "")


def directory(path: str, mode: int = 0o755) -> Item:
    return Item(Entry(path, "dir", mode, "root", "root", 0, ""), 0, 0, 0, "")


def link(path: str, target: str) -> Item:
    raw = target.encode("utf-8", "surrogateescape")
    return Item(Entry(path, "link", 0o777, "root", "root", len(raw), native.bytes_digest(raw)), 0, 0, 0, target)


def drafted(items: list[Item], contents: dict[str, bytes], removed: tuple[str, ...] = ()) -> Draft:
    return Draft({item.path: item for item in items}, contents, removed)


LONG = "/etc/" + "/".join(["d" * 100] * 3)
CONTENTS = {
    "/etc/config.rc": b"service haproxy\n", "/etc/haproxy/cert.pem": bytes(range(256)) * 5, "/etc/empty": b"",
    f"/etc/{ODD}": b"odd\n", "/etc/" + "n" * 255: b"long name\n", f"{LONG}/file": b"deep\n", "/etc/block": b"x" * 512,
}  # fmt: skip
ITEMS = [
    *(file(path, data, 0o600 if "pem" in path else 0o644, 101, 2**32 - 2) for path, data in CONTENTS.items()),
    directory("/etc/haproxy", 0o2750), link("/etc/localtime", "/usr/share/zoneinfo/UTC"), link("/etc/far", "t" * 300),
    *(directory("/etc/" + "/".join(["d" * 100] * depth)) for depth in (1, 2, 3)),
]  # fmt: skip
DRAFT = drafted(ITEMS, CONTENTS, ("/etc/gone", f"/etc/gone/{ODD}"))
DATA = archive.build(LABEL, DRAFT)


def test_reads_back_as_it_was() -> None:
    found = archive.parse(DATA)
    assert found.label == LABEL
    assert dict(found.items) == DRAFT.items
    assert found.removed == DRAFT.removed
    assert {path: found.content(path) for path in found.offsets} == CONTENTS


def test_the_layout_never_changes() -> None:
    """Archives that older firmware wrote have to verify for ever: this digest may only change together with FORMAT."""
    assert hashlib.sha256(DATA).hexdigest() == "159072c3c0d4392cbcbf3018a99406b776bc2a2129da7e4e93f95782a8440e52"


def test_the_trailer_is_the_sha256_of_all_before_it() -> None:
    digest = hashlib.sha256(DATA[: -archive.TRAILER_SIZE]).hexdigest()
    assert archive.parse(DATA).digest == f"sha256:{digest}"
    with tarfile.open(fileobj=io.BytesIO(DATA)) as stock:
        names = stock.getnames()
        last = stock.extractfile(names[-1])
        assert (names[0], names[-1]) == ("manifest.json", "SHA256")
        assert last is not None
        assert last.read() == digest.encode() + b"\n"


@pytest.mark.parametrize("stock", [["tar", "--numeric-owner"], ["busybox", "tar"]], ids=["GNU", "busybox"])
@pytest.mark.root
def test_stock_tar_unpacks_it(tmp_path: Path, stock: list[str]) -> None:
    subprocess.run([*stock, "-xpf", "-", "-C", str(tmp_path)], input=DATA, check=True)
    found = manifest.scan(tmp_path / "etc", named=Path("/etc"))
    assert found.keys() == DRAFT.items.keys()
    for path, item in DRAFT.items.items():
        assert (found[path].kind, found[path].mode, found[path].size, found[path].digest) == (
            item.entry.kind, item.entry.mode, item.entry.size, item.entry.digest,
        )  # fmt: skip
        status = (tmp_path / path[1:]).lstat()
        assert (status.st_uid, status.st_gid) == (item.uid, item.gid) or stock[0] == "busybox"
        assert int(status.st_mtime) == item.mtime or item.entry.kind != "file"


@given(
    name=st.binary(min_size=1, max_size=300), target=st.binary(max_size=300), size=st.integers(0, 2**36),
    mode=st.integers(0, 0o7777), mtime=st.integers(0, 2**34), owners=st.tuples(*[st.integers(0, 2**32 - 1)] * 2),
    names=st.tuples(*[st.binary(max_size=64)] * 2),
)  # fmt: skip
def test_the_checksum_of_a_header_is_the_sum_of_its_bytes(
    name: bytes, target: bytes, size: int, mode: int, mtime: int, owners: tuple[int, int], names: tuple[bytes, bytes]
) -> None:
    block = tar.header(tar.Member(name, b"2", size, mode, mtime, owners, names, target))[-tar.BLOCK :]
    blanks = block[:148] + b" " * 8 + block[156:]
    assert block[148:156] == b"%06o\0 " % sum(blanks)


def test_python_lists_it() -> None:
    with tarfile.open(fileobj=io.BytesIO(DATA), encoding="utf-8", errors="surrogateescape") as stock:
        found = {f"/{member.name}": member for member in stock if member.name.startswith("etc/")}
    assert found.keys() == DRAFT.items.keys()
    for path, item in DRAFT.items.items():
        member = found[path]
        assert (member.uid, member.gid, member.mode, member.mtime) == (item.uid, item.gid, item.entry.mode, item.mtime)
        assert (member.linkname, member.isdir()) == (item.target, item.entry.kind == "dir")


names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60).filter(
    lambda name: name not in (".", "..")
)


@given(st.dictionaries(names, st.binary(max_size=2000)), st.sets(names), st.text(max_size=50))
def test_any_names_and_contents_read_back(files: dict[str, bytes], gone: set[str], message: str) -> None:
    contents = {f"/etc/{name}": data for name, data in files.items()}
    removed = tuple(sorted({f"/etc/{name}" for name in gone} - contents.keys()))
    data = archive.build(
        replace(LABEL, message=message), drafted([file(*one) for one in contents.items()], contents, removed)
    )
    found = archive.parse(data)
    assert ({path: found.content(path) for path in found.offsets}, found.removed) == (contents, removed)
    assert found.label.message == message


@settings(max_examples=500)
@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_a_wrong_byte_anywhere_is_noticed(at: int, flipped: int) -> None:
    damaged = bytearray(DATA)
    damaged[at] ^= flipped
    with pytest.raises(Failure):
        archive.parse(bytes(damaged))


def test_a_shorter_or_longer_one_is_noticed() -> None:
    for length in range(len(DATA)):
        with pytest.raises(Failure):
            archive.verify(DATA[:length])
    for more in (b"\0", bytes(512), bytes(2048), DATA):
        with pytest.raises(Failure):
            archive.verify(DATA + more)


def test_parts_of_two_archives_are_noticed() -> None:
    other = archive.build(replace(LABEL, message="before the disaster"), DRAFT)
    assert len(other) >= len(DATA)
    with pytest.raises(Failure, match="SHA-256"):
        archive.parse(other[: -archive.TRAILER_SIZE] + DATA[-archive.TRAILER_SIZE :])


def sealed(body: bytes) -> bytes:
    """Anything, with a SHA-256 that fits: what an attacker can always make."""
    return body + archive._trailer(hashlib.sha256(body).hexdigest())


def forged(
    rows: list[Any], contents: list[bytes], *, removed: Any = (), head: dict[str, Any] | None = None, after: bytes = b""
) -> bytes:
    """An archive of any rows, whose tar headers say the same as the rows do."""
    told = {"format": 1, **asdict(LABEL), "removed": removed, "entries": rows, **(head or {})}
    text = json.dumps(told).encode()
    body = tar.header(tar.Member(b"manifest.json", size=len(text), mode=0o600)) + tar.pad_to_block(text)
    for row, data in zip(rows, contents, strict=True):
        body += header(row) + tar.pad_to_block(data)
    return sealed(body + after)


def header(row: dict[str, Any]) -> bytes:
    names = [entry_field for entry_field in Entry.__dataclass_fields__]
    try:
        return archive._header(
            Item(Entry(*(row[name] for name in names)), row["uid"], row["gid"], row["mtime"], row["target"])
        )
    except (KeyError, TypeError, AttributeError, OverflowError):
        return bytes(512)


def row(item: Item, **other: Any) -> dict[str, Any]:
    return {**json.loads(row_text(item)), **other}


GOOD = file("/etc/config.rc", b"service x\n")
HOSTILE: dict[str, tuple[bytes, str]] = {
    "traversal": (forged([row(GOOD, path="/etc/../root/.profile")], [b"service x\n"]), "not a path below"),
    "traversal at the end": (forged([row(directory("/etc/a/.."))], [b""]), "not a path below"),
    "absolute": (forged([row(GOOD, path="/root/.profile")], [b"service x\n"]), "not a path below"),
    "relative": (forged([row(GOOD, path="etc/config.rc")], [b"service x\n"]), "not a path below"),
    "prefix only": (forged([row(GOOD, path="/etcetera/x")], [b"service x\n"]), "not a path below"),
    "/etc itself": (forged([row(directory("/etc"))], [b""]), "not a path below"),
    "double slash": (forged([row(GOOD, path="/etc//config.rc")], [b"service x\n"]), "not a path below"),
    "NUL": (forged([row(GOOD, path="/etc/config.rc\0x")], [b"service x\n"]), "not a path below"),
    "lone surrogate": (forged([row(link("/etc/x", "y"), path="/etc/x")], [b""], removed=["/etc/\ud800"]), "no file can have this name"),
    "name too long": (forged([row(GOOD, path="/etc/" + "n" * 256)], [b"service x\n"]), "too long"),
    "path too long": (forged([row(GOOD, path="/etc" + "/" + "n/" * 2000 + "n")], [b"service x\n"]), "too long"),
    "removed traversal": (forged([], [], removed=["/etc/../bin/sh"]), "not a path below"),
    "device": (forged([row(GOOD, kind="other")], [b"service x\n"]), "a other cannot be saved"),
    "hard link": (forged([row(GOOD, kind="hardlink")], [b"service x\n"]), "a hardlink cannot be saved"),
    "twice": (forged([row(GOOD), row(GOOD)], [b"service x\n"] * 2), "not in order"),
    "not sorted": (forged([row(directory("/etc/b")), row(directory("/etc/a"))], [b"", b""]), "not in order"),
    "removed twice": (forged([], [], removed=["/etc/a", "/etc/a"]), "not in order"),
    "below a link": (forged([row(link("/etc/a", "/")), row(file("/etc/a/x", b"!"))], [b"", b"!"]), "is below"),
    "far below a link": (forged([row(link("/etc/a", "/")), row(file("/etc/a/b/x", b"!"))], [b"", b"!"]), "is below"),
    "below a file": (forged([row(file("/etc/a", b"")), row(file("/etc/a/x", b"!"))], [b"", b"!"]), "is below"),
    "saved and removed": (forged([row(GOOD)], [b"service x\n"], removed=["/etc/config.rc"]), "is below"),
    "below a removed": (forged([row(file("/etc/a/x", b""))], [b""], removed=["/etc/a"]), "is below"),
    "other content": (forged([row(GOOD)], [b"service y\n"]), "another digest"),
    "other target": (forged([row(link("/etc/a", "b"), target="c")], [b""]), "another link"),
    "no target": (forged([row(link("/etc/a", "b"), target="")], [b""]), "target of a link"),
    "target of a file": (forged([row(GOOD, target="x")], [b"service x\n"]), "target of a link"),
    "NUL in a target": (forged([row(link("/etc/a", "b\0c"))], [b""]), "target of a link"),
    "target too long": (forged([row(link("/etc/a", "b" * 4096))], [b""]), "target of a link"),
    "mode": (forged([row(GOOD, mode=0o10644)], [b"service x\n"]), "out of range"),
    "negative mode": (forged([row(GOOD, mode=-1)], [b"service x\n"]), "out of range"),
    "uid -1": (forged([row(GOOD, uid=2**32 - 1)], [b"service x\n"]), "out of range"),
    "mtime": (forged([row(GOOD, mtime=2**33)], [b"service x\n"]), "out of range"),
    "owner": (forged([row(GOOD, owner="a:b")], [b"service x\n"]), "owner's name"),
    "size of a directory": (forged([row(directory("/etc/a"), size=1)], [b""]), "has no size"),
    "huge size": (forged([row(GOOD, size=2**40)], [b"service x\n"]), "size or digest"),
    "negative size": (forged([row(GOOD, size=-1)], [b"service x\n"]), "size or digest"),
    "size beyond the end": (forged([row(GOOD, size=2**20)], [b"service x\n"]), "another digest"),
    "other digest": (forged([row(GOOD, digest="md5:x")], [b"service x\n"]), "size or digest"),
    "true as a number": (forged([row(GOOD, uid=True)], [b"service x\n"]), "is not a int"),
    "text as a number": (forged([row(GOOD, uid="0")], [b"service x\n"]), "is not a int"),
    "missing column": (forged([{"path": "/etc/x"}], [b""]), "the columns"),
    "unknown column": (forged([row(GOOD, xattr="")], [b"service x\n"]), "the columns"),
    "a row that is none": (forged([7], [b""]), "malformed"),
    "more than the rows say": (forged([row(GOOD)], [b"service x\n"], after=tar.header(tar.Member(b"x"))), "after the last"),
    "fewer than the rows say": (sealed(DATA[: -archive.TRAILER_SIZE - 512]), "after the content"),
    "padding": (sealed(DATA[: -archive.TRAILER_SIZE - 1] + b"!"), "after the content"),
    "format": (forged([], [], head={"format": 4}), "format 4"),
    "no label": (forged([], [], head={"who": None}), "is not a str"),
    "too many rows": (forged([], [], removed=[""] * 32_769), "more than 32768"),
    "a manifest that is a list": (sealed(tar.header(tar.Member(b"manifest.json", size=2, mode=0o600)) + tar.pad_to_block(b"[]")), "malformed"),
    "deep JSON": (
        sealed(tar.header(tar.Member(b"manifest.json", size=10**5, mode=0o600)) + tar.pad_to_block(b"[" * 10**5)), "malformed",
    ),
    "a manifest without end": (sealed(tar.header(tar.Member(b"manifest.json", size=2**33 - 1, mode=0o600)) + bytes(512)), "bytes"),
    "a manifest of another name": (sealed(tar.header(tar.Member(b"Manifest.json", size=2, mode=0o600)) + bytes(512)), "header"),
    "negative manifest": (sealed(DATA[:124] + b"-0000000001" + DATA[135:-archive.TRAILER_SIZE]), "bytes"),
    "garbage": (sealed(os.urandom(2048)), "malformed"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "why"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_archive_is_refused_for_its_own_reason(data: bytes, why: str) -> None:
    archive.verify(data)
    with pytest.raises(Failure, match=why):
        archive.parse(data)


def test_the_forger_can_also_make_a_good_one() -> None:
    """Or else the test above would prove nothing."""
    found: Archive = archive.parse(
        forged([row(GOOD), row(link("/etc/x", "y"))], [b"service x\n", b""], removed=["/etc/z"])
    )
    assert found.content("/etc/config.rc") == b"service x\n"


@pytest.mark.parametrize("field", range(0, 345, 5))
def test_a_tar_header_that_says_something_else_is_refused(field: int) -> None:
    """Stock tar must never see anything in an archive but what we see."""
    body = bytearray(DATA[: -archive.TRAILER_SIZE])
    start = archive.parse(DATA).offsets["/etc/config.rc"] - tar.BLOCK
    body[start + field] ^= 1
    with pytest.raises(Failure, match=r"config\.rc"):
        archive.parse(sealed(bytes(body)))


def test_many_rows_have_a_format_that_older_firmware_passes_over() -> None:
    """It would call an archive damaged that has more rows than it knows; a newer one it leaves alone."""
    for count, expected in ((20_000, b'"format": 1,'), (20_001, b'"format": 3,')):
        removed = tuple(f"/etc/{number:06d}" for number in range(count))
        data = archive.build(LABEL, drafted([], {}, removed))
        assert expected in data[:1024]
        assert archive.parse(data).removed == removed


def test_too_much_is_refused_before_it_is_written() -> None:
    large = bytes(archive.LIMIT)
    with pytest.raises(Failure, match="at most"):
        archive.build(LABEL, drafted([file("/etc/large", large)], {"/etc/large": large}))
    with pytest.raises(Failure, match="at most"):
        archive.build(LABEL, drafted([], {}, tuple(f"/etc/{number:06d}" for number in range(archive.ROWS + 1))))
    with pytest.raises(Failure, match="larger than"):
        archive.parse(large + b"\0")
