"""The terminal lines of the user's document (its WireGuard part), typed at the console of a virtual unit as printed."""

import re
from collections.abc import Iterator

import pytest
from lab_driver import Lab
from serial_console import PROMPT, Console, console

PASSWORD = "Wolke.7-Regen"
KEY = "[A-Za-z0-9+/]{43}="


@pytest.fixture(scope="module")
def shell(units: Lab) -> Iterator[Console]:
    """Unit 1's console, with root logged in."""
    with console(units, 1) as line:
        line.choose(PASSWORD)
        yield line


def test_keys_are_made(shell: Console) -> None:
    """Become root; make the directory; make a key, with the warning that the document shows."""
    shell.type("root")
    shell.read(PROMPT)
    assert shell.run("id -un; echo $HOSTNAME") == "root\nnode1"
    assert shell.run("mkdir -p /etc/wg") == ""
    assert shell.run("cd /etc/wg") == ""
    assert shell.run("wg genkey > /etc/wg/$HOSTNAME.private.key").splitlines() == [
        "Warning: writing to world accessible file.",
        "Consider setting the umask to 077 and trying again.",
    ]
    assert shell.run("wg pubkey < $HOSTNAME.private.key > $HOSTNAME.public.key") == ""
    assert re.fullmatch(KEY, shell.run("cat node1.public.key"))


def test_ll_shows_what_the_document_shows(shell: Console) -> None:
    lines = shell.run("ll").splitlines()
    assert lines[0] == "total 8"
    rows = [(line.split()[0], line.split()[-1]) for line in lines[1:]]
    assert rows == [
        ("drwxr-xr-x", "./"),
        ("drwxr-xr-x", "../"),
        ("-rw-r--r--", "node1.private.key"),
        ("-rw-r--r--", "node1.public.key"),
    ]


def test_addresses_are_shown(shell: Console) -> None:
    assert re.search(
        r"2: eth0: <[A-Z,_]*UP,LOWER_UP> mtu 1500 .*\n.*\n +inet 10[.]32[.]0[.]11/24", shell.run("ip addr show")
    )
    assert "inet 192.168.0.200/24" in shell.run("ip addr show dev eth0")


def test_wireguard_is_shown(shell: Console) -> None:
    """Nothing yet; and with an interface what the document shows, made here by hand."""
    assert shell.run("wg") == ""
    assert shell.run("ip link add wg0 type wireguard") == ""
    assert shell.run("wg set wg0 listen-port 51820 private-key node1.private.key") == ""
    shown = shell.run("wg").splitlines()
    public = shell.run("cat node1.public.key")
    assert [line.strip() for line in shown] == [
        "interface: wg0",
        f"public key: {public}",
        "private key: (hidden)",
        "listening port: 51820",
    ]


def test_packets_are_shown(shell: Console, units: Lab) -> None:
    """With date and time, of any interface."""
    shell.type("tcpdump -ttttni any 'udp port 51820'")
    shell.read("listening on any")
    send = "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x' * 148, ('10.32.0.11', 51820))"
    units.run(2, "/usr/bin/python3", "-c", send)
    line = r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d[.]\d{6} .*IP 10[.]32[.]0[.]12[.]\d+ > 10[.]32[.]0[.]11[.]51820: UDP, length 148"
    shell.read(line)
    shell.interrupt()
    shell.read("packets? captured")
    shell.read(PROMPT)
