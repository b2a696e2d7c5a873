"""What has to be changed for the kernel to have what a block wants: a pure function of both, and of what the block has set up
before. What stays is not touched, and what is new comes before what is old goes.

What somebody else has added is left alone, but where the block wants a thing of the same key, which the kernel keeps only once.
"""

from collections.abc import Collection, Iterator

from firmware.services.declared.network.kernel import Change
from firmware.services.declared.network.record import Owned
from firmware.services.declared.network.state import PROTOCOL, Address, KernelNetwork, Link, Neighbour, Route, Rule
from firmware.services.declared.network.wanted import Wanted, WantedLink

_NOBODY: frozenset[Rule] = frozenset()


def difference(
    wanted: Wanted, actual: KernelNetwork, ours: Owned, elsewhere: Collection[Rule] = _NOBODY
) -> list[Change]:
    """The changes in their order. `elsewhere` are the rules of other blocks, which are not taken away here."""
    link = actual.links.get(wanted.name)
    changes: list[Change] = []
    if link:
        changes += [
            *_slaves(wanted.link, link, actual, ours),
            *_attributes(wanted.link, link, ours),
            *_level(wanted.link, link),
        ]
        changes += [
            *_new_addresses(wanted, actual, ours),
            *_new_neighbours(wanted, actual),
            *_new_routes(wanted, actual),
        ]
    changes += [*_new_rules(wanted, actual), *_old_rules(wanted, actual, ours, elsewhere)]
    if link:
        changes += [
            *_old_routes(wanted, actual),
            *_old_neighbours(wanted, actual),
            *_old_addresses(wanted, actual, ours),
        ]
    return changes


def new_link(wanted: WantedLink, actual: KernelNetwork) -> list[Change]:
    """What makes the interface, if its block does and it is not there; nothing while the interface below is missing."""
    if not wanted.kind or wanted.name in actual.links or (wanted.parent and wanted.parent not in actual.links):
        return []
    line = wanted.lines.get("type", 0)
    if wanted.kind in ("tun", "tap"):
        return [Change(("tuntap", "add", "dev", wanted.name, "mode", wanted.kind), line)]
    below = ("link", wanted.parent) if wanted.parent else ()
    options = ("id", wanted.vlan) if wanted.vlan else tuple(_bridge_options(wanted))
    return [Change(("link", "add", *below, "name", wanted.name, "type", wanted.kind, *options), line)]


def is_of_kind(wanted: WantedLink, link: Link) -> bool:
    """Is it what the block would make?"""
    fits = wanted.kind in ("", link.kind) or (wanted.kind == "wireguard" and link.kind == "tun")
    return fits and (not wanted.vlan or (link.parent, link.options.get("id")) == (wanted.parent, wanted.vlan))


def removal(name: str, actual: KernelNetwork, ours: Owned, elsewhere: Collection[Rule] = _NOBODY) -> list[Change]:
    """What takes away all that a block has set up. An interface that was down before goes down again, if nobody else uses it."""
    link = actual.links.get(name)
    nothing = Wanted(name, WantedLink(name, is_up=bool(link and link.is_up)))
    if link and ours.made_link:
        released = _slaves(nothing.link, link, actual, ours)
        return [*_old_rules(nothing, actual, ours, elsewhere), *released, Change(("link", "del", "dev", name))]
    changes = difference(nothing, actual, ours, elsewhere)
    if link and link.is_up and not ours.was_up and not _is_used_by_others(name, actual, ours):
        changes.append(Change(("link", "set", "dev", name, "down")))
    return changes


def _is_used_by_others(name: str, actual: KernelNetwork, ours: Owned) -> bool:
    mine = {one.key for one in ours.addresses}
    foreign = [
        one for one in actual.addresses.get(name, ()) if one.key not in mine and not one.local.startswith("fe80:")
    ]
    above = [other for other in actual.links.values() if other.parent == name and other.kind != "veth"]
    return bool(foreign or actual.links[name].master or above)


