"""A session's socket: nothing without its secret, whatever is sent to it."""

import json
import os
import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab_driver import eventually

from firmware import frames
from firmware.accounts import register, sessions
from firmware.accounts.register import Account, Token
from firmware.accounts.sessions import Session
from firmware.accounts.standing import Standing
from firmware.services import states
from firmware.services.states import ServiceState
from firmware.session import dispatch, server
from firmware.session.conversation import Conversation
from firmware.session.endpoint import ADMIN, MONITOR, Call, Channel, Endpoint
from firmware.session.server import Server

SECRET = "s" * 43
#: whose session it is, as the accounts had it at the login; and what may have become of that, of the same size
SOMEBODY = Account("somebody", "admin", "scrypt$one", (Token("t", "00", 1.0),))
CHANGED = {
    "gone": (),
    "another password": (replace(SOMEBODY, password="scrypt$two"),),
    "another role": (replace(SOMEBODY, role="monitor"),),
    "another account": (replace(SOMEBODY, name="somebodx"),),
}
#: of the web UI's service
STATE = {"wui": "running"}


@dataclass(frozen=True, slots=True)
class Text:
    text: str


def echo(call: Call, word: str, body: Text) -> dict[str, str]:
    return {"word": word, "text": body.text, "who": f"{call.who.account} {call.who.origin}"}


def tick(talk: Conversation) -> None:
    talk.tell({"tick": 1})
    while True:
        if frame := talk.hear(30):
            talk.tell({"heard": frame.kind})


def crash() -> None:
    raise RuntimeError("nobody foresaw this")


#: a request that takes its time, as one that installs an upgrade does: it has begun · it may end
BEGUN, END = threading.Event(), threading.Event()


def wait() -> dict[str, bool]:
    BEGUN.set()
    return {"ended": END.wait(20)}


ENDPOINTS = (
    Endpoint("POST", "/wait", ADMIN, "", wait),
    Endpoint("POST", "/echo/{word}", MONITOR, "", echo),
    Endpoint("POST", "/act/{word}", ADMIN, "", echo),
    Endpoint("GET", "/crash", MONITOR, "", crash),
)
CHANNELS = (Channel("/tick", MONITOR, "", tick), Channel("/admin", ADMIN, "", tick))


@dataclass(frozen=True, slots=True)
class Running:
    """A session that runs in this process."""

    path: Path
    record: Path
    ended: threading.Event
    thread: threading.Thread

    def exchange(self, *sent: bytes) -> list[frames.Frame]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(str(self.path))
            try:
                connection.sendall(b"".join(sent))
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it has ended the connection already
            found = []
            try:
                while frame := frames.receive_frame(connection):
                    found.append(frame)
            except ConnectionResetError:
                pass
            return found

    def ask(self, path: str, body: Any = None, **head: Any) -> tuple[int, dict[str, Any]]:
        """The status and the content of an answer, or of the problem with which a channel is refused."""
        first = {"method": "POST", "path": path, "query": {}, "secret": SECRET, "address": "192.0.2.7", **head}
        data = [*frames.encode_data(json.dumps(body).encode())] if body is not None else []
        found = self.exchange(frames.encode_message(first), *data, frames.encode_end())
        content = b"".join(frame.content for frame in found if frame.kind == frames.DATA)
        if found[0].kind == frames.END:
            return found[0].body["status"], found[0].body
        return found[0].body["status"], json.loads(content or b"{}")


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    yield from run_session(tmp_path, monkeypatch, "admin")


@pytest.fixture
def running_monitor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    yield from run_session(tmp_path, monkeypatch, "monitor")


def write_accounts(place: Path, *accounts: Account) -> None:
    """As a rollback does: another file in place of the old one, whose time stamp it may have, too."""
    new = place / "new.json"
    register.change(lambda old: accounts, path=new, lock=place / "accounts.lock")
    os.utime(new, (1, 1))
    new.rename(place / "accounts.json")


