"""What an interface has that its block has not set up: added by hand, by keepalived, by a routing daemon. It is left alone, and
shown to whoever asks how the interface is.
"""

from firmware.services.declared.network import kernel, record
from firmware.services.declared.network.record import Owned
from firmware.services.declared.network.state import KernelNetwork, Route

#: how many things of one kind are named one by one
_NAMED = 20


def remarks(title: str) -> list[str]:
    """A line for each thing that somebody else has added; of the whole network, the rules."""
    name, actual = title.partition(".")[2], kernel.read()
    ours = record.read(title) or Owned()
    lines = _of_interface(name, actual, ours) if name in actual.links else _foreign_rules(actual) if not name else []
    more = [f"and {len(lines) - _NAMED} more that config.rc does not have"] if len(lines) > _NAMED else []
    return [*lines[:_NAMED], *more]


def _of_interface(name: str, actual: KernelNetwork, ours: Owned) -> list[str]:
    mine = {one.key for one in ours.addresses}
    addresses = [
        one for one in actual.addresses.get(name, ()) if one.key not in mine and not one.local.startswith("fe80:")
    ]
    known = {*actual.of_kernel, *actual.our_routes.get(name, ())}
    routes = [one for one in actual.routes.get(name, ()) if one not in known and one.destination != "fe80::/64"]
    neighbours = [one for one in actual.neighbours.get(name, ()) if one not in actual.our_neighbours.get(name, ())]
    return [
        *(f"not from config.rc: address {one}" for one in addresses),
        *(f"not from config.rc: route {_route_text(one)}" for one in routes),
        *(f"not from config.rc: neighbour {one.address} {one.lladdr}" for one in neighbours),
    ]


def _route_text(one: Route) -> str:
    via, table = f" via {one.gateway}" if one.gateway else "", f" table {one.table}"
    return f"{one.destination}{via}{table}"


def _foreign_rules(actual: KernelNetwork) -> list[str]:
    mine = {rule for owned in record.all_owned().values() for rule in owned.rules}
    standard = {0, 32766, 32767}
    return [
        f"not from config.rc: rule {one.preference} from {one.source or 'all'} to {one.destination or 'all'} table {one.table}"
        for one in actual.rules
        if one not in mine and one.preference not in standard
    ]
