"""The peers of WireGuard interfaces: set one by one in the kernel, with a route for each network behind them.

`service wg` sets a peer up and takes it down. `service network wg0` makes the interface, and calls `restore_peers` when it has
made it: peers go with an interface. What is set up is noted in /run/firmware/wireguard/TITLE.json.

A peer is set by `wg set`, which leaves a session alone whose peer has not changed, and all other peers.
"""

import ipaddress
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from firmware import files, records
from firmware.errors import Failure
from firmware.run import run, start_detached

TOP = Path("/run/firmware/wireguard")
#: of the record
FORMAT = 1
#: the protocol number of the routes to peers; those of network blocks have another one
PROTOCOL = "152"
#: seconds for the name of an endpoint; between two looks whether its address has changed
RESOLVE_SECONDS, REFRESH_SECONDS = 5.0, 30

_RESOLVE = "import socket, sys; print(socket.getaddrinfo(sys.argv[1], None, type=socket.SOCK_DGRAM)[0][4][0])"


@dataclass(frozen=True, slots=True)
class Peer:
    """One peer of an interface. `endpoint` is HOST:PORT, or "" for a peer that calls us; `routes` are those of `networks` that
    lead through the interface; `keepalive` is a number of seconds, or "off"."""

    interface: str
    public_key: str
    endpoint: str
    networks: tuple[str, ...]
    routes: tuple[str, ...]
    keepalive: str

    @property
    def host(self) -> str:
        """The name or address in its endpoint."""
        return self.endpoint.rpartition(":")[0].strip("[]")

    @property
    def has_named_endpoint(self) -> bool:
        """Is it a name, which may come to mean another address?"""
        return bool(self.endpoint) and not _is_address(self.host)


def set_up_peer(title: str, peer: Peer, *, top: Path = TOP) -> str:
    """Make the peer of that title what it should be, in the place of an earlier one. Returns what went wrong, "" if nothing."""
    before = read_peer(title, top=top)
    _write_peer(title, peer, top)
    if before and (before.interface, before.public_key) != (peer.interface, peer.public_key):
        _remove_peer(before, top)
    elif before:
        _remove_routes(before, [route for route in before.routes if route not in peer.routes])
    problem = _set_peer(peer)
    if peer.has_named_endpoint and not (before and before.has_named_endpoint):
        words = (sys.executable, "-m", __spec__.name, title)
        start_detached("loopwhilex foreground { sleep $1 } $@", str(REFRESH_SECONDS), *words)
    return problem


def take_down_peer(title: str, *, top: Path = TOP) -> str:
    """Take that peer and its routes away. Returns what went wrong, "" if nothing did."""
    if peer := read_peer(title, top=top):
        (top / f"{title}.json").unlink(missing_ok=True)
        _remove_peer(peer, top)
    return ""


def restore_peers(interface: str, *, top: Path = TOP) -> list[str]:
    """Set the peers of an interface that was made anew; returns what went wrong."""
    titles = sorted(path.stem for path in top.glob("*.json"))
    found = [peer for title in titles if (peer := read_peer(title, top=top)) and peer.interface == interface]
    return [problem for peer in found if (problem := _set_peer(peer))]


def refresh_endpoint(title: str, *, top: Path = TOP) -> bool:
    """Look up the name of a peer's endpoint again, and tell the kernel; False once there is no such peer, or no name."""
    peer = read_peer(title, top=top)
    if peer is None or not peer.has_named_endpoint:
        return False
    try:
        now, (address, _) = _known_endpoint(peer), _resolve(peer)
    except Failure:
        return True  # what is known stays
    if address and address != now:
        run(["wg", "set", peer.interface, "peer", peer.public_key, "endpoint", address], check=False)
    return True


def read_peer(title: str, *, top: Path = TOP) -> Peer | None:
    """The peer that is set up for a title; None if none is. Damaged if the record is not what was written."""
    path = top / f"{title}.json"
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    hint = f"take away by hand what service {title} has set up, then: rm {path}"
    body = records.load(data, FORMAT, str(path), hint=hint)
    with records.interpreting(str(path), hint):
        words = {
            key: records.typed_value(body, key, str) for key in ("interface", "public_key", "endpoint", "keepalive")
        }
        return Peer(networks=_words(body, "networks"), routes=_words(body, "routes"), **words)


def _words(body: dict[str, Any], key: str) -> tuple[str, ...]:
    return tuple(map(str, records.typed_value(body, key, list)))


def _write_peer(title: str, peer: Peer, top: Path) -> None:
    top.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.write(top / f"{title}.json", records.dump(asdict(peer), FORMAT), mode=0o600)


def _set_peer(peer: Peer) -> str:
    if not Path("/sys/class/net", peer.interface).exists():
        return f"the interface {peer.interface} is not there: service network.{peer.interface} start"
    address, problem = _resolve(peer)
    endpoint = ["endpoint", address] if address else []
    done = run(
        ["wg", "set", peer.interface, "peer", peer.public_key, *endpoint, "persistent-keepalive", peer.keepalive,
         "allowed-ips", ",".join(peer.networks)],
        check=False,
    )  # fmt: skip
    said = [problem, done.output if done.status else "", *(_add_route(peer.interface, route) for route in peer.routes)]
    return "; ".join(filter(None, said))


def _add_route(interface: str, network: str) -> str:
    done = run(["ip", "route", "replace", network, "dev", interface, "proto", PROTOCOL], check=False)
    return f"no route to {network}: {done.output}" if done.status else ""


def _remove_peer(peer: Peer, top: Path) -> None:
    run(["wg", "set", peer.interface, "peer", peer.public_key, "remove"], check=False)
    _remove_routes(peer, peer.routes)


def _remove_routes(peer: Peer, routes: Sequence[str]) -> None:
    for network in routes:
        run(["ip", "route", "del", network, "dev", peer.interface, "proto", PROTOCOL], check=False)


def _resolve(peer: Peer) -> tuple[str, str]:
    """The endpoint as ADDRESS:PORT, and what went wrong. `wg` itself would wait for a name for more than a minute."""
    if not peer.has_named_endpoint:
        return peer.endpoint, ""
    port = peer.endpoint.rpartition(":")[2]
    try:
        done = run([sys.executable, "-IS", "-c", _RESOLVE, peer.host], timeout=RESOLVE_SECONDS, check=False)
    except Failure:
        done = None
    if done is None or done.status:
        return "", f"{peer.host}: no name server knows its address; it is asked again every {REFRESH_SECONDS} s"
    address = done.stdout.strip()
    return (f"[{address}]:{port}" if ":" in address else f"{address}:{port}"), ""


def _known_endpoint(peer: Peer) -> str:
    lines = run(["wg", "show", peer.interface, "endpoints"]).stdout.splitlines()
    return next((line.split("\t")[1] for line in lines if line.split("\t")[0] == peer.public_key), "")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(0 if refresh_endpoint(sys.argv[1]) else 1)
