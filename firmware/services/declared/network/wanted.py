"""What the block of an interface wants, in the terms of `state`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from firmware.rc.block import Block, Occurrence
from firmware.services.declared.network import bonding, negotiation, settings
from firmware.services.declared.network.commands import Command
from firmware.services.declared.network.grammar import (
    FIRST_PREFERENCE,
    parse_address,
    parse_neighbour,
    parse_route,
    parse_rule,
)
from firmware.services.declared.network.settings import Setting
from firmware.services.declared.network.state import NO_LINE, Address, Neighbour, Route, Rule

#: the directive for each family of addresses
FAMILIES = {"ip": 4, "ip6": 6}
#: what `type` says, as the kernel calls it
_KINDS = {"bonding": "bond", "wg": "wireguard"}

Item = TypeVar("Item", Address, Route, Rule, Neighbour)


@dataclass(frozen=True, slots=True)
class Slave:
    """An interface below a bond or a bridge."""

    name: str
    line: int


@dataclass(frozen=True, slots=True)
class WantedLink:
    """An interface as its block wants it. `kind` is "" for what the block does not make; `parent` and `vlan` are those of a
    VLAN. `attributes` are those that the block names, `options` those of a bridge; `lines` is where they stand."""

    name: str
    kind: str = ""
    parent: str = ""
    vlan: str = ""
    is_up: bool = True
    attributes: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    slaves: tuple[Slave, ...] = ()
    lines: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WireGuard:
    """What is WireGuard's own in an interface: 0 and "" where the block says nothing. `lines` is where it stands."""

    listen_port: int = 0
    mark: str = ""
    private_key: str = ""
    line: int = NO_LINE


@dataclass(frozen=True, slots=True)
class Wanted:
    """All that a block wants of its interface, or of the whole network (`name` is "" then)."""

    name: str
    link: WantedLink
    addresses: tuple[Address, ...] = ()
    routes: tuple[Route, ...] = ()
    rules: tuple[Rule, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    settings: tuple[Setting, ...] = ()
    modules: tuple[Command, ...] = ()
    loads: tuple[Command, ...] = ()
    unloads: tuple[Command, ...] = ()
    wireguard: WireGuard | None = None
    asks_dhcp: bool = False
    negotiation: Mapping[str, str] = field(default_factory=dict)
    negotiation_line: int = NO_LINE

    @property
    def interfaces(self) -> tuple[str, ...]:
        """The interfaces that have to be there, and that nobody makes for it: its own, or what it is made of."""
        link = self.link
        own = () if link.kind or not self.name else (self.name,)
        return (*own, *((link.parent,) if link.parent else ()), *(slave.name for slave in link.slaves))


def wanted_network(block: Block) -> Wanted:
    """What a block wants. Its values are valid."""
    addresses = _items(block, "address", parse_address)
    return Wanted(
        block.instance,
        _link(block),
        tuple(sorted(addresses, key=lambda one: one.comes_later)),
        tuple(_items(block, "route", parse_route)),
        tuple(_rules(block)),
        tuple(_items(block, "neigh", parse_neighbour) + _items(block, "arp", parse_neighbour)),
        (*settings.block_settings(block), *bonding.block_options(block)),
        _commands(block, "modprobe"),
        _commands(block, "load"),
        _commands(block, "unload"),
        _wireguard(block) if block.value("type") == "wg" else None,
        block.flag("ip dhcp", False),
        *negotiation.block_negotiation(block),
    )


def vlan_of(name: str) -> tuple[str, str]:
    """The interface below a VLAN and its number, by its name: eth0.100 is number 100 on eth0. "" for what is no VLAN."""
    parent, _, number = name.rpartition(".")
    return (parent, str(int(number))) if parent and number.isascii() and number.isdigit() else ("", "")


def _items(block: Block, what: str, parse: Callable[[tuple[str, ...], int], Item]) -> list[Item]:
    """Each line once; of lines that mean the same the first counts."""
    found: dict[Item, Item] = {}
    for key, family in FAMILIES.items():
        for one in block.standing(f"{key} {what}"):
            item = replace(parse(one.values, family), line=one.line.number)
            found.setdefault(item, item)
    return list(found.values())


def _rules(block: Block) -> list[Rule]:
    """Rules without a preference of their own get one by their place in the block."""
    return [
        rule if rule.preference else replace(rule, preference=FIRST_PREFERENCE + place)
        for place, rule in enumerate(_items(block, "rule", parse_rule))
    ]


def _link(block: Block) -> WantedLink:
    named = {"mtu": "mtu", "lladdr": "address"}
    attributes = {attribute: block.value(key).lower() for key, attribute in named.items() if block.value(key)}
    attributes |= {
        key: "on" if block.flag(key, True) else "off" for key in ("arp", "multicast") if block.occurrences(key)
    }
    typed = block.value("type")
    parent, vlan = ("", "") if typed else vlan_of(block.instance)
    kind = "vlan" if vlan else _KINDS.get(typed, typed)
    options = _options(block, kind)
    return WantedLink(
        block.instance,
        kind,
        parent,
        vlan,
        not block.flag("shutdown", False),
        attributes,
        options,
        _slaves(block),
        {key: one.line.number for key in (*named, "type", "bridge_stp") for one in block.standing(key)},
    )


def _options(block: Block, kind: str) -> dict[str, str]:
    return {"stp_state": "1" if block.flag("bridge_stp", False) else "0"} if kind == "bridge" else {}


def _slaves(block: Block) -> tuple[Slave, ...]:
    found = [
        Slave(name, one.line.number)
        for key in ("slave", "bridge")
        for one in block.standing(key)
        for name in one.values
    ]
    return tuple({slave.name: slave for slave in found}.values())


def _commands(block: Block, key: str) -> tuple[Command, ...]:
    return tuple(Command(one.values, one.line.number) for one in block.standing(key))


def _wireguard(block: Block) -> WireGuard:
    keys: list[Occurrence] = block.standing("wg private_key")
    return WireGuard(
        int(block.value("wg listen_port") or 0),
        block.value("wg fwmark"),
        block.value("wg private_key"),
        keys[-1].line.number if keys else NO_LINE,
    )
