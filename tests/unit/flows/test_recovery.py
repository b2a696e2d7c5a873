"""What recovery makes of a push that was cut off while it kept what it had loaded."""

from pathlib import Path

import pytest

from firmware.flows import recovery
from firmware.services import applied, catalog
from firmware.sync import staging
from firmware.sync.audit import Who
from firmware.sync.transaction import Transaction

PUSHED, BEFORE = "xxh3-128:" + "0b" * 16, "xxh3-128:" + "0a" * 16
LOADED = Transaction("waiting", "haproxy", "f" * 32, 1, Who("node-1"), "", True, 4711, "", "", report={"state": PUSHED})


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it is noted what is applied."""
    for function in (applied.digest, applied.snapshot_digest, applied.promote_snapshot, applied.drop_snapshot):
        assert function.__kwdefaults__
        monkeypatch.setitem(function.__kwdefaults__, "top", tmp_path)
    monkeypatch.setattr(applied, "context_digest", lambda title: "another")
    return tmp_path


def keep(place: Path, digest: str) -> None:
    place.mkdir()
    (place / "digest").write_text(digest)
    (place / "block").write_text("service haproxy\n")


def hold_for_confirmation() -> None:
    service = catalog.find("haproxy")
    assert service
    recovery.hold_for_confirmation(staging.stage_for(service, "haproxy"), LOADED)


def test_what_was_loaded_takes_the_place_of_what_was(top: Path) -> None:
    keep(top / "haproxy", BEFORE)
    keep(top / ".haproxy.new", PUSHED)
    hold_for_confirmation()
    assert applied.digest("haproxy") == PUSHED and not (top / ".haproxy.new").exists()


@pytest.mark.parametrize("is_whole", [True, False])
def test_what_was_on_its_way_out_does_not_come_back(top: Path, is_whole: bool) -> None:
    """The two had changed places, and what was before was being removed when the power failed."""
    keep(top / "haproxy", PUSHED)
    keep(top / ".haproxy.new", BEFORE)
    if not is_whole:
        (top / ".haproxy.new" / "digest").unlink()
    hold_for_confirmation()
    assert applied.digest("haproxy") == PUSHED and not (top / ".haproxy.new").exists()


def test_what_a_killed_push_had_staged_takes_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was lent away stays, as what is open does."""
    monkeypatch.setattr(recovery.staging.abandoned_titles, "__defaults__", (tmp_path,))
    monkeypatch.setattr(recovery.staging.remove_abandoned, "__defaults__", (tmp_path,))
    monkeypatch.setattr(recovery.transaction.open_titles, "__defaults__", (tmp_path,))
    monkeypatch.setattr(recovery, "service_lock", lambda title: tmp_path / f"{title}.lock")
    for path in ("haproxy/tree/large", "haproxy/lent/edit", "syslogd/tree/old", "syslogd/journal", "ntp/lent/edit"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x")
    assert recovery.recover("none") == []
    assert not (tmp_path / "haproxy/tree").exists()
    assert all((tmp_path / path).exists() for path in ("haproxy/lent/edit", "syslogd/tree/old", "ntp/lent/edit"))