def _bridge_options(wanted: WantedLink) -> Iterator[str]:
    if wanted.kind == "bridge":
        for key, value in wanted.options.items():
            yield from (key, value)


def _attributes(wanted: WantedLink, link: Link, ours: Owned) -> Iterator[Change]:
    """Attributes that the block names, and those that it no longer does, as they were before."""
    for key, value in {**ours.attributes, **wanted.attributes}.items():
        if link.attributes.get(key) != value:
            yield Change(("link", "set", "dev", link.name, key, value), wanted.lines.get(key, 0))
    changed = [word for key, value in wanted.options.items() if link.options.get(key) != value for word in (key, value)]
    if wanted.kind == "bridge" and changed:
        yield Change(("link", "set", "dev", link.name, "type", "bridge", *changed), wanted.lines.get("bridge_stp", 0))


def _slaves(wanted: WantedLink, link: Link, actual: KernelNetwork, ours: Owned) -> Iterator[Change]:
    names = {slave.name for slave in wanted.slaves}
    for name, was_up in ours.slaves.items():
        below = actual.links.get(name)
        if name not in names and below and below.master == link.name:
            yield Change(("link", "set", "dev", name, "nomaster"))
            if not was_up:
                yield Change(("link", "set", "dev", name, "down"))
    for slave in wanted.slaves:
        below = actual.links.get(slave.name)
        if below and below.master != link.name:
            if wanted.kind == "bond" and below.is_up:
                yield Change(("link", "set", "dev", slave.name, "down"), slave.line)
            yield Change(("link", "set", "dev", slave.name, "master", link.name), slave.line)
        if below and (not below.is_up or below.master != link.name):
            yield Change(("link", "set", "dev", slave.name, "up"), slave.line)


def _level(wanted: WantedLink, link: Link) -> Iterator[Change]:
    if link.is_up != wanted.is_up:
        yield Change(("link", "set", "dev", link.name, "up" if wanted.is_up else "down"))


def _new_addresses(wanted: Wanted, actual: KernelNetwork, ours: Owned) -> Iterator[Change]:
    there = {one.key: one for one in actual.addresses.get(wanted.name, ())}
    before = {one.key: one for one in ours.addresses}
    for one in _addresses(wanted):
        now = there.get(one.key)
        if now and not _is_to_be_made_anew(one, now, before.get(one.key)):
            continue
        in_the_way = now or (_same_address(one, there.values()) if one.family == 6 else None)
        if in_the_way:
            yield _removed_address(in_the_way, wanted.name, one.line)
        options = (*(("brd", one.broadcast) if one.broadcast else ()), *(("label", one.label) if one.label else ()))
        yield Change(("address", "add", str(one), *options, "dev", wanted.name), one.line)


def _addresses(wanted: Wanted) -> list[Address]:
    """Those that it is to have now: an interface that is down has none of IPv6."""
    return [one for one in wanted.addresses if wanted.link.is_up or one.family == 4]


def _same_address(one: Address, there: Collection[Address]) -> Address | None:
    """The same address with another prefix, which IPv6 does not take beside it."""
    return next((other for other in there if other.local == one.local), None)


def _is_to_be_made_anew(one: Address, now: Address, before: Address | None) -> bool:
    """The kernel changes neither a label nor a broadcast address. What the block does not say counts only where it did before."""
    if (now.broadcast, now.label) == (one.broadcast, one.label):
        return False
    if before is not None and before != one:
        return True
    return bool((one.broadcast and one.broadcast != now.broadcast) or (one.label and one.label != now.label))


def _old_addresses(wanted: Wanted, actual: KernelNetwork, ours: Owned) -> Iterator[Change]:
    kept = {one.key for one in _addresses(wanted)} | {(one.local, 0) for one in wanted.addresses if one.family == 6}
    there = {one.key for one in actual.addresses.get(wanted.name, ())}
    for one in ours.addresses:
        if one.key in there and one.key not in kept and (one.local, 0) not in kept:
            yield _removed_address(one, wanted.name)


