"""What has to be changed: nothing for what is there, new before old, and nothing of what others have added."""

from dataclasses import replace

import pytest

from firmware.rc import document
from firmware.services.declared.network.difference import difference, new_link, removal
from firmware.services.declared.network.record import Owned
from firmware.services.declared.network.state import PROTOCOL, Address, KernelNetwork, Link, Neighbour, Route, Rule
from firmware.services.declared.network.wanted import Wanted, wanted_network

EMPTY = KernelNetwork({}, {}, {}, {}, (), (), {}, {})
LINK = Link(
    "eth0", is_up=True, attributes={"mtu": "1500", "address": "02:00:00:00:00:01", "arp": "on", "multicast": "on"}
)


def want(text: str, name: str = "eth0") -> Wanted:
    return wanted_network(document.parse_tolerant(f"service network {name}\n{text}")[0].blocks[0])


def kernel(
    addresses: str = "", *, link: Link = LINK, routes: tuple[Route, ...] = (), rules: tuple[Rule, ...] = ()
) -> KernelNetwork:
    found = tuple(Address(one.partition("/")[0], int(one.partition("/")[2])) for one in addresses.split())
    return replace(
        EMPTY, links={link.name: link}, addresses={link.name: found}, routes={link.name: routes},
        our_routes={link.name: routes}, rules=rules, our_rules=rules,
    )  # fmt: skip


def words(*arguments: object) -> list[str]:
    return [" ".join(one.words) for one in difference(*arguments)]  # type: ignore[arg-type]


def test_nothing_is_done_for_what_is_there() -> None:
    wanted = want("ip address 192.0.2.1/24\nip route default 192.0.2.7\nip rule from 192.0.2.0/24 table 7 pref 9")
    actual = kernel("192.0.2.1/24", routes=(Route("0.0.0.0/0", "192.0.2.7"),), rules=(Rule(4, 9, 7, "192.0.2.0/24"),))
    assert words(wanted, actual, Owned()) == []


def test_what_is_new_comes_before_what_is_old_goes() -> None:
    ours = Owned(addresses=(Address("192.0.2.1", 24),), rules=(Rule(4, 9, 7, "192.0.2.0/24"),))
    actual = kernel("192.0.2.1/24 192.0.2.99/24", routes=(Route("0.0.0.0/0", "192.0.2.7"),), rules=ours.rules)
    wanted = want("ip address 192.0.2.2/24\nip route default 192.0.2.8\nip rule from 192.0.2.0/24 table 8 pref 9")
    assert words(wanted, actual, ours) == [
        "address add 192.0.2.2/24 dev eth0",
        f"route replace 0.0.0.0/0 via 192.0.2.8 dev eth0 table 254 proto {PROTOCOL}",
        f"rule add from 192.0.2.0/24 table 8 pref 9 protocol {PROTOCOL}",
        "rule del from 192.0.2.0/24 table 7 pref 9",
        "address del 192.0.2.1/24 dev eth0",
    ]


def test_rules_of_other_blocks_stay() -> None:
    rule = Rule(4, 9, 7, "192.0.2.0/24")
    assert words(want(""), kernel(rules=(rule,)), Owned(rules=(rule,)), [rule]) == []


@pytest.mark.parametrize(
    ("now", "before", "text", "is_made_anew"),
    [
        (Address("192.0.2.1", 24, "192.0.2.255"), None, "192.0.2.1/24", False),
        (Address("192.0.2.1", 24, "192.0.2.255"), Address("192.0.2.1", 24, "192.0.2.255"), "192.0.2.1/24", True),
        (Address("192.0.2.1", 24), None, "192.0.2.1/24 brd +", True),
        (Address("192.0.2.1", 24, "", "eth0:a"), None, "192.0.2.1/24 label eth0:a", False),
        (Address("192.0.2.1", 24, "", "eth0:a"), None, "192.0.2.1/24 label eth0:b", True),
    ],
)
def test_an_address_is_made_anew_only_for_what_its_line_says(
    now: Address, before: Address | None, text: str, is_made_anew: bool
) -> None:
    actual = replace(kernel(), addresses={"eth0": (now,)})
    found = words(want(f"ip address {text}"), actual, Owned(addresses=(before,) if before else ()))
    assert [one.split()[1] for one in found] == (["del", "add"] if is_made_anew else [])


