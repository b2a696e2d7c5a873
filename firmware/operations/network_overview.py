"""The network and the clock of this node as they are, for the pages that show them."""

import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware.errors import Failure
from firmware.operations.service_list import service_status
from firmware.run import run

RESOLVERS = Path("/etc/resolv.conf")


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface with its addresses (ADDRESS/LENGTH); `state` is up or down, `kind` what it is made of (vlan, bond …), ""
    for a plain one. The counters are since it is there."""

    name: str
    kind: str
    state: str
    mac: str
    mtu: int
    addresses: tuple[str, ...]
    received_bytes: int
    received_errors: int
    sent_bytes: int
    sent_errors: int


@dataclass(frozen=True, slots=True)
class Route:
    """Where packets to an address or a network go; "" for what a route does not say."""

    to: str
    gateway: str
    interface: str
    source: str
    metric: int
    protocol: str


@dataclass(frozen=True, slots=True)
class NetworkOverview:
    """All of it."""

    hostname: str
    interfaces: tuple[Interface, ...]
    routes: tuple[Route, ...]
    resolvers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TimeOverview:
    """The time (seconds since the epoch), as it reads here, the zone, and what service ntp says of it."""

    now: float
    local: str
    zone: str
    service: str
    words: tuple[str, ...]


def network_overview() -> NetworkOverview:
    """How the network is now."""
    links = _ip("-s", "-d", "address", "show")
    routes = [*_ip("-4", "route", "show"), *_ip("-6", "route", "show")]
    resolvers = tuple(
        words[1]
        for line in _read(RESOLVERS).splitlines()
        if (words := line.split())[:1] == ["nameserver"] and words[1:]
    )
    return NetworkOverview(socket.gethostname(), tuple(map(_interface, links)), tuple(map(_route, routes)), resolvers)


def time_overview() -> TimeOverview:
    """How the clock is now."""
    now = time.time()
    try:
        status = service_status("ntp")
        state, words = status.state, status.remarks
    except Failure:
        state, words = "stopped", ()
    local = time.localtime(now)
    return TimeOverview(now, time.strftime("%Y-%m-%d %H:%M:%S", local), time.strftime("%Z", local), state, words)


def _ip(*words: str) -> list[Mapping[str, Any]]:
    found = json.loads(run(["ip", "-j", *words]).stdout or "[]")
    return [one for one in found if one]


def _interface(link: Mapping[str, Any]) -> Interface:
    counters: Mapping[str, Any] = link.get("stats64") or link.get("stats") or {}
    received, sent = counters.get("rx", {}), counters.get("tx", {})
    flags = link.get("flags", [])
    return Interface(
        str(link["ifname"]),
        str(link.get("linkinfo", {}).get("info_kind", "")),
        "up" if "UP" in flags and "LOWER_UP" in flags else "down",
        str(link.get("address", "")),
        int(link.get("mtu", 0)),
        tuple(f"{one['local']}/{one['prefixlen']}" for one in link.get("addr_info", []) if "local" in one),
        int(received.get("bytes", 0)),
        int(received.get("errors", 0)),
        int(sent.get("bytes", 0)),
        int(sent.get("errors", 0)),
    )


def _route(route: Mapping[str, Any]) -> Route:
    to, gateway, interface, source, protocol = (
        str(route.get(key, "")) for key in ("dst", "gateway", "dev", "prefsrc", "protocol")
    )
    return Route(to, gateway, interface, source, int(route.get("metric", 0)), protocol)


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