def run_session(place: Path, monkeypatch: pytest.MonkeyPatch, role: str, look: float = 0.05) -> Iterator[Running]:
    monkeypatch.setattr(dispatch.find_endpoint, "__defaults__", (ENDPOINTS,))
    monkeypatch.setattr(dispatch.find_channel, "__defaults__", (CHANNELS,))
    monkeypatch.setattr(server, "LOOK", look)
    monkeypatch.setattr(states, "service_state", lambda title: ServiceState(STATE[title]))
    session = Session(sessions.new_id(), "somebody", role, "192.0.2.7", 1.0, 1 << 22)
    lock = sessions.note(session, top=place)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place / "s.sock"))
    listener.listen()
    ended = threading.Event()
    account = replace(SOMEBODY, role=role)
    write_accounts(place, account)
    one = Server(session, SECRET, lock, listener, Standing(account, account.password, place / "accounts.json"))
    thread = threading.Thread(target=one.serve, args=(ended,), daemon=True)
    thread.start()
    yield Running(place / "s.sock", sessions.record_path(session.id, top=place), ended, thread)
    ended.set()
    thread.join(20)
    assert not thread.is_alive()


def test_what_is_asked_with_the_secret_is_answered(running: Running) -> None:
    status, body = running.ask("/echo/a%2Fb%20%C3%A4", {"text": "x"})
    assert (status, body) == (200, {"word": "a/b ä", "text": "x", "who": "somebody 192.0.2.7 (web)"})


@pytest.mark.parametrize("secret", ["", "s", "S" * 43, "s" * 42, "s" * 44, "\ud800", None, 1, [SECRET], {"a": 1}])
def test_without_the_secret_nothing_is_answered(running: Running, secret: Any) -> None:
    for method, path in (("POST", "/echo/a"), ("CHANNEL", "/tick"), ("GET", "/nothing")):
        status, body = running.ask(path, {"text": "x"}, secret=secret, method=method)
        assert status == 401 and "text" not in body


def test_a_monitor_may_only_look(running_monitor: Running) -> None:
    assert running_monitor.ask("/echo/a", {"text": "x"})[0] == 200
    assert running_monitor.ask("/act/a", {"text": "x"})[0] == 403
    assert running_monitor.ask("/admin", method="CHANNEL")[0] == 403
    assert running_monitor.ask("/nothing", method="CHANNEL")[0] == 404


def test_paths_and_methods_that_there_are_not(running: Running) -> None:
    assert running.ask("/echo")[0] == running.ask("/echo/a/b")[0] == running.ask("/echo/")[0] == 404
    assert running.ask("/echo/%00")[0] == running.ask("/echo/%ff")[0] == running.ask("/../etc")[0] == 404
    assert running.ask("/echo/a", method="GET")[0] == 405
    assert running.ask("/echo/a", method="A" * 500)[0] == 405


def test_an_error_that_nobody_foresaw_tells_a_number_and_no_trace(
    running: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("firmware.log.SYSLOG", str(tmp_path / "none"))
    monkeypatch.setattr("firmware.log.FALLBACK", tmp_path / "errors.log")
    status, body = running.ask("/crash", method="GET")
    assert status == 500 and "error inside the program (number" in body["detail"] and "foresaw" not in body["detail"]
    assert "nobody foresaw this" in (tmp_path / "errors.log").read_text()


def is_refused(running: Running) -> bool:
    """With 401, or by nobody being there any more."""
    first = {"method": "POST", "path": "/echo/a", "query": {}, "secret": SECRET}
    try:
        found = running.exchange(frames.encode_message(first), frames.encode_end())
    except ConnectionRefusedError:
        return True
    return not found or found[0].body["status"] == 401


def test_a_session_whose_record_is_gone_answers_nothing_and_ends(running: Running) -> None:
    running.record.unlink()
    assert is_refused(running)
    running.thread.join(10)
    assert not running.thread.is_alive()


def listen(connection: socket.socket, running: Running) -> None:
    connection.settimeout(20)
    connection.connect(str(running.path))
    frames.send_message(connection, {"method": "CHANNEL", "path": "/tick", "query": {}, "secret": SECRET})
    first = frames.receive_frame(connection)
    assert first and first.body == {"tick": 1}


@pytest.mark.parametrize("new", CHANGED.values(), ids=CHANGED)
def test_a_session_ends_with_its_account_however_that_was_changed(running: Running, new: tuple[Account, ...]) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        listen(connection, running)
        assert running.ask("/echo/a", {"text": "x"})[0] == 200
        write_accounts(running.path.parent, *new)
        assert connection.recv(1) == b"", "the channel ends though nothing is asked"
    running.thread.join(10)
    assert not running.thread.is_alive()


def test_what_is_asked_after_a_change_is_refused_also_once_the_account_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "GLANCE", 60.0)
    for running in run_session(tmp_path, monkeypatch, "admin", look=60.0):
        assert running.ask("/echo/a", {"text": "x"})[0] == 200
        write_accounts(tmp_path)
        assert running.ask("/echo/a", {"text": "x"})[0] == 401
        write_accounts(tmp_path, SOMEBODY)
        assert is_refused(running)


