"""What was set up is noted with what will undo it; a note that is damaged is said, and hides nothing else."""

import json
from pathlib import Path

import pytest

from firmware.errors import Damaged, NewerFormat
from firmware.rc import document
from firmware.services import oneshot, states
from firmware.services.definition import Context, Service

SERVICE = Service("made", "", setup=lambda _: [["true"]], teardown=lambda _: [["touch", "/tmp/never"]])


def set_up(top: Path, service: Service = SERVICE) -> None:
    config = document.parse("service made\n")
    oneshot.set_up(service, Context.of(service, config.blocks[0], config), top=top)


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    assert oneshot.read_record("made", top=tmp_path) is None
    set_up(tmp_path)
    found = oneshot.read_record("made", top=tmp_path)
    assert found is not None and (found.problem, found.undo) == ("", [["touch", "/tmp/never"]])
    assert json.loads((tmp_path / "made.json").read_bytes())["format"] == oneshot.FORMAT
    assert oneshot.set_up_titles(top=tmp_path) == ["made"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"format": 1}',
        '{"format": 1, "problem": "", "undo": 3}',
        '{"format": 1, "problem": [], "undo": []}',
    ],
)
def test_a_damaged_record_is_named_with_its_remedy(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "made.json").write_text(text)
    with pytest.raises(Damaged, match=r"made\.json: damaged") as raised:
        oneshot.read_record("made", top=tmp_path)
    assert f"rm {tmp_path}/made.json" in raised.value.hint
    monkeypatch.setattr(oneshot.read_record, "__kwdefaults__", {"top": tmp_path})
    state = states.service_state("made", scan=tmp_path / "none")
    assert state.has_failed and "damaged" in state.last_words


@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_a_start_begins_a_damaged_record_anew(text: str, tmp_path: Path) -> None:
    """What its hint says helps."""
    (tmp_path / "made.json").write_text(text)
    with pytest.raises(Damaged) as raised:
        oneshot.tear_down("made", top=tmp_path)
    assert "service made start notes it anew" in raised.value.hint
    set_up(tmp_path)
    found = oneshot.read_record("made", top=tmp_path)
    assert found is not None and (found.problem, found.undo) == ("", [["touch", "/tmp/never"]])


def test_a_service_that_finds_by_itself_what_it_set_up_is_stopped_without_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []
    made = Service("made", "", reconcile=lambda _: "", take_down=taken.append)
    monkeypatch.setattr("firmware.services.catalog.find", lambda name: made)
    (tmp_path / "made.json").write_text("[1]")
    oneshot.tear_down("made", top=tmp_path)
    assert taken == ["made"] and not (tmp_path / "made.json").exists()


def test_a_record_of_a_newer_firmware_is_not_taken_for_damaged(tmp_path: Path) -> None:
    (tmp_path / "made.json").write_text('{"format": 2, "problem": "", "undo": []}')
    with pytest.raises(NewerFormat):
        oneshot.read_record("made", top=tmp_path)


def test_what_earlier_lines_had_set_up_is_undone_and_nothing_that_stays(tmp_path: Path) -> None:
    marks = [tmp_path / name for name in ("old", "both")]
    first = Service("made", "", setup=lambda _: [], teardown=lambda _: [["touch", str(mark)] for mark in marks])
    set_up(tmp_path / "setup", first)
    set_up(tmp_path / "setup", Service("made", "", setup=lambda _: [], teardown=lambda _: [["touch", str(marks[1])]]))
    assert [mark.exists() for mark in marks] == [True, False]
    oneshot.tear_down("made", top=tmp_path / "setup")
    assert marks[1].exists() and oneshot.read_record("made", top=tmp_path / "setup") is None
