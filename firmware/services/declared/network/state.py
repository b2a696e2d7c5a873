"""What a network consists of, the same for what config.rc wants and for what the kernel has: addresses, routes, rules,
neighbours, links. Every value is in one spelling, so that equal things compare equal; addresses are what `ipaddress` prints.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

#: the number by which the kernel knows our routes, rules and neighbours (rtm_protocol; nobody in rt_protos has it)
PROTOCOL = 151
MAIN_TABLE = 254

#: what a number of a line in config.rc is where something comes from elsewhere, as from a DHCP server
NO_LINE = 0


@dataclass(frozen=True, slots=True)
class Address:
    """An address of an interface. `broadcast` and `label` are "" where nobody asked for one. `comes_later`: after the others,
    so that another one of its network is the first."""

    local: str
    prefix: int
    broadcast: str = ""
    label: str = ""
    comes_later: bool = field(default=False, compare=False)
    line: int = field(default=NO_LINE, compare=False)

    @property
    def key(self) -> tuple[str, int]:
        """By what the kernel knows it on its interface."""
        return self.local, self.prefix

    @property
    def family(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.local else 4

    def __str__(self) -> str:
        return f"{self.local}/{self.prefix}"


@dataclass(frozen=True, slots=True)
class Route:
    """A route through an interface. `gateway` and `source` are "" where there is none. `on_link`: the gateway is reached
    through the interface though no network there holds it; the kernel does not tell."""

    destination: str
    gateway: str = ""
    table: int = MAIN_TABLE
    metric: int = 0
    source: str = ""
    on_link: bool = field(default=False, compare=False)
    line: int = field(default=NO_LINE, compare=False)

    @property
    def key(self) -> tuple[str, int, int]:
        """By what the kernel knows it: no two routes of an interface share that."""
        return self.destination, self.table, self.metric

    @property
    def family(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.destination else 4


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that chooses a routing table; rules with a lower preference are asked first. `source` and `destination` are
    networks, "" for all; `mark` is MARK/MASK in hexadecimal, "" for any."""

    family: int
    preference: int
    table: int
    source: str = ""
    destination: str = ""
    mark: str = ""
    interface: str = ""
    line: int = field(default=NO_LINE, compare=False)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A link-layer address that nobody is asked for."""

    address: str
    lladdr: str
    line: int = field(default=NO_LINE, compare=False)


@dataclass(frozen=True, slots=True)
class Link:
    """An interface as the kernel has it. `kind` is "" for hardware, or vlan, bond, bridge, tun, tap, wireguard, …; `options` are
    what is special to that kind. `attributes` are mtu, address (of the link layer), arp and multicast."""

    name: str
    kind: str = ""
    is_up: bool = False
    has_carrier: bool = False
    master: str = ""
    parent: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KernelNetwork:
    """What the kernel has: links by name, addresses, routes and neighbours by interface. `tentative` are addresses that are still
    asked about on the link, `duplicate` those that somebody else has. Routes, rules and neighbours of ours are in
    `our_routes`, `our_rules` and `our_neighbours`, too."""

    links: Mapping[str, Link]
    addresses: Mapping[str, tuple[Address, ...]]
    routes: Mapping[str, tuple[Route, ...]]
    our_routes: Mapping[str, tuple[Route, ...]]
    rules: tuple[Rule, ...]
    our_rules: tuple[Rule, ...]
    neighbours: Mapping[str, tuple[Neighbour, ...]]
    our_neighbours: Mapping[str, tuple[Neighbour, ...]]
    tentative: frozenset[str] = frozenset()
    duplicate: frozenset[str] = frozenset()
    #: routes that the kernel made of the addresses
    of_kernel: frozenset[Route] = frozenset()
