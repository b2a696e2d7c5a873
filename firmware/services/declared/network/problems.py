"""What is wrong with the lines of a network together, though each is valid by itself: found at `config check`, before anything
starts. Other blocks may hold errors of their own; what cannot be understood there is said there, not here.
"""

import ipaddress
import os
from collections.abc import Iterator, Sequence

from firmware.printable import quote_word
from firmware.rc.block import Block
from firmware.rc.document import Document
from firmware.rc.values import INTERFACE
from firmware.services.declared.network import settings, wireguard
from firmware.services.declared.network.commands import missing_program
from firmware.services.declared.network.directives import DIRECTIVES
from firmware.services.declared.network.state import Address, Route
from firmware.services.declared.network.wanted import Wanted, vlan_of, wanted_network

Found = Iterator[tuple[int, str]]

#: the directives that need no interface
_OF_NO_INTERFACE = ("sysctl", "sysctl6", "modprobe", "load", "unload")
_OF_INTERFACE = {one.key.split()[0] for one in DIRECTIVES}.difference(_OF_NO_INTERFACE)
#: directives that mean something only in an interface of that type
_OF_TYPE = {
    "slave": ("bonding", "bridge"),
    "bonding": ("bonding",),
    "bridge": ("bridge",),
    "bridge_stp": ("bridge",),
    "wg": ("wg",),
}
#: the types whose interfaces carry packets of IP alone, and what such interfaces do not take
_WITHOUT_MAC = ("tun", "wg")
_OF_MAC = (("ip", "neigh"), ("ip", "arp"), ("ip6", "neigh"))
#: settings that come with a module, which need not be loaded yet
_OF_MODULES = ("net/netfilter/", "net/bridge/", "net/ipv4/vs/")
_MIN_MTU6 = 1280
_MAX_VLAN = 4094


def problems(block: Block, document: Document) -> list[tuple[int, str]]:
    """What is wrong with a block of which each line is valid, in this document: numbers of lines, and texts."""
    if found := list(_block_problems(block)):
        return found
    want = wanted_network(block)
    found = [*_setting_problems(block, want), *_command_problems(want)]
    if not block.instance:
        return found
    found += _key_problems(want)
    others = [want_of_other for other in document.first_blocks if (want_of_other := _other_network(block, other))]
    checks = (
        _address_problems(want, others),
        _route_problems(block, want, others),
        _stack_problems(want, others),
    )
    return sorted({*found, *(one for some in checks for one in some)})


def _other_network(block: Block, other: Block) -> Wanted | None:
    """What another interface wants; None for what is switched off, or cannot be understood."""
    if other.name != "network" or other.title == block.title or not other.enabled or not other.instance:
        return None
    try:
        return wanted_network(other)
    except (ValueError, IndexError):
        return None


def _block_problems(block: Block) -> Found:
    """What can be told without understanding values."""
    header = block.lines[0].number
    if block.instance and (problem := INTERFACE.problem((block.instance,))):
        yield header, problem
    _, number = vlan_of(block.instance)
    if number and not block.value("type") and not 1 <= int(number) <= _MAX_VLAN:
        yield header, f"{quote_word(block.instance)}: the number of a VLAN is one from 1 to {_MAX_VLAN}"
    typed = block.value("type")
    for line in block.directives:
        words = line.words[1:] if line.words[0] == "no" else line.words
        if not block.instance and words[0] in _OF_INTERFACE:
            yield line.number, f"{' '.join(words[:2])!r} needs an interface: service network INTERFACE"
        elif line.words[0] != "no" and typed in _WITHOUT_MAC and words[:2] in _OF_MAC:
            yield line.number, f"{' '.join(words[:2])!r}: an interface of 'type {typed}' has no link-layer addresses"
        elif line.words[0] != "no" and words[0] in _OF_TYPE and typed not in _OF_TYPE[words[0]]:
            yield line.number, f"{' '.join(words[:2])!r} is for an interface of 'type {' | '.join(_OF_TYPE[words[0]])}'"


def _key_problems(want: Wanted) -> Found:
    """The private key without which a start would fail. Who may not look at it is told nothing."""
    if want.wireguard is None or not want.wireguard.private_key or os.geteuid():
        return
    _, said = wireguard.read_key(want.wireguard.private_key)
    if said:
        yield want.wireguard.line, said


