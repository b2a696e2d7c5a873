"""What `upgrade status` prints."""

import json

import pytest

from firmware.commands import operator_identity
from firmware.commands import upgrade_slots as command
from firmware.operations import upgrade_slots
from firmware.operations.upgrade_slots import Confirmation, SlotStatus, UpgradeStatus
from firmware.upgrade.notes import FELL_BACK, Outcome

GIVEN_UP = Outcome(FELL_BACK, "b", "2.0", ("service wui does not run", "the gateway 10.32.0.1 does not answer"), 0.0)


def found(
    b: SlotStatus, *, last: Outcome | None = None, waiting: tuple[str, ...] = (), problem: str = "", told: str = ""
) -> UpgradeStatus:
    a = SlotStatus("a", "1.0", "proved", 0, not b.is_booted, not b.is_next)
    return UpgradeStatus((a, b), last, waiting, problem, (told,) * bool(told))


@pytest.mark.parametrize(
    ("status", "lines"),
    [
        (
            found(SlotStatus("b", "2.0", "on trial", 2, True, True), waiting=("service wui does not run",)),
            ["slot a  1.0             proved", "slot b  2.0             on trial, 2 tries left  (runs)",
             "waits for: service wui does not run"],
        ),
        (
            found(SlotStatus("b", "2.0", "on trial", 1, False, True)),
            ["slot a  1.0             proved  (runs)", "slot b  2.0             on trial, 1 try left  (starts next)"],
        ),
        (
            found(SlotStatus("b", "", "bad", 0, False, False), last=GIVEN_UP, problem="one of its two copies is not whole",
                  told="slot b fell back"),
            ["slot a  1.0             proved  (runs)", "slot b  cannot be read  bad",
             "last upgrade: fell back: version 2.0, slot b, ", "  service wui does not run",
             "  the gateway 10.32.0.1 does not answer", "everybody is told: slot b fell back", "the record of slots: one of its two copies is not whole"],
        ),
    ],
    ids=["on trial", "before its start", "given up"],
)  # fmt: skip
def test_status_says_how_both_slots_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: UpgradeStatus, lines: list[str]
) -> None:
    monkeypatch.setattr(upgrade_slots, "status", lambda: status)
    assert command.status([]) == 0
    assert capsys.readouterr().out.splitlines() == lines


def test_status_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    status = found(SlotStatus("b", "", "bad", 0, False, False), last=GIVEN_UP)
    monkeypatch.setattr(upgrade_slots, "status", lambda: status)
    assert command.status(["--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["booted"] == "a" and said["waiting"] == [] and said["problem"] == "" and said["attention"] == []
    keys = {"slot": "b", "version": None, "state": "bad", "tries": 0, "booted": False, "next": False}
    assert said["slots"][1] == keys
    assert said["last"]["result"] == "fell back" and said["last"]["reasons"] == list(GIVEN_UP.reasons)


TOLD = "the upgrade to 2.0 (slot b) was given up: service wui does not run"


@pytest.mark.parametrize(
    ("done", "lines"),
    [
        (Confirmation("b", "2.0", True, "", ()), ["slot b (version 2.0) is kept"]),
        (Confirmation("a", "1.0", False, "", ()), ["slot a (version 1.0) had proved itself already"]),
        (
            Confirmation("a", "1.0", False, "", (TOLD,)),
            ["slot a (version 1.0) had proved itself already",
             f"not said any more: {TOLD} (csync log goes on to have it)"],
        ),
        (
            Confirmation("b", "2.0", False, "a", ()),
            ["slot b (version 2.0) had proved itself already",
             "slot a could not be started: it comes after slot b from now on; upgrade install writes it anew"],
        ),
    ],
    ids=["kept", "nothing", "given up", "could not be started"],
)  # fmt: skip
def test_confirm_says_what_it_has_changed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], done: Confirmation, lines: list[str]
) -> None:
    monkeypatch.setattr(operator_identity, "identify", lambda: None)
    monkeypatch.setattr(upgrade_slots, "confirm", lambda who: done)
    assert command.confirm([]) == 0
    assert capsys.readouterr().out.splitlines() == lines
