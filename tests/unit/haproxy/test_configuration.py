"""haproxy.cfg is read as haproxy reads it: words with quotes, lines that go on, directories."""

import socket
from pathlib import Path

import pytest

from firmware.haproxy import account, addresses, configuration


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('"chroot" /x', ("chroot", "/x")),
        ("'uid' 0 # a comment", ("uid", "0")),
        (r'ch\root "/a b"', ("ch\root", "/a b")),
        (r"b\ind :80", ("bind", ":80")),
        (r"\x62ind :80", ("bind", ":80")),
        (r"a b\ c \# d", ("a", "b c", "#", "d")),
        ("bi\"nd\" ':4''4'", ("bind", ":44")),
        (r'log "a \" b"', ("log", 'a " b')),
        ("a'b", ("ab",)),
        ("   ", ()),
        ("# nothing", ()),
        ("bind :80#x", ("bind", ":80")),
    ],
)
def test_words_are_what_haproxy_takes_them_for(text: str, words: tuple[str, ...]) -> None:
    assert configuration.split_words(text) == words


def test_quotes_hide_no_line(tmp_path: Path) -> None:
    file = tmp_path / "x.cfg"
    file.write_text('global\n "chroot" /x\n u\\id 0\n')
    assert [line.partition(": warn")[0] for line in account.account_warnings(str(file))] == [f"{file}:2", f"{file}:3"]


def test_a_line_that_goes_on_has_the_place_where_it_begins(tmp_path: Path) -> None:
    file = tmp_path / "x.cfg"
    file.write_text("listen x\n bind \\\n  :80 \\\n  name y\n mode tcp\\")
    assert [(line.number, line.words) for line in configuration.read_lines(str(file))] == [
        (1, ("listen", "x")),
        (2, ("bind", ":80", "name", "y")),
        (5, ("mode", "tcp")),
    ]


def test_a_directory_is_its_files_in_their_order(tmp_path: Path) -> None:
    for name, text in (("b.cfg", "uid 0"), ("a.cfg", "global\n gid 0"), (".c.cfg", "uid 1"), ("d.conf", "uid 2")):
        (tmp_path / name).write_text(f"global\n{text}\n" if "global" not in text else f"{text}\n")
    assert [line.place for line in configuration.read_lines(str(tmp_path)) if line.words[0] in ("uid", "gid")] == [
        f"{tmp_path}/a.cfg:2",
        f"{tmp_path}/b.cfg:2",
    ]
    (tmp_path / "e.cfg").write_text("listen x\n bind :4444\n")
    found = addresses.node_port_problems(str(tmp_path), ["wui=:4444"])
    assert found == [f"{tmp_path}/e.cfg:2: port 4444 of this node belongs to service wui: bind another one"]


def test_a_port_that_stands_in_no_line_is_seen_where_it_is_bound(tmp_path: Path) -> None:
    file = tmp_path / "x.cfg"
    file.write_text('listen x\n bind "${WHERE}"\n')
    found = addresses.node_port_problems(
        str(file), ["wui=:4444", "csyncd=10.0.0.1:30022"], [("::", 4444), ("::1", 30022)]
    )
    assert len(found) == 1 and found[0].startswith(f"{file}:2: port 4444 of this node belongs to service wui")


def test_sockets_that_listen_are_read_with_their_users() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as four,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as six,
    ):
        found = {(address, port): user for address, port, user in addresses.listening_sockets()}
        assert found[four.getsockname()[:2]] == found[six.getsockname()[:2]] == 0


def test_ports_from_the_higher_to_the_lower_are_none(tmp_path: Path) -> None:
    (tmp_path / "x.cfg").write_text("listen x\n bind :90-80\n bind :99999\n")
    assert addresses.occupied_addresses(str(tmp_path / "x.cfg")) == []
