"""How a command asks csyncd: what is said where nobody answers, and errors as they were raised there."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from socket import AF_UNIX, socket

import pytest

from firmware.errors import Failure, Invalid
from firmware.operations import csyncd_client
from firmware.operations.csyncd_client import ask_csyncd
from firmware.services import states
from firmware.services.states import ServiceState


@pytest.fixture(params=["running", "stopped"])
def state(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """How csyncd is, without a socket."""
    monkeypatch.setattr(csyncd_client, "CONTROL", str(tmp_path / "csyncd.sock"))
    monkeypatch.setattr(states, "service_state", lambda title: ServiceState(request.param))
    return str(request.param)


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[int, object], None]:
    """A csyncd that answers one request."""

    def begin(status: int, content: object) -> None:
        server, body = socket(AF_UNIX), json.dumps(content).encode()
        server.bind(str(tmp_path / "csyncd.sock"))
        server.listen()
        head = f"HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"

        def answer() -> None:
            connection, _ = server.accept()
            connection.recv(65536)
            connection.sendall(head.encode() + body)
            connection.close()
            server.close()

        threading.Thread(target=answer, daemon=True).start()

    monkeypatch.setattr(csyncd_client, "CONTROL", str(tmp_path / "csyncd.sock"))
    return begin


def test_where_nobody_answers_it_is_said_what_to_do(state: str) -> None:
    with pytest.raises(Failure) as raised:
        ask_csyncd("status", {})
    said = {"stopped": "csyncd: it does not run on this node", "running": "csyncd: it runs, but nobody answers at "}[
        state
    ]
    assert str(raised.value).startswith(said) and "service csyncd " in raised.value.hint


def test_an_answer(answering: Callable[[int, object], None]) -> None:
    answering(200, {"state": "green"})
    assert ask_csyncd("status", {}) == {"state": "green"}


def test_an_error_comes_as_it_was_raised(answering: Callable[[int, object], None]) -> None:
    answering(409, {"error": "1 error", "hint": "config check", "exit": 4, "problems": ["a:1: x"]})
    with pytest.raises(Invalid) as raised:
        ask_csyncd("push", {})
    assert (str(raised.value), raised.value.hint, raised.value.problems) == ("1 error", "config check", ("a:1: x",))


@pytest.mark.parametrize(("verbose", "shown"), [("1", "+ ip route\n"), ("", "")])
def test_who_wants_to_see_each_command_sees_those_of_csyncd(
    answering: Callable[[int, object], None],
    verbose: str,
    shown: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("FIRMWARE_VERBOSE", verbose)
    answering(200, {"state": "green", **({"commands": ["+ ip route"]} if verbose else {})})
    assert ask_csyncd("status", {}) == {"state": "green"}
    assert capfd.readouterr().err == shown
