"""Orders out of TOML and CSV: all that is wrong is told at once, each with file and line, and what is right becomes an order."""

from pathlib import Path

import pytest
from factory import HASH

from firmware.errors import Failure, Invalid
from firmware.station import rows
from firmware.station.input import read_orders

HEAD = "serial,model,mac,host_name,address,network,gateway,port,password,pair"
GOOD = (
    "A-1,ALB 2000,02:00:5e:00:00:01 02:00:5e:01:00:01,lb1,192.0.2.11,192.0.2.0/24,192.0.2.1,/dev/ttyUSB0,correct horse,"
)
TOML = f"""\
# one unit
serial = "A-1"
model = "ALB 2000"
mac = [
    "02:00:5E:00:00:01",
    "02:00:5e:01:00:01",
]
host_name = "LB1"
address = "192.0.2.11"
network = "192.0.2.0/24"
port = "/dev/ttyUSB0"
password_hash = "{HASH}"
"""


def problems_of(tmp_path: Path, text: str, name: str = "units.csv") -> list[str]:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(Invalid) as caught:
        read_orders([path])
    return [problem.removeprefix(f"{tmp_path}/") for problem in caught.value.problems]


def row(**changed: str) -> str:
    words = dict(zip(HEAD.split(","), GOOD.split(","), strict=True)) | changed
    return ",".join(words.values())


def second(**changed: str) -> str:
    """A unit that shares nothing with the first one."""
    own = {
        "serial": "A-2",
        "mac": "02:00:5e:00:00:02",
        "host_name": "lb2",
        "address": "192.0.2.12",
        "port": "/dev/ttyUSB1",
    }
    return row(**(own | changed))


