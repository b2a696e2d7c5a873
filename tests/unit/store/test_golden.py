"""What released firmware wrote is read for ever: archives byte for byte, state files, journals, a whole flash.

The files below golden/ were written by firmware that is in the field. They are never made anew: a test that fails here says
that a node would lose what it has saved.
"""

import hashlib
import shutil
from pathlib import Path

import pytest

from firmware import native
from firmware.manifest import Entry
from firmware.store import archive, generations, repository, saved_state
from firmware.store.archive import Draft, Label
from firmware.store.archive.item import Item
from firmware.store.paths import Paths

GOLDEN = Path(__file__).parent / "golden"
LABEL = Label(7, "2026-01-31T23:59:59Z", 'before the "upgrade"\n\u00e9\udcff', "1.2.3", "root at ttyS0")
LONG = "/etc/" + "/".join(["d" * 100] * 3)
CONTENTS = {
    "/etc/config.rc": b"service haproxy\n", "/etc/haproxy/cert.pem": bytes(range(256)) * 3, "/etc/empty": b"",
    "/etc/trailing blank \n\udcff\t\u00e9": b"odd\n", "/etc/" + "n" * 255: b"long name\n", "/etc/" + "h" * 95: b"hundred\n",
    f"{LONG}/file": b"deep\n", "/etc/block": b"x" * 512, "/etc/-rf": b"", '/etc/"\\': b"quotes\n", "/etc/a ": b"blank\n",
    "/etc/\u00fc\U0001f600": b"beyond ASCII\n",
}  # fmt: skip


def file(path: str, owner: str, group: str, uid: int, gid: int, mode: int, mtime: int) -> Item:
    data = CONTENTS[path]
    return Item(Entry(path, "file", mode, owner, group, len(data), native.bytes_digest(data)), uid, gid, mtime, "")


def directory(path: str, mode: int) -> Item:
    return Item(Entry(path, "dir", mode, "haproxy", "4294967294", 0, ""), 101, 2**32 - 2, 0, "")


def link(path: str, target: str) -> Item:
    raw = target.encode("utf-8", "surrogateescape")
    return Item(Entry(path, "link", 0o777, "root", "root", len(raw), native.bytes_digest(raw)), 0, 0, 0, target)


OWNERS = [("root", "root", 0, 0), ("haproxy", "haproxy", 101, 101), ("o" * 64, "g" * 40, 2**21, 2**32 - 2)]
MODES, TIMES = [0o644, 0o600, 0o4755, 0o000], [1_700_000_000, 0, 2**33 - 1]
ITEMS = [
    *(
        file(path, *OWNERS[at % len(OWNERS)], MODES[at % len(MODES)], TIMES[at % len(TIMES)])
        for at, path in enumerate(CONTENTS)
    ),
    directory("/etc/haproxy", 0o2750), *(directory("/etc/" + "/".join(["d" * 100] * depth), 0o755) for depth in (1, 2, 3)),
    directory("/etc/no files", 0o1777), link("/etc/localtime", "/usr/share/zoneinfo/UTC"), link("/etc/far", "t" * 300),
    link("/etc/odd link\udcfe", "../\udcff \n"), link("/etc/itself", "itself"),
]  # fmt: skip
REMOVED = ("/etc/gone", "/etc/gone/trailing blank \n\udcff", "/etc/hosts")
DRAFTS = {
    "odd.tar": Draft({item.path: item for item in ITEMS}, CONTENTS, REMOVED),
    "factory.tar": Draft({}, {}, ()),
    "removed.tar": Draft({}, {}, REMOVED),
}


@pytest.mark.parametrize("name", DRAFTS)
def test_an_archive_has_the_bytes_it_always_had(name: str) -> None:
    assert archive.build(LABEL, DRAFTS[name]) == (GOLDEN / name).read_bytes()


@pytest.mark.parametrize("name", DRAFTS)
def test_an_archive_of_released_firmware_reads_back(name: str) -> None:
    data, draft = (GOLDEN / name).read_bytes(), DRAFTS[name]
    found = archive.parse(data)
    assert (found.label, dict(found.items), found.removed) == (LABEL, draft.items, draft.removed)
    assert {path: found.content(path) for path in found.offsets} == draft.contents
    assert found.digest == "sha256:" + hashlib.sha256(data[: -archive.TRAILER_SIZE]).hexdigest()


@pytest.fixture
def node(tmp_path: Path) -> Paths:
    """With the flash, the state file and the factory of a node of released firmware; none of it can be written."""
    for name in ("flash", "factory"):
        shutil.copytree(GOLDEN / name, tmp_path / name)
    return Paths(tmp_path / "etc", tmp_path / "factory", tmp_path / "flash", tmp_path / "run")


def test_the_generations_of_released_firmware_are_there(node: Paths) -> None:
    found = [one.json() for one in generations.history(paths=node)]
    assert [(one["generation"], one["message"], one["current"], one["verified"]) for one in found] == [
        (2, "the second", True, True), (1, "", False, True),
    ]  # fmt: skip
    assert generations.load(2, paths=node).content("/etc/config.rc") == b"service haproxy\n# two\n"


def test_the_state_file_of_released_firmware_is_read(node: Paths) -> None:
    node.saved_state.parent.mkdir(parents=True)
    shutil.copy(GOLDEN / "state.json", node.saved_state)
    shutil.rmtree(node.flash)  # so that nothing can be looked up there instead
    found = saved_state.load(node)
    assert found.generation is not None
    assert (found.generation.number, found.generation.message, found.generation.digest) == (
        2, "the second", generations_digest(),
    )  # fmt: skip
    assert found.config == "service haproxy\n# two\n"
    assert [path for path in found.entries if "odd" in path] == ["/etc/odd \udcff\n"]


def generations_digest() -> str:
    return archive.parse(repository.path_of(GOLDEN / "flash/config", 2).read_bytes()).digest
