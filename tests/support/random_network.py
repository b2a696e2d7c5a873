"""Random blocks of one interface: valid, and overlapping from one to the next in addresses, routes, rules, neighbours."""

import random


def random_block(chance: random.Random, interface: str) -> str:
    """The block of an interface. Networks 10.1 to 10.4 and fd00:1 to fd00:3 are at it, with gateways in them."""
    nets = chance.sample(range(1, 5), chance.randint(0, 3))
    nets6 = chance.sample(range(1, 4), chance.randint(0, 2))
    lines = [line for net in nets for line in _addresses(chance, net)]
    lines += [f"ip6 address fd00:{net}::{chance.randint(1, 4):x}/{chance.choice((48, 64))}" for net in nets6]
    lines += _routes(chance, nets, nets6)
    lines += [
        f"ip rule from 10.{chance.randint(1, 4)}.0.0/16 table {chance.randint(10, 12)}{_preference(chance)}"
        for _ in _few(chance)
    ]
    lines += [
        f"ip6 rule fwmark {chance.randint(1, 3)} table 10{_preference(chance)}" for _ in range(chance.randint(0, 1))
    ]
    lines += [
        f"ip neigh 10.{net}.0.20{chance.randint(1, 2)} 02:00:00:00:00:0{chance.randint(1, 9)}"
        for net in nets
        if chance.random() < 0.3
    ]
    lines += chance.sample(_OPTIONS, chance.randint(0, 3))
    return "\n\t".join((f"service network {interface}", *dict.fromkeys(lines))) + "\n"


_OPTIONS = (
    "mtu 1400",
    "mtu 1300",
    "lladdr 02:00:5e:00:00:01",
    "sysctl rp_filter=2",
    "sysctl arp_ignore=1",
    "sysctl6 hop_limit=33",
    "shutdown",
)


def _few(chance: random.Random) -> range:
    return range(chance.randint(0, 2))


def _preference(chance: random.Random) -> str:
    return f" pref {chance.randint(100, 103)}" if chance.random() < 0.5 else ""


def _addresses(chance: random.Random, net: int) -> list[str]:
    hosts = chance.sample(range(1, 6), chance.randint(1, 3))
    prefix = chance.choice(("/24", "/16", "/255.255.255.0"))
    found = [f"ip address 10.{net}.0.{host}{prefix}" for host in hosts]
    if chance.random() < 0.3:
        found[0] += " brd +"
    if chance.random() < 0.3:
        found[-1] += " secondary"
    return [*found, *([f"ip address 10.{net}.0.100"] if chance.random() < 0.2 else [])]


def _routes(chance: random.Random, nets: list[int], nets6: list[int]) -> list[str]:
    found = {}
    for net in nets:
        for _ in _few(chance):
            metric, table = chance.choice(("", " metric 5")), chance.choice(("", " table 10", " table 11"))
            destination = chance.choice(("default", "172.16.0.0/16", "172.17.0.0/24", "172.18.0.1"))
            gateway = chance.choice((f"10.{net}.0.254", f"10.{net}.0.253", "-"))
            found.setdefault((destination, metric, table), f"ip route {destination} {gateway}{table}{metric}")
    for net in nets6:
        found.setdefault((str(net),), f"ip6 route fd01:{net}::/32 fd00:{net}::fe{chance.choice(('', ' metric 7'))}")
    return list(found.values())
