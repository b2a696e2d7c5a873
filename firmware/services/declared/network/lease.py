"""What a DHCP server has lent an interface: asked for by udhcpc, a companion of the block, kept below /run, and a part of what
the block wants for as long as it lasts.

udhcpc runs overlay/usr/libexec/appliance/dhcp for each event, which runs this module. Its event `deconfig` comes at every start
of udhcpc: what has not run out by then stays.
"""

import ipaddress
import os
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from firmware import files, log, records
from firmware.errors import Damaged, NewerFormat
from firmware.printable import quote_word
from firmware.services.declared.network.record import TOP
from firmware.services.declared.network.state import Address, Route
from firmware.services.declared.network.wanted import Wanted
from firmware.services.definition import Companion

SCRIPT = "/usr/libexec/appliance/dhcp"
#: of the record
FORMAT = 1
#: its name among the companions of a block
NAME = "dhcp"

_TOP = TOP / "leases"
_FOREVER = 0xFFFFFFFF
#: seconds between two looks for a lease that is waited for
_POLL = 0.05


@dataclass(frozen=True, slots=True)
class Lease:
    """What was lent: the address (A/PREFIX), routes (destination, gateway), name servers, search domain, until when (seconds of
    the clock that runs since the boot)."""

    address: str
    routes: tuple[tuple[str, str], ...]
    servers: tuple[str, ...]
    domain: str
    until: float


def client(title: str, interface: str) -> Companion:
    """The DHCP client of an interface: it asks for as long as it takes, and gives the address back when it is stopped."""
    asking = ["-t", "3", "-T", "2", "-A", "2", "-x", f"hostname:{os.uname().nodename}"]
    return Companion(title, NAME, ["busybox", "udhcpc", "-f", "-R", "-i", interface, "-s", SCRIPT, *asking])


def read(interface: str, *, top: Path = _TOP) -> Lease | None:
    """What is lent now; None if nothing is, or nothing that can be read."""
    path = top / f"{interface}.json"
    try:
        body = records.load(path.read_bytes(), FORMAT, str(path))
        with records.interpreting(str(path)):
            routes = tuple((str(destination), str(gateway)) for destination, gateway in body["routes"])
            servers = tuple(map(str, body["servers"]))
            return Lease(str(body["address"]), routes, servers, str(body["domain"]), float(body["until"]))
    except (FileNotFoundError, Damaged, NewerFormat):
        return None


def all_leases(*, top: Path = _TOP) -> list[Lease]:
    """What is lent now to all interfaces, by their names."""
    names = sorted(path.name.removesuffix(".json") for path in top.glob("*.json"))
    return [found for name in names if (found := read(name, top=top))]


def write(interface: str, lease: Lease, *, top: Path = _TOP) -> None:
    """Remember it."""
    top.mkdir(mode=0o755, parents=True, exist_ok=True)
    files.write(top / f"{interface}.json", records.dump(asdict(lease), FORMAT), mode=0o644)


def forget(interface: str, *, top: Path = _TOP) -> None:
    """Nothing is lent any more."""
    (top / f"{interface}.json").unlink(missing_ok=True)


def await_one(interface: str, seconds: float) -> Lease | None:
    """What is lent, as soon as it is; None if nothing is after so many seconds."""
    deadline = time.monotonic() + seconds
    while (found := read(interface)) is None and time.monotonic() < deadline:
        time.sleep(_POLL)
    return found


def with_lease(want: Wanted, lease: Lease | None) -> Wanted:
    """What a block wants together with what is lent to it. Of two routes of the same key the block's own counts."""
    if lease is None or not want.asks_dhcp:
        return want
    found = ipaddress.IPv4Interface(lease.address)
    own = {route.key for route in want.routes}
    routes = [Route(destination, gateway, on_link=_is_outside(gateway, found)) for destination, gateway in lease.routes]
    return replace(
        want,
        addresses=tuple({one.key: one for one in (*want.addresses, _address(found))}.values()),
        routes=(*want.routes, *(route for route in routes if route.key not in own)),
    )


def _address(found: ipaddress.IPv4Interface) -> Address:
    broadcast = str(found.network.broadcast_address) if found.network.prefixlen < 31 else ""
    return Address(str(found.ip), found.network.prefixlen, broadcast)


def _is_outside(gateway: str, found: ipaddress.IPv4Interface) -> bool:
    return bool(gateway) and ipaddress.IPv4Address(gateway) not in found.network


def from_environment(words: dict[str, str], now: float) -> Lease:
    """What udhcpc tells its script. ValueError if it is no lease: a server may send anything."""
    address = str(ipaddress.IPv4Interface(f"{words['ip']}/{words.get('mask') or words.get('subnet') or 32}"))
    routes = _static_routes(words.get("staticroutes", "").split())
    if not routes and words.get("router"):
        routes = [("0.0.0.0/0", str(ipaddress.IPv4Address(words["router"].split()[0])))]
    servers = tuple(str(ipaddress.IPv4Address(word)) for word in words.get("dns", "").split())
    seconds = int(words.get("lease") or _FOREVER)
    until = now + seconds if seconds != _FOREVER else float(_FOREVER)
    return Lease(address, tuple(routes), servers, words.get("domain", ""), until)


def _static_routes(words: list[str]) -> list[tuple[str, str]]:
    """Pairs of network and gateway; 0.0.0.0 as the gateway: through the interface."""
    pairs = zip(words[::2], words[1::2], strict=False)
    return [
        (
            str(ipaddress.IPv4Network(network, strict=False)),
            "" if gateway == "0.0.0.0" else str(ipaddress.IPv4Address(gateway)),
        )
        for network, gateway in pairs
    ]


def take_event(event: str, interface: str, words: dict[str, str], *, now: float) -> bool:
    """What an event of udhcpc means for the lease; whether the interface is to be set up anew."""
    if event in ("bound", "renew"):
        before, lease = read(interface), from_environment(words, now)
        write(interface, lease)
        return before is None or replace(before, until=lease.until) != lease
    known = read(interface)
    if known is None or (event == "deconfig" and now < known.until) or event == "leasefail":
        return False
    forget(interface)
    return True


def main(argv: list[str]) -> int:
    """`EVENT`, as udhcpc calls its script, with what it has to say in the environment."""
    from firmware.services.declared.network import resolver, resume

    words = dict(os.environ)
    title = f"network.{words.get('interface', '')}"
    try:
        is_new = take_event(argv[0], words["interface"], words, now=time.clock_gettime(time.CLOCK_BOOTTIME))
    except (ValueError, LookupError) as error:
        log.line(f"service {title}: what a DHCP server sent is no lease: {quote_word(str(error))}")
        return 1
    resolver.refresh()
    if is_new:
        resume.resume(title)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
