"""The ports at which peers come in: whether they are taken, and by whom, sockets say."""

import os
import socket
from pathlib import Path

import pytest

from firmware import processes
from firmware.errors import Invalid
from firmware.sync import peer_ports, settings
from firmware.sync.settings import Settings

PAIR = Settings("127.0.0.1", "127.0.0.2", 1, 2)


@pytest.fixture
def holder(monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """A socket of ours that listens at a port of some other program's choice; 30022 is another one that is free."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        monkeypatch.setattr(peer_ports, "DEFAULT_PORT", free.getsockname()[1])
    return socket.create_server(("127.0.0.1", 0))


def with_port(holder: socket.socket) -> Settings:
    return Settings("127.0.0.1", "127.0.0.2", 1, 2, holder.getsockname()[1])


def test_a_taken_port_is_said_with_who_has_it(holder: socket.socket) -> None:
    pair = with_port(holder)
    who = f"{processes.name(os.getpid())} (pid {os.getpid()})"
    assert peer_ports.taken_ports(pair) == {pair.port: who}
    assert peer_ports.describe_trouble(pair, [pair.port]) == (
        f"no peer can come in at port {pair.port}: port {pair.port} of 127.0.0.1 is taken by {who}"
    )
    holder.close()
    assert peer_ports.taken_ports(pair) == {}
    assert "sshd has not got port" in peer_ports.describe_trouble(pair, [pair.port])
    assert peer_ports.describe_trouble(pair, []) == ""


def test_one_that_our_own_sshd_has_is_not_taken(holder: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_ports, "COMMAND", " ".join(processes.psutil.Process().cmdline()))
    monkeypatch.setattr(processes.os, "getpid", lambda: 1)  # ourselves we would never count
    assert peer_ports.taken_ports(with_port(holder)) == {}


def test_what_sshd_got_its_sockets_say(holder: socket.socket) -> None:
    pair = with_port(holder)
    assert peer_ports.missing_ports(pair, os.getpid()) == [peer_ports.DEFAULT_PORT]
    assert peer_ports.missing_ports(pair, os.getppid()) == sorted({peer_ports.DEFAULT_PORT, pair.port})


def test_the_check_names_the_line(holder: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = with_port(holder)
    file = tmp_path / "csyncd.cfg"
    file.write_text(f"# one\nLOCAL_IP=127.0.0.1\nPORT={pair.port}\n")
    monkeypatch.setattr(peer_ports, "place", lambda field: settings.place(field, file))
    with pytest.raises(Invalid) as caught:
        peer_ports.require_ports(pair)
    assert caught.value.problems[0].startswith(f"{file}:3: port {pair.port} of 127.0.0.1 is taken by ")
    assert "set another PORT in csyncd.cfg of both nodes" in caught.value.hint
    holder.close()
    peer_ports.require_ports(pair)
