"""The peer sshd: which sessions are ended."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from firmware import processes
from firmware.sync import peer_sshd
from firmware.sync.peer_sshd import MAX_SESSIONS, SessionLimit


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Seven processes of ours, which stand for sessions."""
    monkeypatch.setattr(peer_sshd, "ACCOUNT", processes.psutil.Process().username())
    running = [subprocess.Popen(["sleep", "600"]) for _ in range(7)]
    yield running
    for one in running:
        one.kill()
        one.wait()


def still_there(sessions: list[subprocess.Popen[bytes]]) -> list[int]:
    return [number for number, one in enumerate(sessions) if processes.identity(one.pid)]


def test_of_each_peer_the_oldest_sessions_are_ended(sessions: list[subprocess.Popen[bytes]]) -> None:
    limit = SessionLimit(os.getpid())
    limit.note_connection(sessions[0].pid, "node-2")
    for one in sessions[1:]:
        limit.note_connection(one.pid, "node-3")
    limit.enforce()
    for one in sessions[1:3]:
        one.wait(5)
    assert still_there(sessions) == [0, *range(7 - MAX_SESSIONS, 7)]


def test_sessions_that_never_spoke_push_out_only_each_other(sessions: list[subprocess.Popen[bytes]]) -> None:
    limit = SessionLimit(os.getpid())
    limit.note_connection(sessions[0].pid, "node-2")
    limit.enforce()
    for one in sessions[1:3]:
        one.wait(5)
    assert still_there(sessions) == [0, *range(7 - MAX_SESSIONS, 7)]
    limit.enforce()
    assert len(still_there(sessions)) == 1 + MAX_SESSIONS