def _address_problems(want: Wanted, others: Sequence[Wanted]) -> Found:
    seen: dict[str, tuple[int, str]] = {
        one.local: (one.line, other.name) for other in others for one in other.addresses
    }
    for one in want.addresses:
        line, name = seen.get(one.local, (one.line, want.name))
        if line < one.line:
            yield one.line, f"{one.local} stands there twice: in line {line}, for {name}, too"
        seen.setdefault(one.local, (one.line, want.name))
        if one.label and (not one.label.startswith(want.name) or len(one.label) > 15 or not one.label.isascii()):
            yield (
                one.line,
                f"the label {quote_word(one.label)} does not begin with {want.name}, or has over 15 characters",
            )
        if one.family == 6 and int(want.link.attributes.get("mtu", _MIN_MTU6)) < _MIN_MTU6:
            yield (
                want.link.lines["mtu"],
                f"mtu {want.link.attributes['mtu']}: IPv6 needs {_MIN_MTU6} at least, and {one} is one",
            )
    mac = want.link.attributes.get("address", "")
    if mac and (int(mac[:2], 16) & 1 or not mac.strip("0:")):
        yield want.link.lines["lladdr"], f"{mac}: no interface can have that address, it is one of a group"


def _route_problems(block: Block, want: Wanted, others: Sequence[Wanted]) -> Found:
    elsewhere = {one.key: (one.line, other.name) for other in others for one in other.routes}
    here: dict[tuple[str, int, int], int] = {}
    known = {one.local for network in (want, *others) for one in network.addresses}
    changing = any(network.asks_dhcp for network in (want, *others))
    for one in want.routes:
        line, name = elsewhere.get(one.key, (here.get(one.key, one.line), want.name))
        here.setdefault(one.key, one.line)
        if line < one.line:
            yield (
                one.line,
                f"a route to {one.destination} stands in line {line}, for {name}, too: give one of them a metric",
            )
        if one.source and one.source not in known and not changing:
            yield one.line, f"src {one.source}: no block has that address"
        if one.gateway and one.gateway in {own.local for own in want.addresses}:
            yield one.line, f"the gateway {one.gateway} is this node itself"
        elif one.gateway and not _is_reachable(one, want) and not _may_have_more(block):
            yield (
                one.line,
                f"the gateway {one.gateway} is outside of every network of {want.name} (onlink: it is there all the same)",
            )


def _is_reachable(route: Route, want: Wanted) -> bool:
    gateway = ipaddress.ip_address(route.gateway)
    networks = [_network(one) for one in want.addresses if one.family == route.family]
    networks += [
        ipaddress.ip_network(one.destination) for one in want.routes if not one.gateway and one.family == route.family
    ]
    return route.on_link or gateway.is_link_local or any(gateway in network for network in networks)


def _network(one: Address) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(str(one), strict=False)


def _may_have_more(block: Block) -> bool:
    """May it get addresses that stand nowhere?"""
    return bool(block.flag("ip dhcp", False) or block.flag("ip6 autoconfig", False) or block.values("load"))


def _stack_problems(want: Wanted, others: Sequence[Wanted]) -> Found:
    """What lies over what: no loop, nothing below two, and no bridge below a bridge, nor bond below a bond."""
    by_name = {other.name: other for other in others}
    masters = {slave.name: (slave.line, other.name) for other in others for slave in other.link.slaves}
    line = want.link.slaves[0].line if want.link.slaves else want.link.lines.get("type", 0)
    if want.link.slaves and want.name in _all_below(want, by_name):
        yield line, f"{want.name} lies below itself: {' → '.join((want.name, *_all_below(want, by_name)))}"
    for slave in want.link.slaves:
        number, name = masters.get(slave.name, (slave.line, ""))
        if number < slave.line:
            yield slave.line, f"{slave.name} is below {name} already (line {number})"
        kind = by_name[slave.name].link.kind if slave.name in by_name else ""
        if kind == want.link.kind or slave.name == "lo":
            yield slave.line, f"{slave.name} cannot be below {want.name}: {kind or 'it is the node itself'}"


def _all_below(want: Wanted, by_name: dict[str, Wanted]) -> list[str]:
    """Everything that lies below, to where it comes round."""
    found: list[str] = []
    waiting = list(_directly_below(want))
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found.append(name)
            below = want if name == want.name else by_name.get(name)
            waiting += _directly_below(below) if below and name != want.name else ()
    return found


def _directly_below(want: Wanted) -> tuple[str, ...]:
    return (*(slave.name for slave in want.link.slaves), *((want.link.parent,) if want.link.parent else ()))


def _command_problems(want: Wanted) -> Found:
    for one in (*want.loads, *want.unloads):
        if missing := missing_program(one.words):
            yield one.line, f"{quote_word(missing)}: the program is not on this node"


def _setting_problems(block: Block, want: Wanted) -> Found:
    """Settings that this kernel does not have."""
    if want.modules or not os.path.isdir(settings.PROC / "net"):
        return
    for one in want.settings:
        words = one.path.split("/")
        general = "/".join("default" if word == block.instance else word for word in words)
        if not one.path.startswith(("/", *_OF_MODULES)) and not os.path.exists(settings.PROC / general):
            yield one.line, f"{one.name}: this kernel has no setting {one.path.replace('/', '.')}"
