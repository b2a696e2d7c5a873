"""How the kernel is brought to what a block wants, and how what the block has set up is taken away again.

Whoever calls this holds the service's lock. All that can be done is done, even if some of it fails: an appliance with one bad
route must stay within reach.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from firmware.rc.block import Block
from firmware.rc.document import PATH
from firmware.services import companion
from firmware.services.declared.network import (
    bonding,
    commands,
    difference,
    ipv6,
    kernel,
    lease,
    negotiation,
    presence,
    record,
    resolver,
    settings,
    wireguard,
)
from firmware.services.declared.network.commands import Command
from firmware.services.declared.network.kernel import Change
from firmware.services.declared.network.record import Owned
from firmware.services.declared.network.state import KernelNetwork, Rule
from firmware.services.declared.network.wanted import Wanted, wanted_network
from firmware.services.wireguard import restore_peers

#: how often the kernel is looked at anew: what is taken away may take along what is to stay
_ROUNDS = 4
#: seconds that a DHCP server has until a start goes on without it
_LEASE_SECONDS = 5.0
#: by itself the driver comes with a bond0 that nobody asked for
_BONDING = Command(("bonding", "max_bonds=0"))


def set_up(block: Block) -> str:
    """Make the kernel's network what the block wants, and take away what an earlier block set up and this one does not want.
    Returns what went wrong, a line each; "" if all of it is there."""
    before = record.read(block.title)
    want = lease.with_lease(wanted_network(block), lease.read(block.instance))
    actual = kernel.read()
    ours = _ownership_ahead(block, want, actual, before)
    record.write(block.title, ours)
    problems = [*commands.load_modules(want.modules), *commands.run_all(_new_loads(want, before))]
    actual, said = _make_link(block.title, want, ours, actual)
    problems += said
    if want.wireguard and want.name in actual.links:
        problems += wireguard.configure(want.name, want.wireguard)
    problems += _negotiate(want, ours, actual)
    if want.link.kind == "bond" and (emptying := bonding.emptying(want.name, want.settings, actual)):
        problems += _carry_out(emptying)
    ours = replace(ours, settings=settings.values_before(_reachable_settings(want, actual), ours.settings))
    record.write(block.title, ours)
    problems += settings.apply(_reachable_settings(want, actual), ours.settings)
    settings.keep_secondaries(want.name)
    want, actual, said = _settle_with_lease(block.title, want, ours, _rules_elsewhere(block.title))
    if want.wireguard and want.name in actual.links:  # routes need an interface that is up
        problems += restore_peers(want.name)
    actual, unusable = ipv6.await_addresses(want, actual)
    record.write(block.title, _ownership_after(want, ours, actual))
    return "\n".join([*problems, *said, *unusable, *_watch_interfaces(block.title, want, actual)])


def take_down(title: str) -> str:
    """Take away all that was set up by that title, and nothing else. Returns what went wrong."""
    ours = record.read(title)
    if ours is None:
        return ""
    problems = commands.run_all(Command(words) for words in ours.unload)
    name, elsewhere = title.partition(".")[2], _rules_elsewhere(title)
    presence.ignore(title)
    companion.stop(title, lease.NAME)
    lease.forget(name)
    resolver.refresh()
    settings.keep_secondaries(name)
    _carry_out(difference.removal(name, kernel.read(), ours, elsewhere))
    problems += _carry_out(difference.removal(name, kernel.read(), ours, elsewhere))  # what failed because of another
    companion.stop(title, wireguard.NAME)
    if ours.negotiated:
        problems += negotiation.negotiate(name, negotiation.AUTOMATIC, 0)
    settings.apply((), ours.settings)
    record.remove(title)
    return "\n".join(problems)


def _make_link(title: str, want: Wanted, ours: Owned, actual: KernelNetwork) -> tuple[KernelNetwork, list[str]]:
    """Make the interface, where the block does, before anything that needs it; returns the network then, and what went wrong."""
    link = actual.links.get(want.name)
    if link and not difference.is_of_kind(want.link, link):
        if not ours.made_link:
            return actual, [f"{want.name} is there already, and is {link.kind or 'hardware'}, not {want.link.kind}"]
        companion.stop(title, wireguard.NAME)
        _carry_out([Change(("link", "del", "dev", want.name))])
        actual = kernel.read()
    if want.link.kind == "bond":
        commands.load_modules([_BONDING])
    made = difference.new_link(want.link, actual)
    problems = _carry_out(made)
    if problems and want.wireguard and not (said := wireguard.make_by_program(title, want.name)):
        problems = []
    elif problems and want.wireguard:
        problems.append(said)
    return kernel.read() if made else actual, problems


def _settle(want: Wanted, ours: Owned, elsewhere: Collection[Rule]) -> tuple[KernelNetwork, list[str]]:
    """Change what differs until nothing does, or nothing more helps; returns the network then, and what went wrong."""
    said: dict[Change, str] = {}
    actual = kernel.read()
    changes = difference.difference(want, actual, ours, elsewhere)
    before: list[Change] = []
    for _ in range(_ROUNDS):
        if changes in ([], before):
            break
        said |= kernel.change(changes)
        actual, before = kernel.read(), changes
        changes = difference.difference(want, actual, ours, elsewhere)
    return actual, [
        _problem(one, said.get(one, "it does not last") + ipv6.reason_for(one, want.name)) for one in changes
    ]


def _settle_with_lease(
    title: str, want: Wanted, ours: Owned, elsewhere: Collection[Rule]
) -> tuple[Wanted, KernelNetwork, list[str]]:
    """Settle, ask for a lease if one is wanted, and settle with it; returns what is wanted then, too."""
    actual, said = _settle(want, ours, elsewhere)
    if not want.asks_dhcp:
        _end_lease(title, want.name)
        return want, actual, said
    if want.name not in actual.links:
        _end_lease(title, want.name)
        return want, actual, said
    if refused := companion.problem(lease.client(title, want.name)):
        return want, actual, [*said, refused]
    lent = lease.await_one(want.name, _LEASE_SECONDS)
    if lent is None:
        return want, actual, [*said, f"no DHCP server has answered on {want.name} so far; it is asked on"]
    with_lease = lease.with_lease(want, lent)
    if with_lease != want:
        actual, said = _settle(with_lease, ours, elsewhere)
    return with_lease, actual, said


def _end_lease(title: str, name: str) -> None:
    companion.stop(title, lease.NAME)
    lease.forget(name)
    resolver.refresh()


def _watch_interfaces(title: str, want: Wanted, actual: KernelNetwork) -> list[str]:
    """What is not there. Somebody watches for it, and for what goes later."""
    absent = [name for name in want.interfaces if name not in actual.links]
    own = (want.name,) if want.name else ()
    refused = presence.watch(title, (*own, *want.interfaces))
    return [
        *(f"the interface {name} is not there; what needs it is set up when it comes" for name in absent),
        *([refused] if refused else []),
    ]


def _ownership_ahead(block: Block, want: Wanted, actual: KernelNetwork, before: Owned | None) -> Owned:
    """All that may be ours once the changes have begun, and how it was before that."""
    ours, link = before or Owned(), actual.links.get(want.name)
    was = link.attributes if link else {}
    slaves = {slave.name: actual.links[slave.name].is_up for slave in want.link.slaves if slave.name in actual.links}
    return replace(
        ours,
        block=block.text,
        line=block.lines[0].number,
        addresses=tuple({one.key: one for one in (*want.addresses, *ours.addresses)}.values()),
        rules=tuple(dict.fromkeys((*want.rules, *ours.rules))),
        made_link=ours.made_link or bool(want.link.kind and not link),
        was_up=ours.was_up if before else bool(link and link.is_up),
        attributes={**{key: was[key] for key in want.link.attributes if key in was}, **ours.attributes},
        slaves={**slaves, **ours.slaves},
        loaded=tuple(one.words for one in want.loads),
        unload=tuple(one.words for one in want.unloads),
        negotiated=ours.negotiated or bool(want.negotiation),
    )


def _ownership_after(want: Wanted, ours: Owned, actual: KernelNetwork) -> Owned:
    """What is ours now that the changes are done: what the block wants, as far as it is there."""
    there = {one.key for one in actual.addresses.get(want.name, ())}
    slaves = {slave.name for slave in want.link.slaves}
    return replace(
        ours,
        addresses=tuple(one for one in want.addresses if one.key in there),
        rules=tuple(one for one in want.rules if one in actual.rules),
        negotiated=bool(want.negotiation),
        made_link=ours.made_link and want.name in actual.links,
        attributes={key: value for key, value in ours.attributes.items() if key in want.link.attributes},
        slaves={name: was_up for name, was_up in ours.slaves.items() if name in slaves},
        settings={one.path: ours.settings[one.path] for one in want.settings if one.path in ours.settings},
    )


def _negotiate(want: Wanted, ours: Owned, actual: KernelNetwork) -> list[str]:
    """Have the card negotiate as the block says, or by itself where it no longer says anything."""
    wanted = want.negotiation or (negotiation.AUTOMATIC if ours.negotiated else {})
    if not wanted or want.name not in actual.links:
        return []
    return negotiation.negotiate(want.name, wanted, want.negotiation_line)


def _new_loads(want: Wanted, before: Owned | None) -> list[Command]:
    """Each line is run once for as long as the block is set up."""
    known = before.loaded if before else ()
    return [one for one in want.loads if one.words not in known]


def _reachable_settings(want: Wanted, actual: KernelNetwork) -> list[settings.Setting]:
    """All but those of an interface that is not there."""
    is_there = not want.name or want.name in actual.links
    return [one for one in want.settings if is_there or want.name not in one.path.split("/")]


def _rules_elsewhere(title: str) -> list[Rule]:
    return [rule for other, owned in record.all_owned().items() if other != title for rule in owned.rules]


def _carry_out(changes: Sequence[Change]) -> list[str]:
    return [_problem(change, words) for change, words in kernel.change(changes).items()]


def _problem(change: Change, words: str) -> str:
    place = f"{PATH}:{change.line}: " if change.line else ""
    return f"{place}{change}: {words}"
