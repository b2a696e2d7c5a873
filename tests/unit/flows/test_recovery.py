"""What recovery makes of a push that was cut off while it kept what it had loaded."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from firmware import directory
from firmware.flows import recovery
from firmware.rc import document
from firmware.services import applied, catalog, content
from firmware.services.definition import Outcome, Service
from firmware.sync import staging
from firmware.sync.audit import Who
from firmware.sync.staging import Stage
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


OLD_BLOCK, NEW_BLOCK = "service demo\n\tcmdline old\n", "service demo\n\tcmdline new\n"


@dataclass(frozen=True, slots=True)
class Swapped:
    """A push of a service, `demo`, that has been swapped in, or is about to be."""

    stage: Stage
    armed: Transaction
    kept: Path

    def roll_back(self) -> str:
        """Undo it; returns what is said of that."""
        return recovery.roll_back(self.stage, self.armed)


@pytest.fixture
def arm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], Swapped]:
    """Makes a push ready to be swapped in, where its directory was there before, or was not."""
    # No power fails here, and the disk of a busy machine takes long to sync.
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    monkeypatch.setattr(staging, "CONFIG", tmp_path / "lock")
    monkeypatch.setattr(recovery, "KEPT_EDITS", tmp_path / "edited")
    monkeypatch.setattr(recovery, "_reload_applied", lambda stage: Outcome(0, ""))
    monkeypatch.setattr(applied, "restore_set_aside", lambda title, digest: None)
    monkeypatch.setattr(applied, "context_digest", lambda title: "")
    owned, config = tmp_path / "owned", tmp_path / "config.rc"

    def armed(existed: bool) -> Swapped:
        stage = Stage(Service("demo", "", owns=str(owned)), "demo", tmp_path / "stage/demo", owned, config)
        stage.tree.mkdir(parents=True)
        (stage.tree / "file").write_text("pushed")
        config.write_text(f"service other\n{OLD_BLOCK}")
        if existed:
            owned.mkdir()
            (owned / "file").write_text("old")
        block = document.parse(NEW_BLOCK).blocks[0]
        pushed = {"state": content.digest(block, content.owned_entries(stage.service, stage.tree)), "block": NEW_BLOCK}
        who = {"push": "f" * 32, "peer": 1, "who": Who("node-1")}
        noted = staging.arm(stage, staging.current_content(stage), report=pushed, **who)
        return Swapped(stage, noted, tmp_path / "edited/demo/ffffffff")

    return armed


@pytest.mark.parametrize("existed", [True, False])
@pytest.mark.parametrize("edited", ["file", "block"])
def test_what_was_edited_since_the_swap_is_kept(arm: Callable[[bool], Swapped], existed: bool, edited: str) -> None:
    push = arm(existed)
    staging.swap(push.stage, NEW_BLOCK)
    if edited == "file":
        (push.stage.owned / "file").write_text("by hand")
    else:
        push.stage.config.write_text(push.stage.config.read_text() + "\tautostart off\n")
    assert push.roll_back() == f"; what was edited here meanwhile is in {push.kept}"
    assert (push.kept / "files/file").read_text() == ("by hand" if edited == "file" else "pushed")
    assert (push.kept / "block").read_text() == NEW_BLOCK + ("\tautostart off\n" if edited == "block" else "")
    assert push.stage.owned.exists() == existed and push.stage.config.read_text() == f"service other\n{OLD_BLOCK}"


def test_a_block_that_is_no_utf_8_is_kept_as_it_is(arm: Callable[[bool], Swapped]) -> None:
    push = arm(True)
    staging.swap(push.stage, NEW_BLOCK)
    with push.stage.config.open("ab") as config:
        config.write(b"\tautostart off # caf\xe9\n")
    assert push.roll_back() == f"; what was edited here meanwhile is in {push.kept}"
    assert (push.kept / "block").read_bytes() == f"{NEW_BLOCK}\tautostart off # caf".encode() + b"\xe9\n"


@pytest.mark.parametrize("existed", [True, False])
@pytest.mark.parametrize("how_far", ["armed", "exchanged", "swapped", "swapped back"])
def test_what_nobody_has_edited_is_not_kept(arm: Callable[[bool], Swapped], existed: bool, how_far: str) -> None:
    """However far the swap had come, and the way back."""
    push = arm(existed)
    if how_far != "armed":
        staging.swap(push.stage, OLD_BLOCK if how_far == "exchanged" else NEW_BLOCK)
    if how_far == "swapped back":
        staging.swap_back(push.stage, push.armed)
    assert push.roll_back() == ""
    assert not push.kept.exists()
    assert not existed or (push.stage.owned / "file").read_text() == "old"


@pytest.mark.parametrize(
    "written", ["a file that was there", "a file that is new", "a file that was open", "removed", ""]
)
def test_what_is_written_to_what_was_swapped_out_shows(arm: Callable[[bool], Swapped], written: str) -> None:
    push = arm(True)
    (push.stage.owned / "deep").mkdir()
    (push.stage.owned / "deep/there").write_text("old")
    with (push.stage.owned / "deep/there").open("a") as file, directory.descriptor(push.stage.owned) as place:
        await_tick(push.stage.owned)
        staging.swap(push.stage, NEW_BLOCK)
        assert not staging.is_written_after_swap(push.stage)
        if written == "removed":
            os.unlink("file", dir_fd=place)
        elif written == "a file that was open":
            file.write("more")
        elif written:
            name = "deep/there" if written == "a file that was there" else "new"
            os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, dir_fd=place))
    assert staging.is_written_after_swap(push.stage) == bool(written)


def test_a_clock_that_was_set_back_is_nobodys_edit(
    arm: Callable[[bool], Swapped], monkeypatch: pytest.MonkeyPatch
) -> None:
    push = arm(True)
    staging.swap(push.stage, NEW_BLOCK)
    (push.stage.tree / "file").write_text("later")
    assert staging.is_written_after_swap(push.stage)
    monkeypatch.setattr(staging.time, "time_ns", lambda: push.stage.tree.stat().st_ctime_ns - 1)
    assert not staging.is_written_after_swap(push.stage)


def test_edits_of_the_last_pushes_are_kept_and_take_no_more_and_more_room(arm: Callable[[bool], Swapped]) -> None:
    push = arm(True)
    staging.swap(push.stage, NEW_BLOCK)
    for number in range(6):
        kept = push.kept.parent / str(number)
        kept.mkdir(parents=True)
        os.utime(kept, (number, number))
    (push.stage.owned / "file").write_text("by hand")
    assert push.roll_back() == f"; what was edited here meanwhile is in {push.kept}"
    assert sorted(one.name for one in push.kept.parent.iterdir()) == ["3", "4", "5", push.kept.name]


def await_tick(place: Path) -> None:
    """Until what changes has another time than what is there."""
    last = place.stat().st_ctime_ns
    while place.stat().st_ctime_ns == last:
        place.chmod(0o755)


def test_what_older_firmware_has_armed_is_undone_without_a_word(arm: Callable[[bool], Swapped]) -> None:
    push = arm(True)
    staging.swap(push.stage, NEW_BLOCK)
    assert recovery.roll_back(push.stage, replace(push.armed, report={})) == ""
    assert (push.stage.owned / "file").read_text() == "old"


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
