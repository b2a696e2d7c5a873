"""How the kernel is brought to what a block wants, and how what the block has set up is taken away again.

Whoever calls this holds the service's lock. All that can be done is done, even if some of it fails: an appliance with one bad
route must stay within reach.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from firmware.rc.block import Block
from firmware.rc.document import PATH
from firmware.services.declared.network import commands, difference, kernel, record, settings
from firmware.services.declared.network.commands import Command
from firmware.services.declared.network.kernel import Change
from firmware.services.declared.network.record import Owned
from firmware.services.declared.network.state import KernelNetwork, Rule
from firmware.services.declared.network.wanted import Wanted, wanted_network

#: how often the kernel is looked at anew: what is taken away may take along what is to stay
_ROUNDS = 4


def set_up(block: Block) -> str:
    """Make the kernel's network what the block wants, and take away what an earlier block set up and this one does not want.
    Returns what went wrong, a line each; "" if all of it is there."""
    want, before = wanted_network(block), record.read(block.title)
    actual = kernel.read()
    ours = _ownership_ahead(block, want, actual, before)
    record.write(block.title, ours)
    problems = [*commands.load_modules(want.modules), *commands.run_all(_new_loads(want, before))]
    actual, said = _make_link(want, ours, actual)
    problems += said
    ours = replace(ours, settings=settings.values_before(_reachable_settings(want, actual), ours.settings))
    record.write(block.title, ours)
    problems += settings.apply(_reachable_settings(want, actual), ours.settings)
    actual, said = _settle(want, ours, _rules_elsewhere(block.title))
    record.write(block.title, _ownership_after(want, ours, actual))
    return "\n".join([*problems, *said, *_absences(want, actual)])


def take_down(title: str) -> str:
    """Take away all that was set up by that title, and nothing else. Returns what went wrong."""
    ours = record.read(title)
    if ours is None:
        return ""
    problems = commands.run_all(Command(words) for words in ours.unload)
    name, elsewhere = title.partition(".")[2], _rules_elsewhere(title)
    _carry_out(difference.removal(name, kernel.read(), ours, elsewhere))
    problems += _carry_out(difference.removal(name, kernel.read(), ours, elsewhere))  # what failed because of another
    settings.apply((), ours.settings)
    record.remove(title)
    return "\n".join(problems)


def _make_link(want: Wanted, ours: Owned, actual: KernelNetwork) -> tuple[KernelNetwork, list[str]]:
    """Make the interface, where the block does, before anything that needs it; returns the network then, and what went wrong."""
    changes = difference.old_link(want.link, actual, ours)
    problems = _carry_out(changes)
    actual = kernel.read() if changes else actual
    made = difference.new_link(want.link, actual)
    problems += _carry_out(made)
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
    return actual, [_problem(one, said.get(one, "it does not last")) for one in changes]


def _absences(want: Wanted, actual: KernelNetwork) -> list[str]:
    """What is not there, and what that means."""
    return [
        f"the interface {name} is not there; what needs it is set up when it comes"
        for name in want.interfaces
        if name not in actual.links
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
    )


def _ownership_after(want: Wanted, ours: Owned, actual: KernelNetwork) -> Owned:
    """What is ours now that the changes are done: what the block wants, as far as it is there."""
    there = {one.key for one in actual.addresses.get(want.name, ())}
    slaves = {slave.name for slave in want.link.slaves}
    return replace(
        ours,
        addresses=tuple(one for one in want.addresses if one.key in there),
        rules=tuple(one for one in want.rules if one in actual.rules),
        made_link=ours.made_link and want.name in actual.links,
        attributes={key: value for key, value in ours.attributes.items() if key in want.link.attributes},
        slaves={name: was_up for name, was_up in ours.slaves.items() if name in slaves},
        settings={one.path: ours.settings[one.path] for one in want.settings if one.path in ours.settings},
    )


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
