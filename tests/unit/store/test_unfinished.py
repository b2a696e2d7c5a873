"""A rollback that is ended in the middle: by a signal it is not, and where it is killed nobody saves what it left."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import directory_node
import pytest

from firmware.errors import Failure, Refused
from firmware.store import apply, restore, unfinished
from firmware.store.paths import Paths

#: puts the first generation back, and is sent a signal once it has begun
ROLL_BACK = """
import os, sys
from pathlib import Path
from firmware.store import apply, restore
from firmware.store.paths import Paths
number, plain = int(sys.argv[1]), apply._replace
def replace(*words):
    plain(*words)
    os.kill(os.getpid(), number)
apply._replace = replace
restore.roll_back(1, who="tester", paths=Paths(*map(Path, sys.argv[2:])))
"""


@pytest.fixture
def changed(node: Paths) -> Paths:
    """A node with two generations of which each has other maps."""
    for text in ("first", "second"):
        for number in range(3):
            directory_node.write(node.etc / f"haproxy/{number}.map", text)
        directory_node.save(node)
    return node


def roll_back(node: Paths, number: int) -> int:
    """How it ended."""
    argv = [sys.executable, "-c", ROLL_BACK, str(number), *map(str, (node.etc, node.factory, node.flash, node.run))]
    return subprocess.run(argv, cwd=Path(__file__).parents[3], stderr=subprocess.DEVNULL).returncode


def texts(node: Paths) -> list[str]:
    return [(node.etc / f"haproxy/{number}.map").read_text() for number in range(3)]


@pytest.mark.all(but=["SIGTERM"])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_signal_waits_until_it_is_whole(changed: Paths, name: str) -> None:
    """The control: it ends it then."""
    number = getattr(signal, name)
    assert roll_back(changed, number) == -number
    assert texts(changed) == ["first"] * 3
    unfinished.require_whole(changed)
    assert not [name for name in os.listdir(changed.etc) if name.startswith(".firmware-")]


def test_what_fails_before_anything_is_changed_leaves_nothing_unfinished(
    changed: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(apply.manifest, "scan", refuse)
    with pytest.raises(Failure):
        restore.roll_back(1, who="tester", paths=changed)
    monkeypatch.undo()
    unfinished.require_whole(changed)
    assert texts(changed) == ["second"] * 3


def test_what_a_killed_one_left_is_not_saved_and_the_next_one_puts_it_right(changed: Paths) -> None:
    assert roll_back(changed, signal.SIGKILL) == -signal.SIGKILL
    assert sorted(texts(changed)) == ["first", "second", "second"]
    with pytest.raises(Refused, match="half of one state and half of another: `config rollback 1` did not") as raised:
        unfinished.require_whole(changed)
    assert raised.value.hint == "config rollback 1, again; or config restore"
    assert [name for name in os.listdir(changed.etc) if name.startswith(".firmware-")]
    restore.roll_back(1, who="tester", paths=changed)
    assert texts(changed) == ["first"] * 3
    unfinished.require_whole(changed)
    assert not [name for name in os.listdir(changed.etc) if name.startswith(".firmware-")]
