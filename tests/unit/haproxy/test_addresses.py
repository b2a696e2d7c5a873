"""The addresses in haproxy.cfg that are looked at before a reload."""

import os
from pathlib import Path

import pytest

from firmware.haproxy import addresses


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("bind :8081", ["0.0.0.0:8081"]),
        ("bind *:8081 ssl crt x", ["0.0.0.0:8081"]),
        ("bind 127.0.0.1:8081,127.0.0.1:8082", ["127.0.0.1:8081", "127.0.0.1:8082"]),
        ("bind [::1]:8083", ["[::1]:8083"]),
        ("bind ipv4@127.0.0.1:8084", ["127.0.0.1:8084"]),
        ("bind /run/x.sock", []),
        ("bind unix@/run/x:80", []),
        ("bind :8000-8010", []),
        ("bind ${ADDRESS}:80", []),
        ("bind fd@3", []),
        ("bind 192.0.2.1:80 transparent", []),
        ("bind :99999", []),
        ("bind", []),
    ],
)
def test_the_addresses_that_are_looked_at_before_a_reload(
    tmp_path: Path, words: str, found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "new").write_text(f"frontend x\n bind :80\n {words} # 1\n")
    monkeypatch.setattr(addresses, "_bind_problem", lambda address, port, interface: "taken")
    told = [
        line.split("cannot bind ")[1].removesuffix(": taken")
        for line in addresses.occupied_addresses(str(tmp_path / "new"), {80})
    ]
    assert told == found


@pytest.mark.parametrize(
    ("line", "owners"),
    [
        ("bind :4444", ["wui"]),
        ("bind *:4444,:80", ["wui"]),
        ("bind 10.0.0.9:4444 ssl crt /etc/haproxy/x.pem", ["wui"]),
        ("bind [::]:30022", ["csyncd"]),
        ("bind 10.32.0.11:30022", ["csyncd"]),
        ("bind eth0.example:30022", ["csyncd"]),
        ("bind ipv4@:4440-4450", ["wui"]),
        ("bind :1-65535", ["wui", "csyncd"]),
        ("'bind' \":44\"44", ["wui"]),
        ("b\\ind tcp4@:\\4444", ["wui"]),
        ("stats socket ipv4@127.0.0.1:4444 level admin", ["wui"]),
        ("bind 10.32.0.99:30022", []),
        ("bind :4445", []),
        ("bind unix@/run/haproxy/a:4444", []),
        ("bind quic4@:4444", []),
        ("server a 10.0.0.1:4444", []),
        ("# bind :4444", []),
        ("bind", []),
        ("bind :" + "9" * 5000, []),
    ],
)
def test_the_ports_of_the_node_are_bound_by_nobody_else(tmp_path: Path, line: str, owners: list[str]) -> None:
    file = tmp_path / "haproxy.cfg"
    file.write_text(f"frontend x\n bind :80\n {line}\n")
    found = addresses.node_port_problems(str(file), ["wui=0.0.0.0:4444", "csyncd=10.32.0.11:30022"])
    assert [problem.partition("service ")[2].partition(":")[0] for problem in found] == owners
    assert all(problem.startswith(f"{file}:3: port ") for problem in found)


def test_the_place_of_this_node_among_peers_is_bound_too(tmp_path: Path) -> None:
    file = tmp_path / "haproxy.cfg"
    file.write_text("peers all\n peer here 10.32.0.11:30022\n server there 10.32.0.12:30022\n")
    found = addresses.node_port_problems(str(file), ["csyncd=10.32.0.11:30022"])
    assert found == [f"{file}:2: port 30022 of this node belongs to service csyncd: bind another one"]


def test_a_pipe_in_the_place_of_the_file_keeps_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert addresses.occupied_addresses(str(tmp_path / "pipe")) == []
