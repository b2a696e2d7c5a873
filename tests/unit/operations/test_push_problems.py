"""What check and apply say of a service that cannot be pushed, or not be saved, with the files that it has."""

from types import SimpleNamespace

import pytest

from firmware.manifest import Entry
from firmware.operations import push_problems
from firmware.services import catalog, content
from firmware.services.content import Content
from firmware.sync import peer_room
from firmware.sync.peer_room import PeerRoom
from firmware.sync.space import Room

MIB = 1 << 20


def problems(monkeypatch: pytest.MonkeyPatch, *sizes: int, room: Room | None = None) -> list[str]:
    """Of haproxy with files of these sizes, where the peer told that room."""
    digest = "xxh3-128:" + "0" * 32
    files = [Entry(f"/etc/haproxy/{n}", "file", 0o640, "root", "root", size, digest) for n, size in enumerate(sizes)]
    now = Content("", (), {one.path: one for one in files}, "")
    monkeypatch.setattr(push_problems, "known_titles", lambda title: [title])
    monkeypatch.setattr(push_problems, "require_service", lambda title: catalog.find("haproxy"))
    monkeypatch.setattr(push_problems, "find_context", lambda title: SimpleNamespace(block=None))
    monkeypatch.setattr(content, "read", lambda service, block: now)
    monkeypatch.setattr(peer_room, "find", lambda: PeerRoom(2, room) if room else None)
    return [str(problem) for problem in push_problems.push_problems("haproxy")]


def test_what_fits_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert problems(monkeypatch, 60 * MIB, room=Room(128 * MIB, 128 * MIB, 400 * MIB, 9)) == []
    assert problems(monkeypatch, 60 * MIB) == []


def test_what_the_peer_has_no_room_for_is_said_with_the_largest_file(monkeypatch: pytest.MonkeyPatch) -> None:
    (said,) = problems(monkeypatch, MIB, 30 * MIB, room=Room(30 * MIB, 99 * MIB, 400 * MIB, 9))
    assert said.startswith(
        "service haproxy cannot be pushed: no room on node 2, as it said last: 31.0 MiB take 35.0 MiB below /etc"
    )
    assert said.endswith("the largest file is /etc/haproxy/1, 31457280 bytes")


def test_what_can_be_pushed_and_not_saved_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    (said,) = problems(monkeypatch, 40 * MIB, 41 * MIB)
    assert said.startswith("service haproxy can be pushed, and not saved: 84934656 bytes; at most 67108864 are saved")
    assert said.endswith("the largest file is /etc/haproxy/1, 42991616 bytes")
