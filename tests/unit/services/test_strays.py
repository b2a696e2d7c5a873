"""Which processes of an account belong to its daemon, and that the others are ended."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from firmware.services import strays
from firmware.services.strays import Family

#: each process with its parent: a master with two workers, what these started, and what lost its parent
PARENTS = {10: 1, 11: 10, 12: 10, 20: 11, 21: 20, 30: 12, 40: 1, 41: 40, 50: 10}


def test_what_neither_the_daemon_nor_its_present_worker_started_is_a_stray() -> None:
    assert set(strays.strays(PARENTS, Family(trees={11}, alone={10, 12}))) == {30, 40, 41, 50}


def test_without_a_worker_only_the_daemon_stays() -> None:
    assert set(strays.strays(PARENTS, Family(trees=(), alone={10}))) == set(PARENTS) - {10}


@pytest.fixture
def account_processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Three processes of an account that nobody else has; the first has started a fourth, which ends with it."""
    begun = [
        subprocess.Popen(["sh", "-c", command], user=47113, group=47113, start_new_session=True)
        for command in ("sleep 600 & echo; wait", "exec sleep 600", "exec sleep 600")
    ]
    yield begun
    for one in begun:
        one.kill()
        one.wait()


@pytest.mark.root
def test_strays_are_ended_and_the_family_is_not(account_processes: list[subprocess.Popen[bytes]]) -> None:
    tree, alone, stray = account_processes
    assert strays.end_strays(47113, Family(trees={tree.pid}, alone={alone.pid})) == 1
    assert stray.wait(5) == -9
    assert (tree.poll(), alone.poll()) == (None, None)
    assert strays.end_strays(47113, Family(trees=(), alone={os.getpid()})) >= 2
    # A shell whose child was ended first ends by itself.
    assert (tree.wait(5) in (0, -9), alone.wait(5)) == (True, -9)
