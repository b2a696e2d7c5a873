"""Content, and what is applied: which changes matter, that copies are exact, that a kill leaves old or new, never a mixture."""

import os
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import Refused
from firmware.rc import document
from firmware.rc.block import Block
from firmware.services import applied, content, directories
from firmware.services.definition import Context, Service

SERVICE = Service("haproxy", "", owns="/etc/haproxy")
BARE = Service("ntp", "")


def block(text: str = "service haproxy\n\tconfig /etc/haproxy/a.cfg\n") -> Block:
    return document.parse(text).blocks[0]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    owned = tmp_path / "root/etc/haproxy"
    (owned / "errors").mkdir(parents=True)
    (owned / "a.cfg").write_text("global\n")
    (owned / "errors/400.http").write_bytes(b"\x00\xff\n")
    (owned / "key.pem").write_text("secret\n")
    (owned / "key.pem").chmod(0o600)
    (owned / "link").symlink_to("a.cfg")
    return tmp_path / "root"


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return tmp_path / "applied"


def context(text: str = "service haproxy\n\tconfig /etc/haproxy/a.cfg\n") -> Context:
    found = document.parse(text)
    return Context.of(SERVICE, found.blocks[0], found)


def needs(root: Path, top: Path, text: str = "service haproxy\n\tconfig /etc/haproxy/a.cfg\n") -> bool:
    return applied.needs_apply(SERVICE, context(text), top=top, root=root)


@pytest.mark.parametrize(
    "text",
    [
        "# before\nservice   haproxy # why\n\n\t\t config\t'/etc/haproxy/a.cfg'   # there\n",
        "section haproxy\r\n config /etc/haproxy/a.cfg\r\n",
    ],
)
def test_blanks_comments_and_spelling_do_not_matter(root: Path, text: str) -> None:
    assert content.read(SERVICE, block(text), root=root).digest == content.read(SERVICE, block(), root=root).digest


@pytest.mark.parametrize(
    "text",
    [
        "service haproxy\n\tconfig /etc/haproxy/b.cfg\n",
        "no service haproxy\n\tconfig /etc/haproxy/a.cfg\n",
        "service haproxy\n\tconfig /etc/haproxy/a.cfg\n\tno autostart\n",
        "service haproxy\n",
    ],
)
def test_another_directive_matters(root: Path, text: str) -> None:
    assert content.read(SERVICE, block(text), root=root).digest != content.read(SERVICE, block(), root=root).digest


def change_byte(owned: Path) -> None:
    """Same size, same time stamps: only the content tells."""
    status = (owned / "a.cfg").stat()
    (owned / "a.cfg").write_text("globaL\n")
    os.utime(owned / "a.cfg", ns=(status.st_atime_ns, status.st_mtime_ns))


