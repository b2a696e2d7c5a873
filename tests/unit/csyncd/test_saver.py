"""A save for a peer: within csyncd where little may be pushed, else in a process of its own, whose words are the same."""

import json
import sys
from typing import Any

import pytest

from firmware.csyncd import saver
from firmware.errors import Failure, Refused
from firmware.run import Result
from firmware.sync.space import Space

SAVED = {"generation": 7, "digest": "sha256:" + "0" * 64, "fresh": True}


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[Space]:
    """What may be pushed takes as much as the last of these."""
    found = [Space(100, 3, 60)]
    monkeypatch.setattr(saver.space, "taken_space", lambda: found[-1])
    monkeypatch.setattr(saver, "_save", lambda name: {**SAVED, "who": name})
    return found


def answer(monkeypatch: pytest.MonkeyPatch, status: int, said: str) -> list[Any]:
    """Have the process answer that; how it was started."""
    started: list[Any] = []

    def run(argv: list[str], **options: Any) -> Result:
        started.append(argv)
        return Result(status, said, "its last words")

    monkeypatch.setattr(saver, "run", run)
    return started


def test_a_small_save_starts_no_process(monkeypatch: pytest.MonkeyPatch, taken: list[Space]) -> None:
    started = answer(monkeypatch, 1, "")
    assert saver.save_for_peer("node-2") == {**SAVED, "who": "node-2"} and not started


@pytest.mark.parametrize("much", [Space(64 << 20, 1, 10), Space(100, 20_000, 10), Space(100, 10, 4 << 20)])
def test_a_large_save_has_a_process_of_its_own(
    monkeypatch: pytest.MonkeyPatch, taken: list[Space], much: Space
) -> None:
    taken.append(much)
    started = answer(monkeypatch, 0, json.dumps(SAVED))
    assert saver.save_for_peer("node-2") == SAVED
    assert started == [[sys.executable, "-m", "firmware", "csyncd", "save", "node-2"]]


def test_what_the_process_refuses_is_refused_here_in_its_words(
    monkeypatch: pytest.MonkeyPatch, taken: list[Space], capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(name: str) -> dict[str, Any]:
        raise Refused("a push waits", "csync confirm")

    monkeypatch.setattr(saver, "_save", refuse)
    assert saver.main("node-2") == 1
    taken.append(Space(64 << 20, 1, 10))
    answer(monkeypatch, 1, capsys.readouterr().out)
    with pytest.raises(Refused, match=r"^a push waits$") as caught:
        saver.save_for_peer("node-2")
    assert caught.value.hint == "csync confirm"


def test_a_process_that_dies_is_said(monkeypatch: pytest.MonkeyPatch, taken: list[Space]) -> None:
    taken.append(Space(64 << 20, 1, 10))
    answer(monkeypatch, -9, "")
    with pytest.raises(Failure, match="a save for node-2: it ended without an answer: its last words"):
        saver.save_for_peer("node-2")
