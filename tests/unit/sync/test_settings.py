"""csyncd.cfg: every field is checked, and every error of a file comes at once, with its line."""

import socket
from pathlib import Path

import pytest

from firmware.errors import Failure, Invalid
from firmware.sync import settings

OURS = {"10.32.0.11": "eth0", "127.0.0.1": "lo"}
GOOD = "# the pair\nLOCAL_IP=10.32.0.11\nREMOTE_IP = 10.32.0.12 # the other\n\nLOCAL_NODE=1\nREMOTE_NODE=2\n"


def problems(path: Path, text: str) -> list[str]:
    path.write_text(text)
    with pytest.raises(Invalid) as caught:
        settings.read(path, local_addresses=OURS)
    return [problem.removeprefix(str(path)) for problem in caught.value.problems]


def test_the_documents_example(tmp_path: Path) -> None:
    path = tmp_path / "csyncd.cfg"
    path.write_text(GOOD)
    found = settings.read(path, local_addresses=OURS)
    assert found == settings.Settings("10.32.0.11", "10.32.0.12", 1, 2, 30022)
    assert found.peer == "node-2"


def test_port_and_crlf_and_quotes(tmp_path: Path) -> None:
    path = tmp_path / "csyncd.cfg"
    path.write_text(GOOD.replace("\n", "\r\n") + 'PORT="2222"')
    assert settings.read(path).port == 2222


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("LOCAL_IP=10.32.0.11", "LOCAL_IP=10.32.0.300", 2, "'10.32.0.300' is not an IP address"),
        ("LOCAL_IP=10.32.0.11", "LOCAL_IP=10.32.0.77", 2, "is on no interface of this node (there are: 10.32.0.11)"),
        ("10.32.0.12", "10.32.0.11", 3, "as LOCAL_IP is"),
        ("10.32.0.12", "127.0.0.1", 3, "is an address of this node itself"),
        ("10.32.0.12", "0.0.0.0", 3, "is no address of one node"),
        ("LOCAL_NODE=1", "LOCAL_NODE=0", 5, "'0' is not a whole number from 1 to 255"),
        ("LOCAL_NODE=1", "LOCAL_NODE=256", 5, "'256' is not a whole number from 1 to 255"),
        ("LOCAL_NODE=1", "LOCAL_NODE=one", 5, "'one' is not a whole number"),
        ("REMOTE_NODE=2", "REMOTE_NODE=1", 6, "they have to differ"),
        ("REMOTE_NODE=2", "REMOTE_NODE=", 6, "REMOTE_NODE is empty: set it, as in REMOTE_NODE=2"),
        ("REMOTE_NODE=2", "REMOTE_NDOE=2", 6, "unknown field 'REMOTE_NDOE' (did you mean 'REMOTE_NODE'?)"),
        ("REMOTE_NODE=2", "LOCAL_NODE=2", 6, "LOCAL_NODE stands in line 5 already"),
        ("REMOTE_NODE=2", "REMOTE_NODE=2\nPORT=70000", 7, "PORT: '70000' is not a whole number from 1 to 65535"),
    ],
)
def test_each_error_names_line_and_word(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    found = problems(tmp_path / "csyncd.cfg", GOOD.replace(old, new))
    assert any(problem.startswith(f":{line}: ") and says in problem for problem in found), found


IPV6 = GOOD.replace("10.32.0.11", "fe80::1%eth0").replace("10.32.0.12", "FE80::2%eth0")


@pytest.fixture
def interfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (2, "eth0")])


