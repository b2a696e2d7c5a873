"""haproxy's statistics are read whatever it answers, and no name of a server becomes a command."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.errors import Failure, Usage
from firmware.haproxy import runtime

HEAD = "# pxname,svname,qcur,scur,status,weight,type,addr,\n"


class Worker:
    """Listens as haproxy's master does; keeps what it was asked, and answers what a test wants."""

    def __init__(self, path: Path) -> None:
        self.path, self.answer, self.asked = str(path), b"\n", [b""]
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self.asked.append(connection.makefile("rb").read())
                try:
                    connection.sendall(self.answer)
                except OSError:
                    continue

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    """One that does what it is told."""
    found = Worker(tmp_path / "socket")
    yield found
    found.close()


def test_rows_have_their_columns(worker: Worker) -> None:
    worker.answer = f'{HEAD}app,one,0,3,"no, check",10,2,127.0.0.1:80,\n\n'.encode()
    (row,) = runtime.read_statistics(worker.path, os.getpid())
    assert (row["pxname"], row["svname"], row["scur"], row["status"], row["addr"]) == (
        "app", "one", "3", "no, check", "127.0.0.1:80",
    )  # fmt: skip
    assert worker.asked[-1] == b"@1 show stat\n"


@pytest.mark.parametrize("answer", ["", "\n", "Unknown command\n", "<script>\n", "# pxname\n", "\x1b[2J"])
def test_another_answer_is_an_error_in_which_nothing_is_obeyed(worker: Worker, answer: str) -> None:
    worker.answer = answer.encode()
    with pytest.raises(Failure, match="answers something else") as failed:
        runtime.read_statistics(worker.path, os.getpid())
    assert str(failed.value).isprintable()


def test_what_a_worker_answers_is_bounded_and_printable(worker: Worker) -> None:
    worker.answer = (HEAD + f"app,{'x' * 5000}\x1b[2J,0\n" + '"unclosed,0\n' + ",,,,,,,,,,,,,,,,,,\n").encode()
    rows = runtime.read_statistics(worker.path, os.getpid())
    assert all(value.isprintable() and len(value) < 300 for row in rows for value in row.values())
    worker.answer = HEAD.encode() + b"x,y\n" * 3_000_000
    with pytest.raises(Failure, match="no worker answers"):
        runtime.read_statistics(worker.path, os.getpid())


def test_another_process_at_the_socket_is_not_believed(worker: Worker) -> None:
    with pytest.raises(Failure, match="no worker answers"):
        runtime.set_state(worker.path, os.getpid() + 1, "app", "one", "drain")
    assert worker.asked == [b""] or worker.asked[-1] == b""


def test_a_server_is_told_what_is_wanted(worker: Worker) -> None:
    runtime.set_state(worker.path, os.getpid(), "app", "one", "maint")
    assert worker.asked[-1] == b"@1 set server app/one state maint\n"
    runtime.set_weight(worker.path, os.getpid(), "app", "one", 256)
    assert worker.asked[-1] == b"@1 set server app/one weight 256\n"
    worker.answer = b"No such server.\n"
    with pytest.raises(Failure, match=r"haproxy: No such server\."):
        runtime.set_state(worker.path, os.getpid(), "app", "one", "ready")


@pytest.mark.parametrize(
    "name", ["a;shutdown sessions", "a\nshow info", "a b", "", "a/b", "a\\ b", "<<x", "é", "a\x00", "x" * 256, "@2"]
)
def test_a_name_is_no_command(worker: Worker, name: str) -> None:
    for backend, server in ((name, "one"), ("app", name)):
        with pytest.raises(Usage):
            runtime.set_state(worker.path, os.getpid(), backend, server, "drain")
        with pytest.raises(Usage):
            runtime.set_weight(worker.path, os.getpid(), backend, server, 1)
    assert worker.asked == [b""]


def test_states_and_weights_are_those_that_there_are(worker: Worker) -> None:
    for state in ("", "off", "ready\nshutdown", "drain;"):
        with pytest.raises(Usage):
            runtime.set_state(worker.path, os.getpid(), "app", "one", state)
    for weight in (-1, 257):
        with pytest.raises(Usage):
            runtime.set_weight(worker.path, os.getpid(), "app", "one", weight)
    assert worker.asked == [b""]
