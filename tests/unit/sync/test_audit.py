"""The audit trail is bounded, keeps the newest and what was done, and leaves out what was torn."""

import ast
from concurrent.futures import ThreadPoolExecutor
from errno import EIO
from pathlib import Path
from typing import Any

import pytest

from firmware.errors import Failure, Invalid, Refused
from firmware.sync import audit

FIRMWARE = Path(audit.__file__).parents[1]


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


@pytest.mark.parametrize(
    ("raised", "kind", "result", "message"),
    [
        (Refused("not now"), Refused, "refused", "not now"),
        (Invalid("it is invalid", problems=("a:1: b",)), Invalid, "failed", "it is invalid; a:1: b"),
        (OSError(EIO, "Input/output error", "/flash"), Failure, "failed", "/flash: Input/output error"),
        (KeyError("nobody foresaw it"), Failure, "failed", "an error inside the program"),
        (KeyboardInterrupt(), KeyboardInterrupt, "interrupted", ""),
    ],
    ids=["refused", "failed", "system", "unforeseen", "interrupted"],
)
def test_whatever_ends_it_is_noted_in_words_and_goes_on(
    raised: BaseException, kind: type[BaseException], result: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[dict[str, Any]] = []
    monkeypatch.setattr(audit, "note", lambda event, **words: noted.append(words))
    monkeypatch.setattr(audit.log, "internal_error", lambda name, error: Failure("an error inside the program"))
    with pytest.raises(kind), audit.note_errors("save", who=audit.Who("root"), to="node-2"):
        raise raised
    (line,) = noted
    assert (line["result"], line.get("message", ""), line["to"]) == (result, message, "node-2")
    with audit.note_errors("save", who=audit.Who("root")):
        pass
    assert len(noted) == 1


def test_no_flow_notes_some_of_its_errors_only() -> None:
    """A `try` that notes in the trail what became of it does so for errors of the system, too."""
    narrow = [
        f"{path.relative_to(FIRMWARE)}:{handler.lineno}"
        for path in FIRMWARE.rglob("*.py")
        if "audit.note" in path.read_text()
        for statement in ast.walk(ast.parse(path.read_text()))
        if isinstance(statement, ast.Try)
        for handler in statement.handlers
        if "audit.note" in "".join(map(ast.unparse, handler.body))
        and "OSError" not in {ast.unparse(one.type) for one in statement.handlers if one.type}
        and "OSError" not in ast.unparse(handler.type or ast.Name("OSError"))
    ]
    assert narrow == []
