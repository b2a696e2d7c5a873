"""The audit trail is bounded, keeps the newest and what was done, and leaves out what was torn."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from firmware.sync import audit


def test_it_is_bounded_and_keeps_the_newest(tmp_path: Path) -> None:
    for number in range(1500):
        audit.note("push", who=audit.Who("root"), result="applied", directory=tmp_path, check="x" * 9000, number=number)
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) == 2 and max(sizes) < audit.MAX_PART_BYTES + 10_000
    kept = audit.read(tmp_path).entries
    numbers = [entry["number"] for entry in kept]
    assert numbers == list(range(numbers[0], 1500)) and len(numbers) > 100
    assert len(kept[-1]["check"]) < 4100 and kept[-1]["check"].endswith("(9000 characters)")


def test_a_line_that_was_torn_is_left_out(tmp_path: Path) -> None:
    audit.note("push", who=audit.Who("root"), result="applied", directory=tmp_path)
    with (tmp_path / "audit.log").open("a") as file:
        file.write('{"time": 1, "event": "pu\n')
    audit.note("push", who=audit.Who("root"), result="refused", directory=tmp_path)
    audit.note("push", who=audit.Who("root"), result="applied", directory=tmp_path)
    assert [entry["result"] for entry in audit.read(tmp_path).entries] == ["applied", "refused", "applied"]


def test_who_is_refused_as_often_as_it_likes_pushes_out_nothing_that_was_done(tmp_path: Path) -> None:
    audit.note("push", who=audit.Who("root"), result="applied", directory=tmp_path)
    for _ in range(1000):
        audit.note("push received", who=audit.Who("node-2"), result="refused", directory=tmp_path, message="x" * 4000)
    assert audit.read(tmp_path).entries[0]["result"] == "applied"
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 3 * audit.MAX_PART_BYTES


def test_who_is_refused_as_often_as_it_likes_pushes_out_nothing_that_was_refused_here(tmp_path: Path) -> None:
    audit.note("push", who=audit.Who("root"), result="refused", directory=tmp_path)
    for _ in range(1000):
        audit.note(
            "push received", who=audit.Who("node-2"), result="refused", by_peer=True, directory=tmp_path, x="x" * 4000
        )
    assert audit.read(tmp_path).entries[0]["who"] == "root"


def test_two_writers_lose_nothing_where_a_part_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MAX_PART_BYTES", 2000)

    def write(who: str) -> None:
        for number in range(60):
            audit.note("push", who=audit.Who(who), result="applied", directory=tmp_path, number=number)
            older = tmp_path / "audit.log.1"
            assert not older.exists() or older.stat().st_size > 2000

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(write, f"writer {number}") for number in range(4)]:
            done.result()
    assert audit.read(tmp_path).problems == ()
