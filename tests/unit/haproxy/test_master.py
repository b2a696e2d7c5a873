"""What haproxy's master says of its processes."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from firmware.haproxy import master

SHOWN = """\
#<PID>          <type>          <reloads>       <uptime>        <version>
{}              master          2 [failed: 0]   0d00h00m09s     2.6.12-1
# workers
101             worker          0               0d00h00m01s     2.6.12-1
# old workers
99              worker          1               0d00h00m05s     2.6.12-1
# programs
102             agent           0               0d00h00m01s     -
# old programs
98              agent           1               0d00h00m05s     -

"""


@pytest.fixture
def path(tmp_path: Path) -> Iterator[str]:
    """Where a master of our own pid answers once."""
    place = str(tmp_path / "master.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(place)
        listener.listen()
        thread = threading.Thread(target=_answer_once, args=(listener,))
        thread.start()
        yield place
        thread.join()


def _answer_once(listener: socket.socket) -> None:
    client, _ = listener.accept()
    with client, suppress(BrokenPipeError):
        client.recv(100)
        client.sendall(SHOWN.format(os.getpid()).encode())


def test_those_that_serve_and_those_on_their_way_out_are_told_apart(path: str) -> None:
    assert master.processes(path, os.getpid()) == ({101, 102}, {os.getpid(), 99, 98})


def test_nobody_but_the_master_is_believed(path: str) -> None:
    assert master.processes(path, os.getpid() + 1) is None
