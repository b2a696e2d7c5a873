"""Input files as orders, with all that is wrong with them at once, before a unit is touched."""

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from firmware.errors import Invalid
from firmware.printable import quote_word
from firmware.station import rows
from firmware.station.fields import BY_NAME, FIELDS
from firmware.station.order import UnitOrder
from firmware.station.rows import Row


def read_orders(
    paths: Sequence[Path], known: Callable[[UnitOrder], Iterable[str]] | None = None, *, port: str = ""
) -> list[UnitOrder]:
    """The orders of these files, in their order. Invalid with every fault of all of them, each as FILE:LINE: word: remedy.

    `known` says what the records that are there have against an order. `port` is the line of a unit that is ordered alone,
    in place of what its file says.
    """
    tables = [rows.read(path) for path in paths]
    problems = [problem for table in tables for problem in table.problems]
    found = [row for table in tables for row in table.rows]
    if port and len(found) == 1:
        found = [replace(found[0], words=found[0].words | {"port": (port,)})]
    problems += [problem for row in found for problem in _row_problems(row)]
    problems += _repetitions(found)
    sound = [row for row in found if not any(_row_problems(row))]
    problems += _pair_problems(found, {_first(row, "serial"): row for row in reversed(sound)})
    orders = [_order(row, found) for row in sound]
    problems += [problem for order in orders for problem in (known(order) if known else ())]
    if problems:
        many = "s" * (len(problems) > 1)
        raise Invalid(f"{', '.join(map(str, paths))}: {len(problems)} fault{many}: no unit was touched", "", problems)
    return orders


def _first(row: Row, name: str) -> str:
    return next(iter(row.words.get(name, ())), "")


def _row_problems(row: Row) -> Iterator[str]:
    for field in FIELDS:
        words = row.words.get(field.name, ())
        if field.is_required and not words:
            yield f"{row.place()}: {field.name} is missing: write {field.about}"
        if len(words) > 1 and not field.separator:
            yield f"{row.place(field.name)}: {field.name} has {len(words)} words: write one"
        for word in words:
            if problem := field.problem(word):
                yield f"{row.place(field.name)}: {field.name}: {problem}"
    yield from _login_problems(row)
    yield from _network_problems(row)


def _login_problems(row: Row) -> Iterator[str]:
    given = [name for name in ("password", "password_hash") if row.words.get(name)]
    if len(given) > 1:
        yield f"{row.place('password_hash')}: password_hash: there is a password, too: keep one of them"
    if not given and not row.words.get("ssh_keys"):
        yield f"{row.place()}: nobody could log in: write password, password_hash or ssh_keys"


def _network_problems(row: Row) -> Iterator[str]:
    """Addresses that are sound by themselves, outside of their network."""
    try:
        network = ipaddress.ip_network(_first(row, "network"))
    except ValueError:
        return
    for name in ("address", "gateway"):
        try:
            address = ipaddress.ip_address(_first(row, name))
        except ValueError:
            continue
        if address not in network:
            yield f"{row.place(name)}: {name}: {address} is outside of its network {network}: correct one of them"
        elif network.num_addresses > 2 and address in (network.network_address, network.broadcast_address):
            yield f"{row.place(name)}: {name}: {address} is the network {network} itself: write an address of a node"
    if _first(row, "gateway") and _first(row, "gateway") == _first(row, "address"):
        yield f"{row.place('gateway')}: gateway: it is the unit's own address: write the router's"


def _repetitions(found: Sequence[Row]) -> Iterator[str]:
    """What only one unit may have, and two do."""
    for name in ("serial", "mac", "host_name", "address", "port"):
        first: dict[str, str] = {}
        for row in found:
            for word in row.words.get(name, ()):
                key = word.lower()
                if key in first:
                    yield f"{row.place(name)}: {name}: {quote_word(word)} stands at {first[key]} already: each has its own"
                first.setdefault(key, row.place(name))


def _pair_problems(found: Sequence[Row], by_serial: dict[str, Row]) -> Iterator[str]:
    partners: dict[str, str] = {}
    serials = {_first(row, "serial") for row in found}
    for row in found:
        own, other = _first(row, "serial"), _first(row, "pair")
        if not other or BY_NAME["pair"].problem(other):
            continue
        where = f"{row.place('pair')}: pair: {quote_word(other)}"
        if other == own:
            yield f"{where} is the unit itself: name the other one"
        elif other not in serials:
            yield f"{where} is not in the input: write that unit, too"
        elif partners.get(own, other) != other or partners.get(other, own) != own:
            yield f"{where}: one of the two is in another pair already: a unit is in one"
        else:
            partners |= {own: other, other: own}
            if own in by_serial and other in by_serial:
                yield from _partner_problems(by_serial[own], by_serial[other], where)


def _partner_problems(one: Row, other: Row, where: str) -> Iterator[str]:
    if _first(one, "network") != _first(other, "network"):
        yield f"{where} is in the network {_first(other, 'network')}, not {_first(one, 'network')}: use one for both"


def partner(serial: str, found: Iterable[tuple[str, str]]) -> str:
    """Whom a unit makes a pair with, out of (serial, pair) of all units: one of the two needs to say so. "" for nobody."""
    for own, other in found:
        if other and serial in (own, other):
            return other if serial == own else own
    return ""


def _partner(row: Row, found: Sequence[Row]) -> tuple[Row | None, int]:
    """Its partner, and its number in the pair: the one that stands first is node 1."""
    serials = [_first(each, "serial") for each in found]
    own = _first(row, "serial")
    other = partner(own, ((_first(each, "serial"), _first(each, "pair")) for each in found))
    if other not in serials:
        return None, 0
    return found[serials.index(other)], 1 if serials.index(own) < serials.index(other) else 2


def _order(row: Row, found: Sequence[Row]) -> UnitOrder:
    plain = ("serial", "model", "network", "port", "password", "password_hash", "timezone")
    other, node = _partner(row, found)
    return UnitOrder(
        place=row.place(),
        **{name: _first(row, name) for name in plain},
        macs=tuple(mac.lower() for mac in row.words["mac"]),
        host_name=_first(row, "host_name").lower(),
        address=_normalize_address(_first(row, "address")),
        gateway=_normalize_address(_first(row, "gateway")),
        interface=_first(row, "interface") or "eth0",
        ssh_keys=row.words.get("ssh_keys", ()),
        cables=row.words.get("cables", ()),
        links=row.words.get("links", ()),
        pair=_first(other, "serial") if other else "",
        node=node,
        peer_address=_normalize_address(_first(other, "address")) if other else "",
    )


def _normalize_address(word: str) -> str:
    """As it is written shortest; "" for none, and for what is wrong and told elsewhere."""
    try:
        return str(ipaddress.ip_address(word))
    except ValueError:
        return ""
