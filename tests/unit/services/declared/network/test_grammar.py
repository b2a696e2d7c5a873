"""What stands after a directive, made into an address, a route, a rule, a neighbour; and what is refused."""

import pytest

from firmware.services.declared.network.grammar import parse_address, parse_neighbour, parse_route, parse_rule
from firmware.services.declared.network.state import Address, Neighbour, Route, Rule


@pytest.mark.parametrize(
    ("text", "family", "address"),
    [
        ("192.0.2.1/24", 4, Address("192.0.2.1", 24)),
        ("192.0.2.1/255.255.255.0", 4, Address("192.0.2.1", 24)),
        ("192.0.2.1", 4, Address("192.0.2.1", 32)),
        ("192.0.2.1/24 brd + label eth0:a secondary", 4, Address("192.0.2.1", 24, "192.0.2.255", "eth0:a")),
        ("192.0.2.1/24 brd 192.0.2.127", 4, Address("192.0.2.1", 24, "192.0.2.127")),
        ("192.0.2.1/31 brd +", 4, Address("192.0.2.1", 31)),
        ("2001:DB8:0::1/64", 6, Address("2001:db8::1", 64)),
        ("2001:db8::1", 6, Address("2001:db8::1", 128)),
    ],
)
def test_an_address(text: str, family: int, address: Address) -> None:
    found = parse_address(tuple(text.split()), family)
    assert found == address and found.comes_later == ("secondary" in text)


@pytest.mark.parametrize(
    ("text", "family", "route"),
    [
        ("default 192.0.2.7", 4, Route("0.0.0.0/0", "192.0.2.7")),
        ("default 2001:db8::7", 6, Route("::/0", "2001:db8::7", metric=1024)),
        ("10.0.0.7/8 -", 4, Route("10.0.0.0/8")),
        ("10.1.2.3 192.0.2.7 metric 5 table 7 src 192.0.2.1", 4, Route("10.1.2.3/32", "192.0.2.7", 7, 5, "192.0.2.1")),
        ("2001:db8:9::/48 fe80::1 metric 7", 6, Route("2001:db8:9::/48", "fe80::1", 254, 7)),
    ],
)
def test_a_route(text: str, family: int, route: Route) -> None:
    assert parse_route(tuple(text.split()), family) == route


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("from 10.0.0.0/8 table 7", Rule(4, 0, 7, "10.0.0.0/8")),
        ("from all to 10.0.0.0/8 lookup 7 prio 9", Rule(4, 9, 7, "", "10.0.0.0/8")),
        ("fwmark 0x10/0xff iif eth1 table 7 pref 9", Rule(4, 9, 7, mark="0x10/0xff", interface="eth1")),
        ("fwmark 16 table 7", Rule(4, 0, 7, mark="0x10/0xffffffff")),
        ("from 0.0.0.0/0 table 7", Rule(4, 0, 7)),
    ],
)
def test_a_rule(text: str, rule: Rule) -> None:
    assert parse_rule(tuple(text.split()), 4) == rule


def test_a_neighbour() -> None:
    wanted = Neighbour("192.0.2.7", "02:00:5e:10:00:0a")
    assert parse_neighbour(("192.0.2.7", "02:00:5E:10:00:0A"), 4) == wanted
    assert parse_neighbour(("192.0.2.7", "lladdr", "02:00:5e:10:00:0a"), 4) == wanted


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_address, ""), (parse_address, "192.0.2.300/24"), (parse_address, "192.0.2.1/33"), (parse_address, "0.0.0.0/8"),
        (parse_address, "224.0.0.1/24"), (parse_address, "2001:db8::1/64"), (parse_address, "192.0.2.1/24 primary"),
        (parse_address, "192.0.2.1/24 brd"), (parse_address, "192.0.2.1/24 brd 2001:db8::1"),
        (parse_route, "default"), (parse_route, "default 2001:db8::1"), (parse_route, "x 192.0.2.7"),
        (parse_route, "default 192.0.2.7 table"), (parse_route, "default 192.0.2.7 table 0"),
        (parse_route, "default 192.0.2.7 metric -1"), (parse_route, "default 192.0.2.7 metric 4294967296"),
        (parse_route, "default 192.0.2.7 table 7 table 8"), (parse_route, "default 192.0.2.7; reboot"),
        (parse_rule, ""), (parse_rule, "from 10.0.0.0/8"), (parse_rule, "from 10.0.0.0/8 table 7 pref 40000"),
        (parse_rule, "fwmark off table 7"), (parse_rule, "iif a/b table 7"), (parse_rule, "from x table 7"),
        (parse_neighbour, "192.0.2.7"), (parse_neighbour, "192.0.2.7 x"), (parse_neighbour, "x 02:00:5e:10:00:0a"),
    ],
)  # fmt: skip
def test_what_is_none_is_refused_in_words(parse, text: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=r"\w"):
        parse(tuple(text.split()), 4)
