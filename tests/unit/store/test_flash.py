"""Saving when flash or power fail: the order of the system calls, every one of them failing, and death at any moment.

The faults are real ones where a kernel can be made to produce them (a full file system, a device that gives up, kill -9);
strace makes single system calls fail that no device can be made to fail on demand.
"""

import errno
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import directory_node
import pytest

from firmware import files
from firmware.errors import Failure
from firmware.store import changes, flash, generations, repository
from firmware.store.paths import Paths

SAVER = """
import sys
from pathlib import Path
from firmware.commands.cli import complain
from firmware.store import generations
from firmware.store.paths import Paths
top = Path(sys.argv[1])
try:
    done = generations.save("", who="tester", paths=Paths(top / "etc", top / "factory", top / "flash", top / "run"))
except generations.Failure as error:
    sys.exit(complain("config save", error))
print("saved", done.generation.number, *done.notes, flush=True)
"""

#: what is done to the file that is being written and to its directory, in this order and no other
ORDER = [
    "open new", "write new", "fsync new", "dontneed new", "close new", "open new", "read new", "close new",
    "rename", "open directory", "fsync directory", "close directory",
]  # fmt: skip


@pytest.fixture
def node(tmp_path: Path) -> Paths:
    """A node with one generation, and something new to save as the second."""
    places = directory_node.make(tmp_path)
    directory_node.write(places.etc / "config.rc", "service haproxy\n# 1\n")
    generations.save("", who="tester", paths=places)
    directory_node.write(places.etc / "config.rc", "service haproxy\n# 2\n")
    return places


def save(node: Paths, *before: str, python: str = SAVER) -> "subprocess.CompletedProcess[str]":
    """Save in a process of its own."""
    argv = [*before, sys.executable, "-c", python, str(node.flash.parent)]
    return subprocess.run(argv, capture_output=True, text=True, cwd=directory_node.TOP, timeout=60)


def new_file(node: Paths) -> Path:
    return node.repository / ".000002.tar.new"


def traced(node: Paths, log: Path, *inject: str) -> list[str]:
    """strace for a save: it sees only the calls on the new file, its final name and the directory."""
    paths = [new_file(node), repository.path_of(node.repository, 2), node.repository]
    chosen = [word for path in paths for word in ("-P", str(path))]
    return ["strace", "-f", "-qq", "-y", "-o", str(log), *chosen, *inject]


def calls(node: Paths, log: Path) -> list[str]:
    """The traced calls as words, such as "fsync new"; repeated writes and reads are one."""
    found: list[str] = []
    for line in log.read_text().splitlines():
        match = re.match(r"\d+ +(\w+)\(", line)
        name = {"openat": "open", "fadvise64": "dontneed"}.get(match[1], match[1]) if match else ""
        what = "new" if str(new_file(node)) in line else "directory"
        word = "rename" if name.startswith("rename") else f"{name} {what}"
        if word in ORDER and (not found or found[-1] != word):
            found.append(word)
    return found


def test_the_order_of_the_system_calls(node: Paths, tmp_path: Path) -> None:
    log = tmp_path / "log"
    done = save(node, *traced(node, log))
    assert done.stdout == "saved 2\n"
    words = calls(node, log)
    start = words.index("open new")
    assert words[start : start + len(ORDER)] == ORDER
    assert "new" not in " ".join(words[start + len(ORDER) :])
    text = log.read_text()
    assert text.count("fadvise64(") == text.count("POSIX_FADV_DONTNEED) = 0") == 1
    assert "O_EXCL" in next(line for line in text.splitlines() if "O_CREAT" in line and ".new" in line)


def test_the_order_is_seen_from_outside(node: Paths, tmp_path: Path) -> None:
    """The test above would notice the classic mistakes: no fsync, no fsync of the directory, the rename first."""
    wrong = {
        "os.fsync = lambda handle: None": "fsync new",
        "files.sync_directory = lambda path: None": "fsync directory",
        "flash._is_there = lambda path, pieces: True": "read new",
    }
    for mutation, lost in wrong.items():
        log = tmp_path / "log"
        save(
            node,
            *traced(node, log),
            python=f"import os\nfrom firmware import files\nfrom firmware.store import flash\n{mutation}\n{SAVER}",
        )
        assert lost not in calls(node, log)
        for path in node.repository.glob("000002.tar"):
            path.unlink()
        node.saved_state.unlink(missing_ok=True)