CHANGES = {
    "a byte": change_byte,
    "white space": lambda owned: (owned / "a.cfg").write_text("global \n"),
    "a mode": lambda owned: (owned / "a.cfg").chmod(0o640),
    "an owner": lambda owned: os.chown(owned / "a.cfg", 12, -1),
    "a group": lambda owned: os.chown(owned / "a.cfg", -1, 12),
    "a new file": lambda owned: (owned / "new").touch(),
    "a removed file": lambda owned: (owned / "key.pem").unlink(),
    "a new directory": lambda owned: (owned / "maps").mkdir(),
    "a link's target": lambda owned: ((owned / "link").unlink(), (owned / "link").symlink_to("b.cfg")),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.root
def test_every_change_of_an_own_file_needs_apply_until_it_is_restored(root: Path, top: Path, change: str) -> None:
    assert needs(root, top)  # nothing is applied yet
    applied.mark_applied(SERVICE, context(), top=top, root=root)
    before = content.read(SERVICE, block(), root=root)
    assert not needs(root, top)
    assert applied.digest("haproxy", top=top) == before.digest
    CHANGES[change](root / "etc/haproxy")
    assert needs(root, top)
    applied.restore_files(SERVICE, "haproxy", top=top, root=root, staging=root / "etc/.staging")
    assert not needs(root, top)
    assert content.read(SERVICE, block(), root=root) == before
    assert os.listdir(root / "etc") == ["haproxy"]


def test_an_absent_directory_equals_an_empty_one(tmp_path: Path) -> None:
    absent = content.read(SERVICE, block(), root=tmp_path)
    (tmp_path / "etc/haproxy").mkdir(parents=True)
    assert content.read(SERVICE, block(), root=tmp_path).digest == absent.digest


def test_a_service_without_files_and_one_without_a_block(root: Path) -> None:
    assert content.read(BARE, None, root=root).entries == {}
    assert content.read(SERVICE, None, root=root).statements == ()
    assert content.read(SERVICE, None, root=root).digest != content.read(SERVICE, block(), root=root).digest


def test_applied_gives_block_entries_and_files(root: Path, top: Path) -> None:
    applied.mark_applied(SERVICE, context("service haproxy # why\n"), top=top, root=root)
    known = applied.block("haproxy", top=top)
    assert known is not None and known.text == "service haproxy # why\n"
    assert applied.entries(SERVICE, "haproxy", top=top) == content.read(SERVICE, None, root=root).entries
    assert (applied.files_directory("haproxy", top=top) / "key.pem").read_text() == "secret\n"
    assert stat.S_IMODE(top.stat().st_mode) == stat.S_IMODE((top / "haproxy").stat().st_mode) == 0o700
    applied.forget("haproxy", top=top)
    assert applied.digest("haproxy", top=top) == "" and applied.block("haproxy", top=top) is None


def test_a_snapshot_counts_only_once_it_is_kept(root: Path, top: Path) -> None:
    """An edit between the snapshot and the end of the reload is not taken for loaded."""
    applied.mark_applied(SERVICE, context(), top=top, root=root)
    first = applied.digest("haproxy", top=top)
    (root / "etc/haproxy/a.cfg").write_text("second\n")
    applied.take_snapshot(SERVICE, context(), top=top, root=root)
    assert applied.digest("haproxy", top=top) == first
    (root / "etc/haproxy/a.cfg").write_text("third\n")
    applied.promote_snapshot("haproxy", top=top)
    assert needs(root, top)
    assert (applied.files_directory("haproxy", top=top) / "a.cfg").read_text() == "second\n"
    assert sorted(os.listdir(top)) == ["haproxy"]


def test_restore_removes_a_directory_that_was_not_there(tmp_path: Path, top: Path) -> None:
    applied.mark_applied(SERVICE, context(), top=top, root=tmp_path)
    (tmp_path / "etc/haproxy").mkdir(parents=True)
    (tmp_path / "etc/haproxy/new").touch()
    applied.restore_files(SERVICE, "haproxy", top=top, root=tmp_path, staging=tmp_path / "etc/.staging")
    assert os.listdir(tmp_path / "etc") == []


def test_restore_without_anything_applied_is_refused(root: Path, top: Path) -> None:
    with pytest.raises(Refused, match="haproxy"):
        applied.restore_files(SERVICE, "haproxy", top=top, root=root)


@pytest.mark.root
def test_a_copy_is_exact(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir(mode=0o751)
    (source / "file").write_bytes(b"x" * (3 << 20))
    (source / "file").chmod(0o4640)
    os.chown(source / "file", 12, 34)
    (source / "file").chmod(0o4640)
    os.mkfifo(source / "fifo", 0o620)
    (source / "dead").symlink_to("/nowhere/at all")
    (source / os.fsdecode(b"caf\xe9 ")).mkdir(mode=0o300)
    os.utime(source / "file", ns=(1, 2))
    os.chown(source, 7, 8)
    directories.copy(source, tmp_path / "copy")
    for name in ("", "file", "fifo", "dead", os.fsdecode(b"caf\xe9 ")):
        one, other = (source / name).lstat(), (tmp_path / "copy" / name).lstat()
        assert (one.st_mode, one.st_uid, one.st_gid) == (other.st_mode, other.st_uid, other.st_gid), name
        assert one.st_mtime_ns == other.st_mtime_ns, name
    assert (tmp_path / "copy/file").read_bytes() == (source / "file").read_bytes()
    assert os.readlink(tmp_path / "copy/dead") == "/nowhere/at all"


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=20).filter(
    lambda name: name not in (".", "..")
)


@given(
    st.dictionaries(NAMES, st.binary(max_size=50), max_size=5),
    st.dictionaries(NAMES, st.binary(max_size=50), max_size=5),
)
def test_digests_are_equal_just_when_the_files_are(
    tmp_path_factory: pytest.TempPathFactory, one: dict[str, bytes], other: dict[str, bytes]
) -> None:
    digests = []
    for files in (one, other):
        root = tmp_path_factory.mktemp("root")
        (root / "etc/haproxy").mkdir(parents=True)
        for name, data in files.items():
            (root / "etc/haproxy" / name).write_bytes(data)
        digests.append(content.read(SERVICE, block(), root=root).digest)
    assert (digests[0] == digests[1]) == (one == other)


FLIP = """
import sys
from pathlib import Path
from firmware.rc import document
from firmware.services import applied
from firmware.services.definition import Context, Service
root, service = Path(sys.argv[1]), Service("haproxy", "", owns="/etc/haproxy")
config = document.parse("service haproxy\\n")
context = Context.of(service, config.blocks[0], config)
owned = root / "etc/haproxy"
print("ready", flush=True)
while True:
    for path in owned.iterdir():
        path.write_text("B" * 20000)
    applied.mark_applied(service, context, top=root / "applied", root=root)
    for path in owned.iterdir():
        path.write_text("C" * 20000)
    applied.restore_files(service, "haproxy", top=root / "applied", root=root, staging=root / "etc/.staging")
"""


def test_a_kill_at_any_moment_leaves_what_is_applied_whole(tmp_path: Path) -> None:
    owned = tmp_path / "etc/haproxy"
    owned.mkdir(parents=True)
    for number in range(30):
        (owned / str(number)).write_text("A" * 20000)
    applied.mark_applied(SERVICE, context("service haproxy\n"), top=tmp_path / "applied", root=tmp_path)
    package = Path(content.__file__).parents[2]
    for attempt in range(25):
        argv = [sys.executable, "-c", FLIP, str(tmp_path)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, env={"PYTHONPATH": str(package)}) as child:
            assert child.stdout is not None and child.stdout.readline() == b"ready\n"
            time.sleep(0.001 * attempt)
            child.send_signal(signal.SIGKILL)
        place = tmp_path / "applied/haproxy"
        found = content.owned_entries(SERVICE, place / "files")
        assert len(found) == 30
        assert content.digest(block("service haproxy\n"), found) == (place / "digest").read_text()
        assert len(list(owned.iterdir())) == 30


@pytest.mark.root
def test_another_owner_of_the_directory_itself_survives_restore(root: Path, top: Path) -> None:
    os.chown(root / "etc/haproxy", 12, 34)
    (root / "etc/haproxy").chmod(0o750)
    applied.mark_applied(SERVICE, context(), top=top, root=root)
    (root / "etc/haproxy/new").touch()
    applied.restore_files(SERVICE, "haproxy", top=top, root=root, staging=root / "etc/.staging")
    status = (root / "etc/haproxy").stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (12, 34, 0o750)


def test_services_do_not_share_a_digest_by_their_name_alone(root: Path) -> None:
    other = replace(SERVICE, owns="/etc/other")
    assert content.read(other, block(), root=root).digest != content.read(SERVICE, block(), root=root).digest
