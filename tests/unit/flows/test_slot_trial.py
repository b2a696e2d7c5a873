"""How long a slot on trial is looked at, and how that ends."""

from pathlib import Path

import pytest

from firmware.flows import slot_trial, switch_slot
from firmware.flows.slot_trial import BOOT_SECONDS, HEALTH_SECONDS, STEADY_SECONDS

BOOTING = ["the boot has not come to its end"]


@pytest.fixture
def looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What each look finds wrong, the last one again and again; between two of them passes the time that the clock says. The boot has
    come to its end when none finds `BOOTING`."""
    found: list[list[str]] = []
    clock = [50.0]
    monkeypatch.setattr(slot_trial, "look", lambda _: found.pop(0) if len(found) > 1 else found[0])
    monkeypatch.setattr(slot_trial, "has_booted", lambda: BOOTING not in found)
    monkeypatch.setattr(slot_trial.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(slot_trial.time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    monkeypatch.setattr(slot_trial.migrations, "failure", lambda: "")
    monkeypatch.setattr(slot_trial, "WAITING", tmp_path / "trial")
    monkeypatch.setattr(switch_slot, "PROVED", tmp_path / "proved")
    return found


def test_a_slot_is_kept_once_all_has_worked_for_some_time(looks: list[list[str]]) -> None:
    looks += [BOOTING, ["service wui does not run"], []]
    assert slot_trial.await_health(None) == []
    assert slot_trial.time.monotonic() >= 56 + STEADY_SECONDS
    assert slot_trial.WAITING.read_text() == ""


def test_what_works_for_a_moment_only_does_not_count(looks: list[list[str]]) -> None:
    looks += [[], ["service wui does not run"], [], ["service wui does not run"]]
    assert slot_trial.await_health(None) == ["service wui does not run"]
    assert HEALTH_SECONDS < slot_trial.time.monotonic() < BOOT_SECONDS
    assert slot_trial.WAITING.read_text() == "service wui does not run\n"


def test_a_failed_migration_is_not_waited_for(looks: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot_trial.migrations, "failure", lambda: "it failed")
    looks += [["it failed"]]
    assert slot_trial.await_health(None) == ["it failed"]
    assert slot_trial.time.monotonic() < HEALTH_SECONDS


def test_a_slow_boot_has_time_and_then_all_has_as_much_to_work_as_after_a_fast_one(looks: list[list[str]]) -> None:
    looks += [*[BOOTING] * 115, *[["csyncd does not reach the peer"]] * 50, []]
    assert slot_trial.await_health(None) == []
    assert slot_trial.time.monotonic() > BOOT_SECONDS + HEALTH_SECONDS / 2


def test_a_boot_without_end_is_given_up(looks: list[list[str]]) -> None:
    looks += [BOOTING]
    assert slot_trial.await_health(None) == BOOTING
    assert BOOT_SECONDS < slot_trial.time.monotonic() < BOOT_SECONDS + 10


def test_who_confirms_by_hand_ends_it(looks: list[list[str]], tmp_path: Path) -> None:
    looks += [["service wui does not run"]]
    (tmp_path / "proved").touch()
    assert slot_trial.await_health(None) is None


def test_an_error_of_its_own_is_what_does_not_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "booted").touch()
    monkeypatch.setattr(slot_trial.boot, "RUN", tmp_path)
    monkeypatch.setattr(slot_trial.node_health, "current_health", lambda: 1 // 0)
    monkeypatch.setattr(slot_trial.migrations, "failure", lambda: "")
    (said,) = slot_trial.look(None)
    assert "an error inside the program" in said
