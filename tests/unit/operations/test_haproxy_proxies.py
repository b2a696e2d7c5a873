"""haproxy's rows as proxies, whatever stands in them; a server is told one thing, and only one that there is."""

import pytest

from firmware.errors import Refused, Usage
from firmware.haproxy import runtime
from firmware.operations import haproxy_proxies
from firmware.operations.haproxy_proxies import list_proxies, set_server
from firmware.services.states import ServiceState
from firmware.sync.audit import Who

ROWS = (
    {"pxname": "web", "svname": "FRONTEND", "type": "0", "status": "OPEN", "scur": "3", "slim": "100", "rate": "2", "dreq": "1"},
    {"pxname": "web", "svname": "sock-1", "type": "3", "status": "OPEN"},
    {
        "pxname": "app", "svname": "one", "type": "2", "status": "UP", "addr": "10.0.0.1:80", "weight": "10", "econ": "1", "eresp": "2",
        "check_status": "L7OK", "check_code": "200", "last_chk": "OK", "bck": "1", "lastchg": "60",
    },
    {"pxname": "app", "svname": "two", "type": "2", "weight": "-5", "scur": "x", "lastchg": "9" * 30, "qcur": "²"},
    {"pxname": "app", "svname": "BACKEND", "type": "1", "status": "UP", "act": "1", "bck": "1", "dresp": "4"},
    {},
)  # fmt: skip
ALICE = Who("alice")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What a haproxy with these rows was told."""
    found: list[tuple[str, ...]] = []
    state = ServiceState("running", 4711)
    monkeypatch.setattr(haproxy_proxies, "service_state", lambda _: state)
    monkeypatch.setattr(runtime, "read_statistics", lambda *_: ROWS)
    monkeypatch.setattr(runtime, "set_state", lambda _, __, *words: found.append(words))
    monkeypatch.setattr(runtime, "set_weight", lambda _, __, *words: found.append(words))
    monkeypatch.setattr(haproxy_proxies.audit, "note", lambda *_, **__: None)
    return found


def test_proxies_have_their_sides_and_servers(told: list[tuple[str, ...]]) -> None:
    web, app, nameless = list_proxies()
    assert web.frontend and (web.frontend.sessions, web.frontend.limit, web.frontend.denied) == (3, 100, 1)
    assert web.backend is None and web.servers == () and nameless.servers == ()
    assert app.backend and (app.backend.servers_up, app.backend.denied) == (2, 4)
    one, two = app.servers
    assert (one.address, one.weight, one.errors, one.check, one.backup) == ("10.0.0.1:80", 10, 3, "L7OK 200 OK", True)
    assert (two.weight, two.sessions, two.since, two.queue) == (0, 0, 0, 0)


def test_a_server_is_told_what_is_wanted(told: list[tuple[str, ...]]) -> None:
    set_server("app", "one", state="drain", who=ALICE)
    set_server("app", "one", weight=0, who=ALICE)
    assert told == [("app", "one", "drain"), ("app", "one", 0)]


@pytest.mark.parametrize(
    "name", [("app", "three"), ("web", "FRONTEND"), ("app", "BACKEND"), ("web", "sock-1"), ("", "")]
)
def test_only_servers_are_told_anything(told: list[tuple[str, ...]], name: tuple[str, str]) -> None:
    with pytest.raises(Usage, match="no such server"):
        set_server(*name, state="drain", who=ALICE)
    for wish in ({}, {"state": "drain", "weight": 1}):
        with pytest.raises(Usage, match="a state or a weight"):
            set_server("app", "one", who=ALICE, **wish)  # type: ignore[arg-type]
    assert told == []


def test_a_stopped_haproxy_is_said_to_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(haproxy_proxies, "service_state", lambda _: ServiceState("stopped"))
    with pytest.raises(Refused, match="service haproxy does not run"):
        list_proxies()