FAULTS = [
    ("openat", "EIO", 1), ("openat", "ENOSPC", 1), ("openat", "EROFS", 1), ("write", "ENOSPC", 1), ("write", "EIO", 1),
    ("fsync", "EIO", 1), ("fsync", "ENOSPC", 1), ("read", "EIO", 1), ("rename", "EIO", 1), ("rename", "ENOSPC", 1),
]  # fmt: skip
WORDS = {"EIO": "Input/output error", "ENOSPC": "No space left on device", "EROFS": "Read-only file system"}


@pytest.mark.parametrize(("call", "error", "when"), FAULTS)
def test_every_call_on_the_new_file_may_fail(node: Paths, tmp_path: Path, call: str, error: str, when: int) -> None:
    log = tmp_path / "log"
    only_new = ["strace", "-f", "-qq", "-o", str(log), "-P", str(new_file(node))]
    done = save(node, *only_new, "-e", f"inject={call}:error={error}:when={when}")
    assert "INJECTED" in log.read_text()
    failed(node, done, WORDS[error])


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_the_fsync_of_the_directory_may_fail(node: Paths, tmp_path: Path, error: str) -> None:
    log = tmp_path / "log"
    done = save(
        node,
        "strace",
        "-f",
        "-qq",
        "-o",
        str(log),
        "-P",
        str(node.repository),
        "-e",
        f"inject=fsync:error={error}:when=1",
    )
    assert "INJECTED" in log.read_text()
    failed(node, done, WORDS[error])


def failed(node: Paths, done: "subprocess.CompletedProcess[str]", reason: str) -> None:
    """The save said so, naming path and reason; nothing is left of it; the good one is untouched; a later one works."""
    assert (done.returncode, done.stdout) == (1, "")
    assert re.match(rf"config save: {node.flash}[^ ]*: {reason}\n", done.stderr)
    assert sorted(path.name for path in node.repository.iterdir()) == ["000001.tar", "journal"]
    assert changes.unsaved_changes(paths=node).changed == ("/etc/config.rc",)
    kept = directory_node.entries(node)
    assert directory_node.reboot(node).lines[0].startswith("restored generation 1 ")
    assert directory_node.entries(node) != kept
    directory_node.write(node.etc / "config.rc", "service haproxy\n# 2\n")
    assert generations.save("", who="tester", paths=node).generation.number == 2


RESTORER = SAVER.replace('generations.save("", who="tester", ', "restore.restore(").replace(
    "import generations", "import generations, restore"
)


def test_a_generation_that_the_device_does_not_give_back(node: Paths, tmp_path: Path) -> None:
    generations.save("", who="tester", paths=node)
    newest = repository.path_of(node.repository, 2)
    fault = ["strace", "-f", "-qq", "-o", str(tmp_path / "log"), "-P", str(newest), "-e", "inject=read:error=EIO"]
    done = save(node, *fault, python=RESTORER.replace("print(", "print(*done.lines, sep='\\n') #"))
    assert done.stdout.splitlines()[0].startswith("restored generation 1 of 20")
    assert done.stdout.splitlines()[1] == "generation 2 is damaged: it cannot be read: Input/output error"
    assert (node.etc / "config.rc").read_text() == "service haproxy\n# 1\n"


