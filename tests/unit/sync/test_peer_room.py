"""The room that the peer told last."""

from pathlib import Path

from firmware.sync import peer_room
from firmware.sync.peer_room import PeerRoom
from firmware.sync.space import Room


def test_what_was_noted_is_found(tmp_path: Path) -> None:
    told = PeerRoom(2, Room(1 << 20, 2 << 20, 8 << 20, 100))
    peer_room.note(told, tmp_path / "room")
    assert peer_room.find(tmp_path / "room") == told


def test_what_is_not_there_or_damaged_is_not_known(tmp_path: Path) -> None:
    assert peer_room.find(tmp_path / "room") is None
    for text in (
        "",
        "{}",
        '{"format": 1, "node": 2}',
        '{"format": 1, "node": 2, "room": {"etc": -1}}',
        '{"format": 9}',
    ):
        (tmp_path / "room").write_text(text)
        assert peer_room.find(tmp_path / "room") is None
    peer_room.note(PeerRoom(2, Room(1, 2, 3, 4)), tmp_path / "nowhere" / "room")