def _removed_address(one: Address, name: str, line: int = 0) -> Change:
    return Change(("address", "del", str(one), "dev", name), line)


def _new_routes(wanted: Wanted, actual: KernelNetwork) -> Iterator[Change]:
    there, mine = actual.routes.get(wanted.name, ()), actual.our_routes.get(wanted.name, ())
    for one in _routes(wanted):
        if one not in mine and not _is_made_by_kernel(one, actual, there):
            yield Change(("route", "replace", *_route_words(one, wanted.name), "proto", str(PROTOCOL)), one.line)


def _is_made_by_kernel(one: Route, actual: KernelNetwork, there: Collection[Route]) -> bool:
    return any(
        (other.key, other.gateway) == (one.key, one.gateway) and one.source in ("", other.source)
        for other in there
        if other in actual.of_kernel
    )


def _routes(wanted: Wanted) -> tuple[Route, ...]:
    return wanted.routes if wanted.link.is_up else ()


def _old_routes(wanted: Wanted, actual: KernelNetwork) -> Iterator[Change]:
    kept = {one.key for one in _routes(wanted)}
    for one in actual.our_routes.get(wanted.name, ()):
        if one.key not in kept:
            yield Change(("route", "del", *_route_words(one, wanted.name), "proto", str(PROTOCOL)))


def _route_words(one: Route, name: str) -> tuple[str, ...]:
    return (
        one.destination,
        *(("via", one.gateway) if one.gateway else ()),
        "dev",
        name,
        *(("onlink",) if one.on_link else ()),
        *(("src", one.source) if one.source else ()),
        "table",
        str(one.table),
        *(("metric", str(one.metric)) if one.metric else ()),
    )


def _new_rules(wanted: Wanted, actual: KernelNetwork) -> Iterator[Change]:
    for one in wanted.rules:
        if one not in actual.rules:
            yield Change(("rule", "add", *_rule_words(one), "protocol", str(PROTOCOL)), one.line, _option(one))


def _old_rules(wanted: Wanted, actual: KernelNetwork, ours: Owned, elsewhere: Collection[Rule]) -> Iterator[Change]:
    for one in ours.rules:
        if one in actual.rules and one not in wanted.rules and one not in elsewhere:
            yield Change(("rule", "del", *_rule_words(one)), 0, _option(one))


def _option(one: Rule) -> int:
    """`ip` cannot tell the family of a rule."""
    return 6 if one.family == 6 else 0


def _rule_words(one: Rule) -> tuple[str, ...]:
    return (
        "from",
        one.source or "all",
        *(("to", one.destination) if one.destination else ()),
        *(("fwmark", one.mark) if one.mark else ()),
        *(("iif", one.interface) if one.interface else ()),
        "table",
        str(one.table),
        "pref",
        str(one.preference),
    )


def _new_neighbours(wanted: Wanted, actual: KernelNetwork) -> Iterator[Change]:
    there = actual.our_neighbours.get(wanted.name, ())
    for one in _neighbours(wanted):
        if one not in there:
            words = (
                one.address,
                "lladdr",
                one.lladdr,
                "dev",
                wanted.name,
                "nud",
                "permanent",
                "protocol",
                str(PROTOCOL),
            )
            yield Change(("neigh", "replace", *words), one.line)


def _neighbours(wanted: Wanted) -> tuple[Neighbour, ...]:
    return wanted.neighbours if wanted.link.is_up else ()


def _old_neighbours(wanted: Wanted, actual: KernelNetwork) -> Iterator[Change]:
    kept = {one.address for one in _neighbours(wanted)}
    for one in actual.our_neighbours.get(wanted.name, ()):
        if one.address not in kept:
            yield Change(("neigh", "del", one.address, "dev", wanted.name))