def test_what_is_read_back_is_compared(node: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = flash._read_back
    monkeypatch.setattr(flash, "_read_back", lambda file, size: genuine(file, size)[:-1] + b"!")
    with pytest.raises(Failure, match="what was read back is not what was written"):
        generations.save("", who="tester", paths=node)
    assert sorted(path.name for path in node.repository.iterdir()) == ["000001.tar", "journal"]


def test_a_full_journal_does_not_make_a_save_fail(node: Paths, tmp_path: Path) -> None:
    journal = node.repository / "journal"
    done = save(
        node,
        "strace",
        "-f",
        "-qq",
        "-o",
        str(tmp_path / "log"),
        "-P",
        str(journal),
        "-e",
        "inject=fstat,newfstatat:error=ENOSPC",
    )
    assert done.returncode == 0
    assert done.stdout.startswith(f"saved 2 {journal}: No space left on device")
    directory_node.reboot(node)
    assert directory_node.entries(node)["/etc/config.rc"].size == len("service haproxy\n# 2\n")


def test_killed_at_every_system_call(node: Paths, tmp_path: Path) -> None:
    """kill -9 on the way into each call that touches the flash: afterwards there is the old state or the new one."""
    log, results = tmp_path / "log", list[str]()
    # Fresh bytecode must not change the number of calls.
    save(node)
    repository.path_of(node.repository, 2).unlink()
    directory_node.reboot(node)
    directory_node.write(node.etc / "config.rc", "service haproxy\n# 2\n")
    assert save(node, *traced(node, log)).returncode == 0
    # strace counts the calls of each name by themselves
    names = re.findall(r"^\d+ +(\w+)\(", log.read_text(), re.MULTILINE)
    for place, name in enumerate(names):
        for path in {*node.repository.glob("*2.tar*"), *node.repository.glob(".*")}:
            path.unlink()
        directory_node.reboot(node)
        directory_node.write(node.etc / "config.rc", "service haproxy\n# 2\n")
        when = names[: place + 1].count(name)
        done = save(node, *traced(node, log, "-e", f"inject={name}:signal=KILL:when={when}"))
        assert done.returncode == -signal.SIGKILL
        assert log.read_text().count(f" {name}(") == when
        now = directory_node.reboot(node)
        text = (node.etc / "config.rc").read_text()
        assert now.generation is not None
        assert text == f"service haproxy\n# {now.generation.number}\n"
        assert changes.unsaved_changes(paths=node).paths == ()
        assert now.generation.number == 2 or "saved" not in done.stdout
        results.append(f"{now.generation.number}")
        # and the next save works, and removes what was left
        directory_node.write(node.etc / "config.rc", "service haproxy\n# 3\n")
        generations.save("", who="tester", paths=node)
        assert list(node.repository.glob(".*")) == []
        repository.path_of(node.repository, now.generation.number + 1).unlink()
    # every call on the file that is being written leaves the old state, those after the rename the new one
    assert results.index("2") >= names.index("rename")
    assert results.count("1") > 8
    assert results.count("2") > 1
    assert results == sorted(results)


LOOP = """
import sys
from pathlib import Path
from firmware.store import generations
from firmware.store.paths import Paths
top = Path(sys.argv[1])
for number in range(1, 10**6):
    (top / "etc/counter").write_text(f"{number}\\n" * 2000)
    generations.save(str(number), who="tester", paths=Paths(top / "etc", top / "factory", top / "flash", top / "run"))
    print(number, flush=True)
"""


def test_killed_at_random_moments(tmp_path: Path) -> None:
    """A save that was acknowledged is never lost, whenever the next one dies."""
    chance = random.Random(7)
    node = directory_node.make(tmp_path)
    for _ in range(25):
        directory_node.reboot(node)
        process = subprocess.Popen(
            [sys.executable, "-c", LOOP, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=directory_node.TOP
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first == "1\n"
        time.sleep(chance.random() * 0.06)
        process.send_signal(signal.SIGKILL)
        acknowledged = int((first + process.stdout.read()).split()[-1])
        process.wait()
        process.stdout.close()
        done = directory_node.reboot(node)
        assert done.generation is not None
        text = (node.etc / "counter").read_text()
        found = int(text.split()[0])
        assert text == f"{found}\n" * 2000
        assert found in (acknowledged, acknowledged + 1)
        assert done.lines[1:] == ()
    assert len(repository.numbers(node.repository)) <= repository.MOST_KEPT + 1


def test_what_an_interrupted_save_left_is_ignored_and_removed(node: Paths) -> None:
    new_file(node).write_bytes(b"half")
    (node.repository / f"{files.TEMPORARY_PREFIX}abcdefgh").write_bytes(b"half")
    assert directory_node.reboot(node).lines[1:] == ()
    directory_node.write(node.etc / "config.rc", "service other\n")
    generations.save("", who="tester", paths=node)
    assert sorted(path.name for path in node.repository.iterdir()) == ["000001.tar", "000002.tar", "journal"]


def test_what_the_kernel_takes_in_pieces_is_written_whole(node: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: genuine(handle, bytes(data)[:700]))
    generations.save("", who="tester", paths=node)
    monkeypatch.undo()
    assert directory_node.reboot(node).lines[0].startswith("restored generation 2 ")


def test_two_saves_at_once_wait_for_each_other(node: Paths) -> None:
    with repository.open_directory(write=True, paths=node):
        process = subprocess.Popen(
            [sys.executable, "-c", SAVER, str(node.flash.parent)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=directory_node.TOP,
        )
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
    assert process.communicate(timeout=30)[0] == "saved 2\n"


# ---- real file systems, in a mount namespace of their own

INSIDE = """
import os, subprocess, sys
sys.path[:0] = [sys.argv[2] + "/tests/support", sys.argv[2]]
from pathlib import Path
import directory_node
from firmware.errors import Failure
from firmware.store import changes, flash, generations, repository, restore
from firmware.store.paths import Paths
top = Path(sys.argv[1])
node = Paths(top / "etc", top / "factory", top / "flash", top / "run")
def sh(line): subprocess.run(line, shell=True, check=True, cwd=top)
def save(text, extra=b""):
    directory_node.write(node.etc / "config.rc", f"service haproxy\\n# {text}\\n")
    directory_node.write(node.etc / "extra", extra)
    return generations.save(text, who="tester", paths=node).generation.number
def refused(text, extra=b""):
    try:
        save(text, extra)
    except Failure as error:
        return str(error)
    raise AssertionError("it was saved")
def restored():
    return directory_node.reboot(node).lines, (node.etc / "config.rc").read_text()
"""


def inside(top: Path, script: str) -> str:
    """Run a script that may mount things on the node's /flash."""
    directory_node.make(top)
    argv = [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        sys.executable,
        "-c",
        INSIDE + script,
        str(top),
        str(directory_node.TOP),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.root
def test_a_full_file_system_is_noticed_before_anything_is_written(tmp_path: Path) -> None:
    inside(tmp_path, """
sh("mount -t tmpfs -o size=2m none flash")
assert save("1") == 1
before = sorted(path.name for path in node.repository.iterdir())
said = refused("2", os.urandom(3 << 20))
assert "no room" in said and str(node.repository) in said, said
assert sorted(path.name for path in node.repository.iterdir()) == before
lines, text = restored()
assert text.endswith("# 1\\n"), text
""")  # fmt: skip


@pytest.mark.root
def test_the_oldest_generations_make_room_but_never_the_last_two_good_ones(tmp_path: Path) -> None:
    inside(tmp_path, """
sh("mount -t tmpfs -o size=2m none flash")
for number in range(1, 12):
    assert save(str(number), os.urandom(400 << 10)) == number
    assert len(repository.numbers(node.repository)) <= 4
    found = repository.numbers(node.repository)
    assert found == list(range(number, number - len(found), -1)) and len(found) >= min(number, 2), found
repository.path_of(node.repository, 11).write_bytes(b"damaged")
before = repository.numbers(node.repository)
said = refused("12", os.urandom(1400 << 10))
assert "no room" in said, said
assert repository.numbers(node.repository) == before, "it could not fit, and history was deleted for it"
lines, text = restored()
assert text.endswith("# 10\\n"), text
assert save("13", os.urandom(900 << 10)) == 12
assert repository.numbers(node.repository) == [12, 11, 10], repository.numbers(node.repository)
lines, text = restored()
assert text.endswith("# 13\\n"), text
""")  # fmt: skip


@pytest.mark.root
def test_the_oldest_generations_make_room_where_inodes_are_scarce(tmp_path: Path) -> None:
    inside(
        tmp_path,
        """
sh("mount -t tmpfs -o size=2m,nr_inodes=6 none flash")
for number in range(1, 7):
    assert save(str(number)) == number
assert repository.numbers(node.repository) == [6, 5, 4], repository.numbers(node.repository)
repository.path_of(node.repository, 4).unlink()
(node.flash / "one").touch()
said = refused("7")
assert "no room" in said, said
assert restored()[1].endswith("# 6\\n")
""",
    )


@pytest.mark.root
def test_a_device_that_lies_about_its_room(tmp_path: Path) -> None:
    """The file system believes that there is room, and learns from the device that there is none when it syncs."""
    inside(tmp_path, """
sh("mkdir thin && mount -t tmpfs -o size=2m none thin && truncate -s 64m thin/image && mkfs.ext4 -q -O ^has_journal thin/image")
sh("mount -o loop thin/image flash")
try:
    assert save("1") == 1
    said = refused("2", os.urandom(6 << 20))
    assert said.startswith(str(node.repository)), said
    assert "No space left" in said or "Input/output" in said, said
    sh("echo 3 >/proc/sys/vm/drop_caches")
    lines, text = restored()
    assert text.endswith("# 1\\n"), (lines, text)
finally:
    sh("umount flash")
""")  # fmt: skip


@pytest.mark.root
def test_a_flash_in_fstab_is_mounted_only_while_needed(tmp_path: Path) -> None:
    said = inside(tmp_path, """
sh("truncate -s 16m image && mkfs.ext4 -q image")
line = f"{top}/image {node.flash} ext4 loop,noauto,noatime 0 0\\n"
directory_node.write(top / "fstab", line); directory_node.write(node.factory / "fstab", line); directory_node.write(node.etc / "fstab", line)
sh("mount --bind fstab /etc/fstab")
options = []
genuine = flash._is_there
def looking(path, pieces):
    options.append(next(l.split()[3] for l in Path("/proc/mounts").read_text().splitlines() if l.split()[1] == str(node.flash)))
    return genuine(path, pieces)
flash._is_there = looking
mounted = lambda: os.path.ismount(node.flash)
assert save("1") == 1 and not mounted()
assert options[0].split(",")[0] == "rw", options
assert not node.repository.exists()
assert len([one.json() for one in generations.history(paths=node)]) == 1 and not mounted()
with repository.open_directory(write=False, paths=node) as directory:
    try:
        (directory / "x").touch()
        raise AssertionError("it is writable")
    except OSError:
        pass
assert not mounted()
lines, text = restored()
assert text.endswith("# 1\\n") and not mounted(), lines
# mounted read-only by somebody: writable for a save only, and it stays mounted
sh(f"mount {node.flash} && mount -o remount,ro {node.flash}")
assert save("2") == 2 and mounted()
assert [one.split(",")[0] for one in options] == ["rw", "rw"], options
assert flash.os.statvfs(node.flash).f_flag & os.ST_RDONLY
# somebody has a file open in there: the save works all the same, and the flash does not stay writable
sh("umount flash")
with repository.open_directory(write=True, paths=node) as directory:
    held = open(directory / "000002.tar")
assert mounted() and flash.os.statvfs(node.flash).f_flag & os.ST_RDONLY
held.close()
sh("umount flash")
print("done")
""")  # fmt: skip
    assert said == "done\n"


@pytest.mark.root
def test_a_damaged_generation_is_noticed_where_nothing_has_to_be_mounted_for_it(tmp_path: Path) -> None:
    said = inside(tmp_path, """
sh("truncate -s 16m image && mkfs.ext4 -q image")
line = f"{top}/image {node.flash} ext4 loop,noauto,noatime 0 0\\n"
for directory in (top, node.factory, node.etc): directory_node.write(directory / "fstab", line)
sh("mount --bind fstab /etc/fstab")
save("1"); save("2")
sh(f"mount {node.flash} && printf x >>flash/config/000002.tar && umount flash")
genuine, ran = flash.run, []
flash.run = lambda argv, **words: (ran.append(argv), genuine(argv, **words))[1]
before = node.saved_state.read_bytes()
assert changes.unsaved_changes(paths=node).paths == () and ran == [] and node.saved_state.read_bytes() == before
sh(f"mount {node.flash}")
assert changes.unsaved_changes(paths=node).changed == ("/etc/config.rc",) and ran == []
# the same file, whenever it is mounted, is the same
sh("umount flash && rm flash -r && mkdir flash")
save("3")
before = node.saved_state.read_bytes()
sh(f"mount {node.flash}")
assert changes.unsaved_changes(paths=node).paths == () and node.saved_state.read_bytes() == before
sh("umount flash")
print("done")
""")  # fmt: skip
    assert said == "done\n"


def test_errors_of_the_system_name_path_and_reason() -> None:
    with (
        pytest.raises(Failure, match=r"^/flash/config/x: No space left on device$") as error,
        flash.convert_os_errors(Path("/flash")),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/flash/config/x")
    assert error.value.hint
    with (
        pytest.raises(Failure, match=r"^/flash: Input/output error$") as error,
        flash.convert_os_errors(Path("/flash")),
    ):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    assert "the flash may be failing" in error.value.hint


@pytest.fixture(autouse=True)
def nothing_stays_mounted(tmp_path: Path) -> Iterator[None]:
    yield
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
