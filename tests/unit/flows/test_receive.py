"""Two pushes of different services at once: the second sees how much room the first has left it."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from firmware import locks, native
from firmware.errors import Refused
from firmware.flows import receive
from firmware.manifest import Entry
from firmware.rc import document
from firmware.services.content import Content
from firmware.services.definition import Service
from firmware.sync.keys import Key
from firmware.sync.peer_sshd import RemotePeer
from firmware.sync.proposal import Proposal
from firmware.sync.space import Room

MIB = 1 << 20
WITHIN = 20


def proposal_of(name: str, size: int) -> Proposal:
    entry = Entry(f"/etc/{name}/large", "file", 0o640, "root", "root", size, native.bytes_digest(b""))
    block = document.parse(f"service {name}\n").blocks[0]
    return Proposal(Service(name, "", owns=f"/etc/{name}"), block, {entry.path: entry}, {})


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, int]:
    """The memory of a node of which only that counts, and which nothing but a push takes."""
    found = {"bytes": 200 * MIB}
    monkeypatch.setattr(locks, "TOP", tmp_path)
    monkeypatch.setattr(receive, "ROOM", tmp_path / "room")
    nothing = Content("", (), {}, native.bytes_digest(b""))
    for place, name, stand_in in (
        (receive, "_recover_open_transaction", lambda stage: None), (receive, "_find_earlier_answer", lambda *words: None),
        (receive, "_find_conflict", lambda *words: ""), (receive, "_refuse_local_changes", lambda *words: None),
        (receive, "_refuse_if_pusher_left", lambda remote: None), (receive.recovery, "refuse_while_waiting", lambda: None),
        (receive.confirmation, "refuse_while_waiting", lambda name: None), (receive.applied, "is_applied", lambda *words: False),
        (receive.staging, "current_content", lambda stage: nothing), (receive.staging, "remove", lambda stage: None),
        (receive.staging, "require_swappable", lambda stage: None), (receive.space, "require_space", lambda *words: None),
        (receive.staging, "proposed_document", lambda stage, offer: document.parse(offer.block.text)),
        (receive.proposal_changes, "missing_contents", lambda *words: ()),
        (receive.space, "local_room", lambda: Room(1 << 40, 1 << 40, found["bytes"], 1 << 20)),
    ):  # fmt: skip
        monkeypatch.setattr(place, name, stand_in)
    return found


def test_the_second_of_two_pushes_sees_what_the_first_one_takes(
    free: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is room for either, and not for both."""
    key = Key("ssh-ed25519", "")
    remote, is_at_work, second_came = RemotePeer("node-2", key, Path("/run")), threading.Event(), threading.Event()

    @contextmanager
    def hold(path: Path, **words: Any) -> Iterator[None]:
        if path == receive.ROOM and is_at_work.is_set():
            second_came.set()
        with locks.hold(path, **words):
            yield

    def look() -> Room:
        if is_at_work.is_set():
            second_came.set()
        return Room(1 << 40, 1 << 40, free["bytes"], 1 << 20)

    def take(proposal: Proposal, *words: object) -> dict[str, Any]:
        is_at_work.set()
        assert second_came.wait(WITHIN)
        free["bytes"] -= 2 * size_of(proposal)
        return {"result": "applied"}

    monkeypatch.setattr(receive, "hold", hold)
    monkeypatch.setattr(receive.space, "local_room", look)
    monkeypatch.setattr(receive, "_apply", take)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(receive.receive, proposal_of("haproxy", 40 * MIB), remote)
        assert is_at_work.wait(WITHIN)
        second = pool.submit(receive.receive, proposal_of("syslogd", 40 * MIB), remote)
        assert first.result(WITHIN) == {"result": "applied"}
        with pytest.raises(Refused, match="service syslogd: no room on the receiving node"):
            second.result(WITHIN)
    free["bytes"] = 200 * MIB
    assert receive.receive(proposal_of("syslogd", 40 * MIB), remote) == {"result": "applied"}


def size_of(proposal: Proposal) -> int:
    return sum(entry.size for entry in proposal.entries.values())


def test_who_has_waited_for_another_push_looks_again(free: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether that one waits to be confirmed now, and whether its own pusher is still there: before anything is staged."""
    remote, staged = RemotePeer("node-2", Key("ssh-ed25519", ""), Path("/run")), list[str]()
    monkeypatch.setattr(receive, "_apply", lambda *words: staged.append("once") or {"result": "applied"})
    for place, name in ((receive.recovery, "refuse_while_waiting"), (receive, "_refuse_if_pusher_left")):
        looks = iter(["as it was"])

        def look(*_: object, looks: Iterator[str] = looks) -> None:
            if not next(looks, ""):
                raise Refused("it is otherwise now")

        with monkeypatch.context() as changed, pytest.raises(Refused, match="it is otherwise now"):
            changed.setattr(place, name, look)
            receive.receive(proposal_of("haproxy", MIB), remote)
    assert not staged
    assert receive.receive(proposal_of("haproxy", MIB), remote) == {"result": "applied"}