def test_accounts_that_cannot_be_read_refuse_what_is_asked_and_end_nothing(running: Running) -> None:
    """Somebody edits them in a terminal of this very session, and has not come to the end of it."""
    with socket.socket(socket.AF_UNIX) as connection:
        listen(connection, running)
        (running.path.parent / "accounts.json").write_bytes(b"{")
        status, body = running.ask("/echo/a", {"text": "x"})
        assert status == 500 and "accounts.json" in body["detail"]
        write_accounts(running.path.parent, SOMEBODY)
        assert running.ask("/echo/a", {"text": "x"})[0] == 200
        frames.send_data(connection, b"x")
        heard = frames.receive_frame(connection)
        assert heard and heard.body == {"heard": "D"}


def test_a_channel_ends_with_its_session(running: Running) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        listen(connection, running)
        frames.send_data(connection, b"x")
        second = frames.receive_frame(connection)
        assert second and second.body == {"heard": "D"}
        running.record.unlink()
        assert connection.recv(1) == b""


def test_one_that_is_not_used_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "IDLE", 0.2)
    for running in run_session(tmp_path, monkeypatch, "admin"):
        running.thread.join(10)
        assert not running.thread.is_alive()


@pytest.mark.parametrize("how", ["not used", "logged out"])
def test_a_request_under_way_comes_to_its_end(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it takes, and though nobody asks for anything meanwhile, or its session is over."""
    monkeypatch.setattr(server, "GRACE", 0.0)
    BEGUN.clear()
    END.clear()
    for running in run_session(tmp_path, monkeypatch, "admin"):
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(running.ask, "/wait", {})
            assert BEGUN.wait(10)
            if how == "logged out":
                running.record.unlink()
                assert eventually(partial(is_closed, running.path))
            else:
                monkeypatch.setattr(server, "IDLE", 0.0)
            running.thread.join(0.3)
            assert running.thread.is_alive()
            END.set()
            assert answer.result() == (200, {"ended": True})
        running.thread.join(10)
        assert not running.thread.is_alive()


def is_closed(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        return connection.connect_ex(str(path)) != 0


def test_one_ends_with_the_web_ui(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STATE, "wui", "stopped")
    running.thread.join(10)
    assert not running.thread.is_alive()


GARBAGE = {
    "nothing": b"",
    "four gigabytes": b"\xff\xff\xff\xffH",
    "a frame of bytes": struct.pack(">Ic", 1, b"D") + b"x",
    "an end": struct.pack(">Ic", 2, b"E") + b"{}",
    "half a frame": struct.pack(">Ic", 100, b"H") + b"{}",
    "a list": struct.pack(">Ic", 2, b"H") + b"[]",
    "depth": struct.pack(">Ic", 900_000, b"H") + b"[" * 900_000,
    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("sent", GARBAGE.values(), ids=GARBAGE)
def test_garbage_gets_nothing_and_the_session_goes_on(running: Running, sent: bytes) -> None:
    found = running.exchange(sent)
    assert all(frame.body.get("status", 400) >= 400 for frame in found if frame.kind != frames.DATA and frame.body)
    assert running.ask("/echo/a", {"text": "x"})[0] == 200


def test_whatever_is_sent_gets_nothing_without_the_secret(running: Running) -> None:
    kind = st.sampled_from([b"H", b"D", b"E", b"X"])
    content = st.binary(max_size=50) | st.dictionaries(
        st.sampled_from(["method", "path", "query", "secret", "address"]),
        st.text(max_size=9) | st.integers() | st.none(),
    ).map(lambda body: json.dumps(body).encode())
    framed = st.tuples(kind, content).map(lambda pair: struct.pack(">Ic", len(pair[1]), pair[0]) + pair[1])

    @given(st.lists(framed | st.binary(max_size=20), max_size=4))
    def send(pieces: list[bytes]) -> None:
        for frame in running.exchange(*pieces):
            if frame.kind == frames.MESSAGE:
                assert frame.body["status"] in (400, 401, 500), frame.body

    send()
    assert running.ask("/echo/a", {"text": "x"})[0] == 200
