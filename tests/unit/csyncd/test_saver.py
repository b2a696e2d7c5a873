"""A save for a peer: within csyncd where little may be pushed, else in a process of its own, whose words are the same."""

import json
from pathlib import Path
from typing import Any

import pytest

from firmware.csyncd import saver
from firmware.errors import Failure, Refused
from firmware.sync.space import Space

SAVED = {"generation": 7, "digest": "sha256:" + "0" * 64, "fresh": True}


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[Space]:
    """What may be pushed takes as much as the last of these."""
    found = [Space(100, 3, 60)]
    monkeypatch.setattr(saver.space, "taken_space", lambda: found[-1])
    monkeypatch.setattr(saver, "_save", lambda name: {**SAVED, "who": name})
    return found


def answer(monkeypatch: pytest.MonkeyPatch, place: Path, status: int, said: str) -> Path:
    """Have the process answer that; the file in which it notes how it was started."""
    program, started = place / "python", place / "started"
    (place / "said").write_text(said)
    program.write_text(f"#!/bin/sh\necho $* >{started}\ncat {place}/said\necho its last words >&2\nexit {status}\n")
    program.chmod(0o755)
    monkeypatch.setattr(saver.sys, "executable", str(program))
    return started


def test_a_small_save_starts_no_process(monkeypatch: pytest.MonkeyPatch, taken: list[Space], tmp_path: Path) -> None:
    started = answer(monkeypatch, tmp_path, 1, "")
    assert saver.save_for_peer("node-2") == {**SAVED, "who": "node-2"} and not started.exists()


@pytest.mark.parametrize("much", [Space(64 << 20, 1, 10), Space(100, 20_000, 10), Space(100, 10, 4 << 20)])
def test_a_large_save_has_a_process_of_its_own(
    monkeypatch: pytest.MonkeyPatch, taken: list[Space], tmp_path: Path, much: Space
) -> None:
    """It says all that was added, be that more than other programs may say."""
    saved = {**SAVED, "added": [f"/etc/haproxy/errors/{number:0200}.http" for number in range(20_000)]}
    taken.append(much)
    started = answer(monkeypatch, tmp_path, 0, json.dumps(saved))
    assert saver.save_for_peer("node-2") == saved
    assert started.read_text() == "-m firmware csyncd save node-2\n"


def test_what_the_process_refuses_is_refused_here_in_its_words(
    monkeypatch: pytest.MonkeyPatch, taken: list[Space], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(name: str) -> dict[str, Any]:
        raise Refused("a push waits", "csync confirm")

    monkeypatch.setattr(saver, "_save", refuse)
    assert saver.main("node-2") == 0
    taken.append(Space(64 << 20, 1, 10))
    answer(monkeypatch, tmp_path, 0, capsys.readouterr().out)
    with pytest.raises(Refused, match=r"^a push waits$") as caught:
        saver.save_for_peer("node-2")
    assert caught.value.hint == "csync confirm"


def test_a_process_that_dies_is_said(monkeypatch: pytest.MonkeyPatch, taken: list[Space], tmp_path: Path) -> None:
    taken.append(Space(64 << 20, 1, 10))
    answer(monkeypatch, tmp_path, 9, "")
    with pytest.raises(Failure, match="its last words"):
        saver.save_for_peer("node-2")
