"""The records of sessions: who is logged in, and how that ends."""

import os
from pathlib import Path

import pytest

from firmware.accounts import sessions
from firmware.accounts.sessions import Session
from firmware.errors import Failure


def open_session(top: Path, account: str = "admin", since: float = 1.0) -> tuple[Session, int]:
    """A session whose process, to which nobody may send a signal here, is pid 2."""
    session = Session(sessions.new_id(), account, "admin", "192.0.2.7", since, 1 << 22)
    (top / "sessions").mkdir(exist_ok=True)
    return session, sessions.note(session, top=top)


def test_a_session_is_known_until_it_is_ended(tmp_path: Path) -> None:
    session, lock = open_session(tmp_path)
    assert [one.session for one in sessions.live_sessions(top=tmp_path)] == [session]
    assert sessions.touch(lock)
    (tmp_path / "records" / f"{session.id}.json").unlink()
    assert not sessions.is_open(lock)


def test_what_a_killed_process_left_is_taken_away(tmp_path: Path) -> None:
    session, lock = open_session(tmp_path)
    os.close(lock)
    assert sessions.live_sessions(top=tmp_path) == ()
    assert not sessions.record_path(session.id, top=tmp_path).exists()


def test_the_sessions_of_one_account_are_ended_and_no_others(tmp_path: Path) -> None:
    kept, gone, own = (open_session(tmp_path, account) for account in ("night", "admin", "admin"))
    assert sessions.end_all("admin", top=tmp_path, but=own[0].id) == 1
    assert [sessions.is_open(lock) for _, lock in (kept, gone, own)] == [True, False, True]


def test_one_too_many_ends_the_one_that_was_not_used_for_longest(tmp_path: Path) -> None:
    opened = [open_session(tmp_path) for _ in range(sessions.MOST)]
    for number, (_, lock) in enumerate(opened):
        os.utime(lock, (number, number))
    os.utime(opened[0][1], (1000, 1000))
    sessions.make_room(top=tmp_path)
    assert [sessions.is_open(lock) for _, lock in opened] == [True, False, *[True] * (sessions.MOST - 2)]


@pytest.mark.parametrize(
    "id", ["", "..", "../../etc/passwd", "a" * 16 + "/..", "A" * 16, "0" * 15, "0" * 17, "0" * 16 + "\n"]
)
def test_what_is_no_name_of_a_session_leads_nowhere(tmp_path: Path, id: str) -> None:
    with pytest.raises(Failure, match="no such session"):
        sessions.socket_path(id, top=tmp_path)
    with pytest.raises(Failure, match="no such session"):
        sessions.end(id, top=tmp_path)
