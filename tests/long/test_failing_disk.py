"""Saving on a disk that gives up: each read, write or flush fails, on a real ext4. It is said in words, what was saved last is
still there, and the next save works when the disk does."""

import subprocess
import sys
from pathlib import Path

import directory_node
import pytest

SCRIPT = r"""
import sys
from pathlib import Path
top, kind, works = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
sys.path[:0] = [str(works / "tests/support"), str(works / "tests/long"), str(works)]
import directory_node, failing_disk, logged_disk, subject
from firmware.errors import Failure
from firmware.store import generations, repository
logged_disk.hide_mounts()
node = directory_node.make(top)
subject.from_layout("flash").make(top / "image")

def save(text):
    directory_node.write(node.etc / "config.rc", f"service haproxy\n# {text}\n")
    return generations.save(text, who="tester", paths=node).generation.number

def mounted(write=True):
    return logged_disk.mounted(disk.device, node.flash, write=write)

def restored():
    with mounted(write=False):
        problems = directory_node.reboot(node).problems
    return (node.etc / "config.rc").read_text().split()[-1], problems

with failing_disk.attached(top / "image", top) as disk:
    with mounted():
        assert (save("1"), save("2")) == (1, 2)
    # What is mounted already: it is the save that meets the disk, not the mount.
    with mounted(), disk.failing(kind):
        try:
            save("3")
        except Failure as error:
            assert "Input/output error" in str(error) or "Read-only" in str(error), error
            assert str(node.repository) in str(error) and "may be failing" in error.hint, (error, error.hint)
        else:
            raise AssertionError("it was saved")
    assert restored() == ("2", ()), restored()
    with mounted():
        number = save("4")
        names = [path.name for path in node.repository.iterdir()]
        assert names and not [name for name in names if name.startswith(".")], names
    assert restored() == ("4", ()), restored()
    with mounted(write=False):
        assert repository.summarize(node.repository, number).is_verified
"""


@pytest.mark.root
@pytest.mark.parametrize("kind", ["read", "write", "flush"])
def test_a_disk_that_fails_keeps_the_last_save_and_takes_the_next(tmp_path: Path, kind: str) -> None:
    argv = [sys.executable, "-c", SCRIPT, str(tmp_path), kind, str(directory_node.TOP)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
