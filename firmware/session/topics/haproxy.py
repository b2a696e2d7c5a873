"""LB Admin: haproxy's proxies live, and what is done with their servers."""

import time
from dataclasses import asdict, dataclass, replace
from typing import Any

from firmware.errors import Failure, Refused
from firmware.operations import haproxy_proxies
from firmware.operations.haproxy_proxies import Proxy
from firmware.session import problem
from firmware.session.conversation import Conversation
from firmware.session.endpoint import ADMIN, MONITOR, Call, Channel, Endpoint

#: seconds between two looks, and servers that one message has at most
TICK, MOST_SERVERS = 1.0, 1000
#: seconds without an answer, as in the middle of a reload, that are no reason to say so
PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class ServerWish:
    """`state` ready, drain or maint, or a `weight` from 0 to 256: one of them."""

    state: str | None = None
    weight: int | None = None


def list_all() -> tuple[Proxy, ...]:
    """Every proxy with its servers."""
    return haproxy_proxies.list_proxies()


def set_server(call: Call, backend: str, server: str, body: ServerWish) -> None:
    """Have a server be ready, drain or in maintenance, or give it a weight."""
    haproxy_proxies.set_server(backend, server, state=body.state, weight=body.weight, who=call.who)


def proxies(talk: Conversation) -> None:
    """Once a second {proxies}, or {proxies: [], problem} while haproxy does not answer; `left_out` counts servers that
    are too many for a message."""
    silent_since = None
    while True:
        try:
            talk.tell(_message(haproxy_proxies.list_proxies()))
            silent_since = None
        except Failure as error:
            silent_since = silent_since or time.monotonic()
            if time.monotonic() - silent_since >= PATIENCE or isinstance(error, Refused):
                talk.tell({"proxies": [], "problem": problem.describe(error)})
        _wait(talk)


def _wait(talk: Conversation) -> None:
    """Until the next look; what the browser says meanwhile means nothing."""
    end = time.monotonic() + TICK
    while (left := end - time.monotonic()) > 0:
        talk.hear(left)


def _message(found: tuple[Proxy, ...]) -> dict[str, Any]:
    shown, left = [], MOST_SERVERS
    for proxy in found:
        shown.append(asdict(replace(proxy, servers=proxy.servers[:left])))
        left -= min(left, len(proxy.servers))
    left_out = sum(len(proxy.servers) for proxy in found) - (MOST_SERVERS - left)
    return {"proxies": shown, "left_out": left_out}


ENDPOINTS = (
    Endpoint("GET", "/haproxy/proxies", MONITOR, "haproxy's frontends, backends and servers as they are now", list_all),
    Endpoint(
        "POST", "/haproxy/servers/{backend}/{server}", ADMIN,
        "have a server be ready, drain or in maintenance, or give it a weight, until haproxy reloads", set_server,
        example={"state": "drain"},
    ),
)  # fmt: skip
CHANNELS = (Channel("/proxies", MONITOR, "haproxy's proxies, once a second", proxies),)
