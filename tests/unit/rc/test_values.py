"""Each kind of value takes what it should and says what is wrong with the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.rc import values
from firmware.rc.values import ValueKind

KINDS = [kind for kind in vars(values).values() if isinstance(kind, ValueKind)]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (values.TEXT, ["a", "a b", "''"], [""]),
        (values.COMMAND, ["/sbin/ip link set up"], [""]),
        (values.FLAG, ["", "on", "off"], ["yes", "on off", "On"]),
        (
            values.PATH,
            ["/etc/wg/a.key", "/x"],
            ["", "etc/x", "/etc/../x", "/etc//x", "/etc/.", "/", "/a /b", "/" + "a/" * 3000 + "a"],
        ),
        (
            values.path_below("/etc/ssh"),
            ["/etc/ssh/x", "/etc/ssh/d/x"],
            ["/etc/ssh", "/etc/sshd/x", "/etc/ssh/../shadow", "/etc/ssh/", "x"],
        ),
        (
            values.ADDRESS,
            ["192.0.2.1", "2001:db8::1", "::"],
            ["", "192.0.2", "192.0.2.256", "example.org", "192.0.2.1/24", "1"],
        ),
        (
            values.ADDRESS_WITH_PREFIX,
            ["192.0.2.11/24", "192.0.2.11/255.255.255.0", "192.0.2.11/24 secondary", "10.0.0.1/32"],
            [
                "",
                "192.0.2.11",
                "192.0.2.11/33",
                "192.0.2.300/24",
                "192.0.2.11/255.0.255.0",
                "10.0.0.1/8 second",
                "::1/64",
                "10.0.0.1/",
            ],
        ),
        (
            values.ADDRESS6_WITH_PREFIX,
            ["2001:db8::1/64", "::1/128"],
            ["2001:db8::1", "2001:db8::1/129", "192.0.2.1/24", "fe80::1%eth0/64"],
        ),
        (values.VIRTUAL_ADDRESS, ["192.0.2.1", "192.0.2.1/24", "::1", "::1/64"], ["", "x", "192.0.2.1/40"]),
        (values.NETWORK, ["192.0.2.0/24", "192.0.2.1/24", "192.0.2.1", "::/0"], ["", "default", "192.0.2.0/33", "a b"]),
        (
            values.NETWORKS,
            ["10.0.0.0/8", "10.0.0.0/8,192.0.2.0/24", "10.0.0.0/8 ::/0"],
            ["", "10.0.0.0/8,", "10.0.0.0/8 x"],
        ),
        (
            values.ROUTE,
            ["default 192.0.2.1", "10.0.0.0/8 192.0.2.1", "default 192.0.2.1 table 100", "default 2001:db8::1"],
            [
                "",
                "default",
                "default gw",
                "10.0.0.0/40 192.0.2.1",
                "default 192.0.2.1 table",
                "default 192.0.2.1 tab 5",
                "default 192.0.2.1 table x",
                "default 192.0.2.1 table 5 6",
            ],
        ),
        (
            values.RULE,
            ["from 192.0.2.0/24 table 5"],
            [
                "",
                "from 192.0.2.0/24",
                "to 192.0.2.0/24 table 5",
                "from x table 5",
                "from ::/0 tab 5",
                "from ::/0 table 0",
            ],
        ),
        (values.PORT, ["1", "22", "65535"], ["", "0", "65536", "-1", "22 23", "http", "٣", "1.5", "9" * 5000]),
        (values.number(5, 7), ["5", "6", "7"], ["4", "8", "+6", " 6", "²"]),
        (values.one_of("on", "auto"), ["on", "auto"], ["", "off", "on auto"]),
        (
            values.HOST,
            ["lb1", "lb1.example.org", "192.0.2.1", "::1", "a.b.", "x-1"],
            ["", "-a", "a..b", "a b", "300.1.1.1", "a" * 64, "a/b", ".".join(["a" * 60] * 5)],
        ),
        (
            values.ENDPOINT,
            ["198.51.100.10:51820", "vpn.example.org:1", "[2001:db8::1]:51820"],
            [
                "",
                "198.51.100.10",
                "198.51.100.10:0",
                "198.51.100.10:65536",
                ":51820",
                "2001:db8::1:51820",
                "[x]:1",
                "[::1:5",
                "::1]:5",
                "a b:1",
                "-:1",
            ],
        ),
        (
            values.SERVER,
            ["192.0.2.1", "log.example.org:514", "2001:db8::1", "[::1]:514"],
            ["", "log:x", "a b", "[::1]"],
        ),
        (values.INTERFACE, ["eth0", "eth0.100", "wg0", "a" * 15], ["", "a" * 16, "eth0/1", "eth 0", "..", "a:b", "é"]),
        (values.NAME, ["haproxy", "web_1"], ["", "-x", "a.b", "a/b"]),
        (
            values.MAC,
            ["02:00:5e:10:00:01", "AA:bb:cc:dd:ee:ff"],
            ["", "02:00:5e:10:00", "02-00-5e-10-00-01", "02:00:5e:10:00:0g", "2:0:5:1:0:1"],
        ),
        (
            values.KEY,
            [
                "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=",
                "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=",
            ],
            [
                "",
                "short=",
                "OGhxS8Wp0IMcksodOLaowKLnd2wqKDlnskwq93DoeYx",
                "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8D!=",
                "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dh=",
                "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dga",
                "a" * 45,
                "a=" * 22,
                "a" * 42 + "==",
                "a b",
            ],
        ),
        (
            values.MARK,
            ["0x10", "16", "0", "off", "0xffffffff", "4294967295", "0xABC"],
            ["", "0x", "0x100000000", "4294967296", "abc", "-1"],
        ),
        (
            values.SYSCTL,
            ["net.ipv4.ip_forward=1", "net.ipv4.conf.eth0/100.rp_filter=0", "a=", "a = b c"],
            ["", "a", "=1", "a b=1", "a;b=1"],
        ),
        (
            values.CONSOLE,
            ["ttyS0:9600:vt100", "ttyS0:115200"],
            ["", "ttyS0", "ttyS0:fast", "tty/0:9600", "ttyS0:9600:", ":9600", "a:1:b:c"],
        ),
        (values.CPUS, ["0x3", "0", "0,2-3"], ["", "0x", "0xg", "a", "1-", "1-2-3", ","]),
        (values.SECONDS, ["0", "5"], ["", "5s", "86401"]),
        (values.list_of(values.INTERFACE), ["eth0", "eth1 eth2"], ["", "eth1 eth/2"]),
        (values.any_of(values.one_of("auto"), values.number(1, 9)), ["auto", "5"], ["", "10", "auto 5"]),
    ],
    ids=lambda value: value.name if isinstance(value, ValueKind) else "",
)
def test_kind(kind: ValueKind, good: list[str], bad: list[str]) -> None:
    assert {text: kind.problem(tuple(text.split())) for text in good} == dict.fromkeys(good, "")
    assert [text for text in bad if not kind.problem(tuple(text.split(" ")) if text else ())] == []


def test_a_problem_names_the_word() -> None:
    assert values.PORT.problem(("70000",)) == "'70000' is not a port from 1 to 65535"
    assert values.one_of("full", "half").problem(("both",)) == "'both' is not one of full, half"
    assert values.PORT.problem(()) == "a value is missing: a port from 1 to 65535"
    assert values.PORT.problem(("1", "2")) == "one value is expected, not 2: a port from 1 to 65535"
    assert values.ENDPOINT.problem(("::1:5",)) == "'::1:5': an IPv6 address stands in brackets: [ADDRESS]:PORT"
    assert values.ADDRESS6_WITH_PREFIX.problem(("x",)).endswith("such as 2001:db8::1/64")
    assert values.ADDRESS_WITH_PREFIX.problem(("x",)).endswith("such as 192.0.2.1/24")
    either = values.any_of(values.one_of("auto"), values.PORT)
    assert either.problem(("x", "y")) == "'x y' is not auto or a port from 1 to 65535"
    assert either.problem(()) == "a value is missing: auto or a port from 1 to 65535"
    assert len(values.HOST.problem(("x y" * 1_000_000,))) < 200


def test_a_problem_is_one_line_of_visible_characters() -> None:
    for kind in KINDS:
        assert kind.problem(("\n\x1b[2J\0", "\udcff", "\n")).isprintable()


@given(st.sampled_from(KINDS), st.lists(st.text() | st.text(st.sampled_from("0123456789.:/=[],-x%a "))).map(tuple))
def test_a_kind_answers_for_any_words(kind: ValueKind, words: tuple[str, ...]) -> None:
    assert isinstance(kind.problem(words), str)
