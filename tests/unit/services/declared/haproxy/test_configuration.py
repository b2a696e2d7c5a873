"""What haproxy says of its file, and what is looked at in that file before a reload."""

import os
from pathlib import Path

import pytest

from firmware.services.declared.haproxy import configuration

PLACE = "/etc/haproxy/haproxy.cfg:5"


@pytest.mark.parametrize(
    ("said", "placed"),
    [
        (f"[ALERT]    (9) : config : parsing [{PLACE}] : unknown keyword 'x : y'", f"{PLACE}: unknown keyword 'x : y'"),
        (f"[ALERT]    (9) : config : Parsing [{PLACE}]: frontend 'w'", f"{PLACE}: frontend 'w'"),
        (f"[WARNING]  (9) : config : parsing [{PLACE}]: a rule", f"{PLACE}: warning: a rule"),
        (f"[WARNING] 12/3456 (9) : parsing [{PLACE}] : a rule", f"{PLACE}: warning: a rule"),
        (f"[ALERT]    (9) : config : [{PLACE}] : 'server b/a' : no", f"{PLACE}: 'server b/a' : no"),
        (f"[ALERT]    (9) : config : backend 'b' [{PLACE}]: no", f"{PLACE}: backend 'b' [{PLACE}]: no"),
        (f"[ALERT] {PLACE}: no", f"{PLACE}: no"),
        (f"[ALERT]    (9) : config : in {PLACE}: no", f"{PLACE}: in {PLACE}: no"),
        (
            "[ALERT]    (9) : config : parsing [/etc/haproxy/a b.cfg:5] : Lua: /x.lua:1: a\nb",
            "/etc/haproxy/a b.cfg:5: Lua: /x.lua:1: a\nb",
        ),
        ("[ALERT]    (9) : config : Proxy 'w': no [1:2]", "[ALERT]    (9) : config : Proxy 'w': no [1:2]"),
        ("[ALERT]    (9) : config : Fatal errors found.", "[ALERT]    (9) : config : Fatal errors found."),
        ("[NOTICE]   (9) : other words", "[NOTICE]   (9) : other words"),
        ("[NOTICE]   (9) : haproxy version is 2\n[NOTICE]   (9) : path to executable is /x\nno", "no"),
    ],
)
def test_places_in_haproxys_words(said: str, placed: str) -> None:
    assert configuration.with_places(said, failed=True) == placed


def test_what_haproxy_says_about_itself_stays_where_nothing_is_wrong() -> None:
    said = "[NOTICE]   (9) : haproxy version is 2"
    assert configuration.with_places(said, failed=False) == said


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("bind :8081", ["0.0.0.0:8081"]),
        ("bind *:8081 ssl crt x", ["0.0.0.0:8081"]),
        ("bind 127.0.0.1:8081,127.0.0.1:8082", ["127.0.0.1:8081", "127.0.0.1:8082"]),
        ("bind [::1]:8083", ["::1:8083"]),
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
    (tmp_path / "old").write_text("frontend x\n bind :80\n")
    (tmp_path / "new").write_text(f"frontend x\n bind :80\n {words} # 1\n")
    monkeypatch.setattr(configuration, "_bind_problem", lambda address, port: "taken")
    told = [
        line.split("cannot bind ")[1].removesuffix(": taken")
        for line in configuration.occupied_addresses(str(tmp_path / "new"), str(tmp_path / "old"))
    ]
    assert told == found
    assert configuration.occupied_addresses(str(tmp_path / "new"), str(tmp_path / "none")) == []


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
    found = configuration.node_port_problems(str(file), ["wui=0.0.0.0:4444", "csyncd=10.32.0.11:30022"])
    assert [problem.partition("service ")[2].partition(":")[0] for problem in found] == owners
    assert all(problem.startswith(f"{file}:3: port ") for problem in found)


def test_the_place_of_this_node_among_peers_is_bound_too(tmp_path: Path) -> None:
    file = tmp_path / "haproxy.cfg"
    file.write_text("peers all\n peer here 10.32.0.11:30022\n server there 10.32.0.12:30022\n")
    found = configuration.node_port_problems(str(file), ["csyncd=10.32.0.11:30022"])
    assert found == [f"{file}:2: port 30022 of this node belongs to service csyncd: bind another one"]


def test_a_pipe_in_the_place_of_the_file_keeps_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "old").write_text("frontend x\n bind :80\n")
    assert configuration.occupied_addresses(str(tmp_path / "pipe"), str(tmp_path / "old")) == []
