"""haproxy's proxies as the tab LB Admin shows them, and what an operator has a server do until the next reload."""

from collections.abc import Iterable
from dataclasses import dataclass

from firmware.errors import Refused, Usage
from firmware.haproxy import master, runtime
from firmware.haproxy.runtime import Row
from firmware.printable import quote_word
from firmware.services.states import service_state
from firmware.sync import audit
from firmware.sync.audit import Who

#: haproxy's numbers for what a row of its statistics is about
_FRONTEND, _BACKEND, _SERVER = "0", "1", "2"


@dataclass(frozen=True, slots=True)
class Traffic:
    """What goes through one side of a proxy now: sessions, the most that it may have (0: no limit), sessions a second, those
    that wait; errors, refusals and bytes since the last reload."""

    status: str
    sessions: int
    limit: int
    rate: int
    queue: int
    errors: int
    denied: int
    bytes_in: int
    bytes_out: int
    servers_up: int = 0


@dataclass(frozen=True, slots=True)
class ProxyServer:
    """One server of a backend. `status` is haproxy's word (UP, DOWN, MAINT, DRAIN, no check …), `check` how its last check
    ended, `since` the seconds since its status changed."""

    name: str
    address: str
    status: str
    weight: int
    sessions: int
    queue: int
    rate: int
    errors: int
    bytes_in: int
    bytes_out: int
    check: str
    since: int
    backup: bool


@dataclass(frozen=True, slots=True)
class Proxy:
    """A frontend, a backend, or a `listen` that is both."""

    name: str
    frontend: Traffic | None
    backend: Traffic | None
    servers: tuple[ProxyServer, ...]


def list_proxies(*, socket: str = master.SOCKET) -> tuple[Proxy, ...]:
    """Every proxy in the order in which haproxy has them. Refused if haproxy does not run."""
    rows = runtime.read_statistics(socket, _running_master())
    names = dict.fromkeys(row.get("pxname", "") for row in rows)
    return tuple(_proxy(name, [row for row in rows if row.get("pxname") == name]) for name in names)


def set_server(
    backend: str,
    server: str,
    *,
    state: str | None = None,
    weight: int | None = None,
    who: Who,
    socket: str = master.SOCKET,
) -> None:
    """Have a server be ready, drain or in maintenance, or give it another weight; until haproxy reloads. Usage if there is no
    such server."""
    if (state is None) == (weight is None):
        raise Usage("a server is given a state or a weight", "state: ready, drain or maint; weight: 0 to 256")
    pid = _running_master()
    rows = runtime.read_statistics(socket, pid)
    if not any(_is_server(row, backend, server) for row in rows):
        raise Usage(f"{quote_word(f'{backend}/{server}')}: haproxy has no such server", "LB Admin lists them")
    if state is not None:
        runtime.set_state(socket, pid, backend, server, state)
    elif weight is not None:
        runtime.set_weight(socket, pid, backend, server, weight)
    wanted = state if state is not None else f"weight {weight}"
    audit.note("server", who=who, result="done", service="haproxy", message=f"{backend}/{server}: {wanted}")


def _running_master() -> int:
    pid = service_state("haproxy").pid
    if not pid:
        raise Refused("service haproxy does not run", "service haproxy start")
    return pid


def _is_server(row: Row, backend: str, server: str) -> bool:
    return row.get("type") == _SERVER and (row.get("pxname"), row.get("svname")) == (backend, server)


def _proxy(name: str, rows: Iterable[Row]) -> Proxy:
    frontend, backend, servers = None, None, []
    for row in rows:
        if row.get("type") == _FRONTEND:
            frontend = _traffic(row)
        elif row.get("type") == _BACKEND:
            backend = _traffic(row)
        elif row.get("type") == _SERVER:
            servers.append(_server(row))
    return Proxy(name, frontend, backend, tuple(servers))


def _traffic(row: Row) -> Traffic:
    return Traffic(
        row.get("status", ""),
        _number(row, "scur"),
        _number(row, "slim"),
        _number(row, "rate"),
        _number(row, "qcur"),
        _errors(row),
        _number(row, "dreq") + _number(row, "dresp"),
        _number(row, "bin"),
        _number(row, "bout"),
        _number(row, "act") + _number(row, "bck"),
    )


def _server(row: Row) -> ProxyServer:
    words = (row.get(key, "") for key in ("check_status", "check_code", "check_desc", "last_chk"))
    return ProxyServer(
        row.get("svname", ""),
        row.get("addr", ""),
        row.get("status", ""),
        _number(row, "weight"),
        _number(row, "scur"),
        _number(row, "qcur"),
        _number(row, "rate"),
        _errors(row),
        _number(row, "bin"),
        _number(row, "bout"),
        " ".join(dict.fromkeys(word for word in words if word)),
        _number(row, "lastchg"),
        row.get("bck") == "1",
    )


def _errors(row: Row) -> int:
    return sum(_number(row, key) for key in ("ereq", "econ", "eresp"))


def _number(row: Row, key: str) -> int:
    word = row.get(key, "")
    return int(word) if word.isascii() and word.isdecimal() and len(word) < 20 else 0
