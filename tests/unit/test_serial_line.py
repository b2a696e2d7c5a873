"""A line that cannot be opened says why, and what to do; nobody shares one."""

import os
import socket
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.errors import Failure, Lost, Refused
from firmware.serial_line import Line


@pytest.fixture
def terminal() -> Iterator[tuple[str, int]]:
    outer, inner = os.openpty()
    tty.setraw(inner)
    yield os.ttyname(inner), outer
    os.close(outer)
    os.close(inner)


def test_bytes_go_both_ways(terminal: tuple[str, int]) -> None:
    name, outer = terminal
    with Line(name) as line:
        line.write(b"\x02Q\n")
        assert os.read(outer, 100) == b"\x02Q\n"
        assert line.read(0) == b""
        os.write(outer, b"\x02A\n")
        assert line.read(5) == b"\x02A\n"


def test_a_line_that_another_program_has_is_refused(terminal: tuple[str, int]) -> None:
    name, _ = terminal
    with Line(name), pytest.raises(Refused, match="another program has this line") as caught:
        Line(name)
    assert caught.value.hint == f"fuser {name} names it"
    Line(name).close()


def test_what_is_no_line_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    free = socket.create_server(("127.0.0.1", 0))
    address = f"socket://127.0.0.1:{free.getsockname()[1]}"
    free.close()
    for name, why, hint in (
        ("/dev/null", "it is no serial line", "ls -l /dev/serial/by-id"), (str(tmp_path / "file"), "it is no serial line", "ls -l"),
        (str(tmp_path / "no"), "it cannot be opened: No such file or directory", f"ls -l {tmp_path} "),
        (f"unix://{tmp_path}/no", "it cannot be opened: No such file or directory", f"ls -l {tmp_path} "),
        (address, "it cannot be opened: Connection refused", ""),
    ):  # fmt: skip
        with pytest.raises(Failure) as caught:
            Line(name)
        assert str(caught.value) == f"{name}: {why}" and caught.value.hint.startswith(hint)


def test_a_socket_that_is_closed_is_lost(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "line"))
        server.listen()
        with Line(f"unix://{tmp_path}/line") as line:
            other, _ = server.accept()
            other.sendall(b"x")
            assert line.read(5) == b"x"
            other.close()
            with pytest.raises(Lost, match="closed at the other end"):
                line.read(5)