def test_addresses_of_ipv6_and_those_of_one_link(tmp_path: Path, interfaces: None) -> None:
    path = tmp_path / "csyncd.cfg"
    path.write_text(IPV6)
    found = settings.read(path, local_addresses={"fe80::1": "eth0", "::1": "lo"})
    assert (found.local_ip, found.remote_ip) == ("fe80::1%eth0", "fe80::2%eth0")
    path.write_text(IPV6.replace("fe80::1%eth0", "FD00::00:1").replace("FE80::2%eth0", "fd00::2"))
    found = settings.read(path, local_addresses={"fd00::1": "eth0"})
    assert (found.local_ip, found.remote_ip) == ("fd00::1", "fd00::2")


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("fe80::1%eth0", "fe80::1", 2, "is valid on one link only: name the interface, as in fe80::1%eth0"),
        ("fe80::1%eth0", "fe80::1%eth7", 2, "LOCAL_IP: this node has no interface eth7"),
        ("FE80::2%eth0", "fe80::2%eth7", 3, "REMOTE_IP: this node has no interface eth7"),
        ("FE80::2%eth0", "fe80::1%eth0", 3, "as LOCAL_IP is"),
        ("FE80::2%eth0", "fd00::2%eth0", 3, "has a zone, which only link-local addresses have"),
        ("FE80::2%eth0", "::ffff:10.0.0.2", 3, "is an address of IPv4: write 10.0.0.2"),
        ("FE80::2%eth0", "10.0.0.2", 3, "have to be both of IPv4 or both of IPv6"),
        ("fe80::1%eth0", "fe80::9%eth0", 2, "LOCAL_IP fe80::9 is on no interface of this node"),
    ],
)
def test_what_no_node_can_be_reached_by_is_said(
    tmp_path: Path, interfaces: None, old: str, new: str, line: int, says: str
) -> None:
    path = tmp_path / "csyncd.cfg"
    path.write_text(IPV6.replace(old, new))
    with pytest.raises(Invalid) as caught:
        settings.read(path, local_addresses={"fe80::1": "eth0", "::1": "lo"})
    assert any(problem.startswith(f"{path}:{line}: ") and says in problem for problem in caught.value.problems)


def test_all_errors_at_once(tmp_path: Path) -> None:
    assert len(problems(tmp_path / "csyncd.cfg", "LOCAL_IP=x\nREMOTE_IP=y\nLOCAL_NODE=z\nPORT=-1\nFOO=1\n")) == 6


def test_a_byte_that_is_not_utf8_hides_no_other_error(tmp_path: Path) -> None:
    path = tmp_path / "csyncd.cfg"
    path.write_bytes(
        b"# L\xfcbeck\nLOCAL_IP=10.0.0.1\nREMOTE_IP=x # M\xfcnchen\n\xff\nLOCAL_NODE=\xb2\nREMOTE_NODE=2\n"
    )
    with pytest.raises(Invalid) as caught:
        settings.read(path)
    assert [problem.removeprefix(str(path)) for problem in caught.value.problems] == [
        ":4: not UTF-8: byte 0xff",
        ":5: not UTF-8: byte 0xb2",
        ":3: REMOTE_IP: 'x' is not an IP address",
        ":5: LOCAL_NODE: '\\262' is not a whole number from 1 to 255",
    ]


def test_bytes_in_comments_are_nobodys_business(tmp_path: Path) -> None:
    path = tmp_path / "csyncd.cfg"
    path.write_bytes(b"# L\xfcbeck\nLOCAL_IP=10.0.0.1\nREMOTE_IP=10.0.0.2 # M\xfcnchen\nLOCAL_NODE=1\nREMOTE_NODE=2\n")
    assert settings.read(path).remote_node == 2


def test_a_byte_order_mark_is_called_one(tmp_path: Path) -> None:
    path = tmp_path / "csyncd.cfg"
    path.write_bytes(b"\xef\xbb\xbfLOCAL_IP=10.0.0.1\nREMOTE_IP=10.0.0.2\nLOCAL_NODE=1\nREMOTE_NODE=2\n")
    with pytest.raises(Invalid) as caught:
        settings.read(path)
    assert caught.value.problems == (f"{path}:1: it begins with a byte order mark (BOM): save it as UTF-8 without one",)


def test_one_that_cannot_be_read_is_not_called_missing(tmp_path: Path) -> None:
    with pytest.raises(Failure) as missing:
        settings.read(tmp_path / "csyncd.cfg")
    with pytest.raises(Failure) as unreadable:
        settings.read(tmp_path)
    assert "config restore" in missing.value.hint and unreadable.value.hint == f"look at it as root: ls -l {tmp_path}"