def test_one_unit_of_toml_and_of_csv_is_the_same_order(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(TOML)
    (tmp_path / "a.csv").write_text(f"{HEAD.replace('password', 'password_hash')}\n{row(password=HASH, gateway='')}\n")
    (one,), (other,) = read_orders([tmp_path / "a.toml"]), read_orders([tmp_path / "a.csv"])
    assert one.identity() == other.identity() and one.macs == ("02:00:5e:00:00:01", "02:00:5e:01:00:01")
    assert (one.host_name, one.prefix, one.interface, one.password_hash) == ("lb1", 24, "eth0", HASH)
    assert (one.place, other.place) == (f"{tmp_path}/a.toml:1", f"{tmp_path}/a.csv:2")


def test_a_line_that_is_named_elsewhere_need_not_stand_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(TOML.replace('port = "/dev/ttyUSB0"\n', ""))
    assert [order.port for order in read_orders([path], port="/dev/ttyUSB7")] == ["/dev/ttyUSB7"]
    with pytest.raises(Invalid):
        read_orders([path])
    path.write_text(TOML)
    assert [order.port for order in read_orders([path], port="/dev/ttyUSB7")] == ["/dev/ttyUSB7"]


@pytest.mark.parametrize("word", ["Europe/Pariss", "../etc", "Paris", "Europe"])
def test_a_time_zone_that_nobody_knows_is_told(word: str, tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, TOML + f'timezone = "{word}"\n', "unit.toml")
    assert "is no time zone" in problem
    (tmp_path / "right.toml").write_text(TOML + 'timezone = "Europe/Paris"\n')
    assert read_orders([tmp_path / "right.toml"])[0].timezone == "Europe/Paris"


def test_no_password_is_shown_or_recorded(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"{HEAD}\n{GOOD}\n")
    (order,) = read_orders([tmp_path / "a.csv"])
    assert order.password == "correct horse"
    assert "horse" not in repr(order) + str(order.identity())


def test_a_spreadsheets_file_is_read_too(tmp_path: Path) -> None:
    """With a byte order mark, semicolons, carriage returns and empty rows."""
    text = f"\ufeff{HEAD}\r\n{GOOD}\r\n\r\n# a note\r\n{second()}\r\n,,,,,,,,,\r\n".replace(",", ";")
    (tmp_path / "a.csv").write_bytes(text.encode())
    assert [order.place.rpartition(":")[2] for order in read_orders([tmp_path / "a.csv"])] == ["2", "5"]


def test_a_pair_has_two_numbers_and_each_others_address(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"{HEAD}\n{GOOD}\n{second(pair='A-1')}\n")
    one, two = read_orders([tmp_path / "a.csv"])
    assert (one.pair, one.node, one.peer_address) == ("A-2", 1, "192.0.2.12")
    assert (two.pair, two.node, two.peer_address) == ("A-1", 2, "192.0.2.11")


WRONG = {
    "serial": ("a 1", "is no serial number"), "model": ("<b>", "is no model"), "mac": ("03:00:5e:00:00:01", "of no single card"),
    "host_name": ("lb_1", "is no host name"), "address": ("192.0.2.300", "address"), "network": ("192.0.2.11/24", "write 192.0.2.0/24"),
    "gateway": ("198.51.100.1", "is outside of its network"), "port": ("socket://bench:70000", "is no serial line"), "password": ("short", "8 characters"),
    "pair": ("A-9", "is not in the input"),
}  # fmt: skip


@pytest.mark.parametrize("field", WRONG)
def test_a_wrong_word_is_told_with_its_line(field: str, tmp_path: Path) -> None:
    word, want = WRONG[field]
    (problem,) = problems_of(tmp_path, f"{HEAD}\n{second()}\n{row(**{field: word})}\n")
    assert problem.startswith(f"units.csv:3: {field}: ") and want in problem, problem


@pytest.mark.parametrize(
    ("word", "want"),
    [("192.0.3.11", "outside of its network"), ("192.0.2.255", "the network"), ("192.0.2.1", "own address")],
)
def test_an_address_that_does_not_fit_its_network(word: str, want: str, tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, f"{HEAD}\n{row(address=word)}\n")
    assert want in problem


@pytest.mark.parametrize("field", ["serial", "mac", "host_name", "address", "port"])
def test_what_only_one_unit_may_have_names_both_lines(field: str, tmp_path: Path) -> None:
    first = dict(zip(HEAD.split(","), GOOD.split(","), strict=True))
    (problem,) = problems_of(
        tmp_path,
        f"{HEAD}\n{GOOD}\n{second(**{field: first[field].split()[0].upper() if field == 'mac' else first[field]})}\n",
    )
    assert problem.startswith(f"units.csv:3: {field}: ") and f"{tmp_path}/units.csv:2 already" in problem


def test_what_two_files_share_is_told(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text(f"{HEAD}\n{GOOD}\n")
    (tmp_path / "two.csv").write_text(f"{HEAD}\n{second(serial='A-1')}\n")
    with pytest.raises(Invalid) as caught:
        read_orders([tmp_path / "one.csv", tmp_path / "two.csv"])
    (problem,) = caught.value.problems
    assert "two.csv:2: serial" in problem and "one.csv:2 already" in problem


@pytest.mark.parametrize("field", ["serial", "model", "mac", "host_name", "address", "network", "port", "password"])
def test_what_is_missing_is_told(field: str, tmp_path: Path) -> None:
    found = problems_of(tmp_path, f"{HEAD}\n{row(**{field: ''})}\n")
    assert any(field in problem and problem.startswith("units.csv:2: ") for problem in found), found


def test_pairs_are_of_two_in_one_network(tmp_path: Path) -> None:
    third = second(
        serial="A-3", mac="02:00:5e:00:00:03", host_name="lb3", address="192.0.2.13", port="/dev/ttyUSB2", pair="A-1"
    )
    (problem,) = problems_of(tmp_path, f"{HEAD}\n{GOOD}\n{second(pair='A-1')}\n{third}\n")
    assert problem.startswith("units.csv:4: pair: 'A-1'") and "another pair" in problem
    elsewhere = second(pair="A-1", address="198.51.100.2", network="198.51.100.0/24", gateway="")
    (problem,) = problems_of(tmp_path, f"{HEAD}\n{GOOD}\n{elsewhere}\n")
    assert "use one for both" in problem
    (problem,) = problems_of(tmp_path, f"{HEAD}\n{row(pair='A-1')}\n")
    assert "is the unit itself" in problem


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = (
        f"{HEAD},colour\n{row(serial='a', mac='x', host_name='-')},red\n{second(address='1.2.3.4', port='COM1')},blue\n"
    )
    found = problems_of(tmp_path, text)
    lines = sorted(problem.split(":")[1] + " " + problem.split(": ")[1] for problem in found)
    assert lines == ["1 unknown column 'colour'", "2 host_name", "2 mac", "2 serial", "3 address", "3 port"]


def test_toml_faults_have_the_line_of_their_key(tmp_path: Path) -> None:
    text = TOML.replace('"02:00:5e:01:00:01"', '"zz"').replace('"LB1"', "7").replace("port =", "prot =")
    found = problems_of(tmp_path, text, "unit.toml")
    assert any(problem.startswith("unit.toml:4: mac: ") for problem in found)
    assert any(problem.startswith("unit.toml:8: host_name is no text") for problem in found)
    assert "unit.toml:11: unknown key 'prot': did you mean port?" in found


@pytest.mark.parametrize(
    ("text", "line"), [("serial = \n", 1), ('a = "1"\na = "2"\n', 2), ('a = """\n', 1), ("[" * 3000, 1)]
)
def test_what_is_no_toml_is_told_with_its_line(text: str, line: int, tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, text, "unit.toml")
    assert problem.startswith(f"unit.toml:{line}: no TOML"), problem


@pytest.mark.parametrize(
    ("data", "want"),
    [
        (b"", "there is no unit"), (HEAD.encode(), "there is no unit"), (b"serial\xff\n", ":1: byte 0xff is not UTF-8"),
        (f'{HEAD}\n"A-1,x\n'.encode(), ":2: "), (f"{HEAD}\n{GOOD},more\n".encode(), ":2: 11 words for 10 columns"),
        (f"{HEAD},serial\n{GOOD},x\n".encode(), ":1: the column 'serial' is there 2 times"), (b"x" * (rows.MOST + 1), "larger"),
    ],
    ids=["empty", "head", "bytes", "quote", "wide", "twice", "large"],
)  # fmt: skip
def test_what_is_no_table_is_told(data: bytes, want: str, tmp_path: Path) -> None:
    (tmp_path / "units.csv").write_bytes(data)
    with pytest.raises(Invalid) as caught:
        read_orders([tmp_path / "units.csv"])
    assert any(want in problem for problem in caught.value.problems), caught.value.problems


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"no\.csv: No such file"):
        read_orders([tmp_path / "no.csv"])