def test_an_interface_that_is_down_has_no_routes_and_nothing_of_ipv6() -> None:
    wanted = want("shutdown\nip address 192.0.2.1/24\nip6 address 2001:db8::1/64\nip route default 192.0.2.7")
    assert words(wanted, kernel(), Owned()) == ["link set dev eth0 down", "address add 192.0.2.1/24 dev eth0"]


def test_attributes_go_back_to_what_they_were() -> None:
    ours = Owned(attributes={"mtu": "1500"})
    link = replace(LINK, attributes={**LINK.attributes, "mtu": "1400"})
    assert words(want(""), kernel(link=link), ours) == ["link set dev eth0 mtu 1500"]
    assert words(want("mtu 1400"), kernel(link=link), ours) == []


def test_a_route_that_the_kernel_made_of_an_address_is_not_made_again() -> None:
    route = Route("192.0.2.0/24", source="192.0.2.1")
    actual = replace(kernel("192.0.2.1/24"), routes={"eth0": (route,)}, our_routes={}, of_kernel=frozenset({route}))
    assert words(want("ip address 192.0.2.1/24\nip route 192.0.2.0/24 -"), actual, Owned()) == []


@pytest.mark.parametrize(
    ("name", "text", "made"),
    [
        ("eth0.100", "", "link add link eth0 name eth0.100 type vlan id 100"),
        ("bond0.7", "", ""),
        ("br0", "type bridge\nbridge_stp on", "link add name br0 type bridge stp_state 1"),
        ("bond0", "type bonding\nbonding mode active-backup", "link add name bond0 type bond"),
        ("tun0", "type tun", "tuntap add dev tun0 mode tun"),
        ("wg0", "type wg", "link add name wg0 type wireguard"),
        ("eth1", "", ""),
    ],
)
def test_what_makes_an_interface(name: str, text: str, made: str) -> None:
    assert " ".join(" ".join(one.words) for one in new_link(want(text, name).link, kernel())) == made


def test_a_bond_takes_interfaces_that_are_down_and_gives_them_back_as_they_were() -> None:
    bond, slave = Link("bond0", "bond", is_up=True), replace(LINK, name="eth1")
    actual = replace(EMPTY, links={"bond0": bond, "eth1": slave})
    wanted = want("type bonding\nslave eth1 eth2", "bond0")
    assert words(wanted, actual, Owned()) == [
        "link set dev eth1 down",
        "link set dev eth1 master bond0",
        "link set dev eth1 up",
    ]
    actual = replace(EMPTY, links={"bond0": bond, "eth1": replace(slave, master="bond0")})
    gone = [" ".join(one.words) for one in removal("bond0", actual, Owned(made_link=True, slaves={"eth1": False}))]
    assert gone == ["link set dev eth1 nomaster", "link set dev eth1 down", "link del dev bond0"]


def test_what_others_use_is_not_taken_down() -> None:
    ours = Owned(addresses=(Address("192.0.2.1", 24),))
    gone = [" ".join(one.words) for one in removal("eth0", kernel("192.0.2.1/24"), ours)]
    assert gone == ["address del 192.0.2.1/24 dev eth0", "link set dev eth0 down"]
    assert "link set dev eth0 down" not in [
        " ".join(one.words) for one in removal("eth0", kernel("192.0.2.1/24 192.0.2.99/24"), ours)
    ]


def test_a_neighbour_that_is_ours_and_no_longer_wanted_goes() -> None:
    mine = {"eth0": (Neighbour("192.0.2.9", "02:00:00:00:00:09"),)}
    actual = replace(kernel(), neighbours=mine, our_neighbours=mine)
    assert words(want("ip neigh 192.0.2.9 02:00:00:00:00:09"), actual, Owned()) == []
    assert words(want(""), actual, Owned()) == ["neigh del 192.0.2.9 dev eth0"]


def test_every_change_names_its_line() -> None:
    wanted = want("ip address 192.0.2.1/24\nip route default 192.0.2.7\nip rule from all table 7")
    assert [one.line for one in difference(wanted, kernel(), Owned())] == [2, 3, 4]
