"""Records that are torn, empty, of other types or of a newer firmware: what becomes of each, and that it is said."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from firmware.errors import Damaged, Failure, NewerFormat
from firmware.flows import recovery
from firmware.sync import ancestor, audit, push_report, transaction
from firmware.sync.audit import THIS_NODE, Who
from firmware.sync.file_change import FileChange
from firmware.sync.keys import KnownPeer
from firmware.sync.push_report import Report
from firmware.sync.transaction import Transaction

PEER = KnownPeer(2, "SHA256:key")
SHA256 = "sha256:" + "0a" * 32
ANSWER = Report(
    "applied",
    files=(FileChange("/etc/haproxy/haproxy.cfg", "changed"),),
    state="xxh3-128:" + "0a" * 16,
    sha256=(SHA256, SHA256),
).json()
WAITING = Transaction(
    "waiting",
    "haproxy",
    "f" * 32,
    1,
    Who("node-1"),
    "service haproxy\n",
    True,
    4711,
    "xxh3-128:0",
    "sha256:0",
    30,
    9e9,
    ANSWER,
    ("x",),
)


def ancestors(path: Path) -> None:
    ancestor.record(PEER, "haproxy", "xxh3-128:1", ["x"], pushed_by=1, path=path, lock=path.with_suffix(".lock"))


def open_transaction(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    transaction.write(WAITING, path)


def kept_report(path: Path) -> None:
    push_report.remember("haproxy", "f" * 32, {**ANSWER, "digests": ["x"]}, path.parent)


def read_ancestors(path: Path) -> Any:
    if problem := ancestor.load(PEER, path).problem:
        assert ancestor.find(PEER, "haproxy", path) is None
        raise problem
    return ancestor.find(PEER, "haproxy", path)


def read_transaction(path: Path) -> Any:
    return transaction.read(path)


def read_report(path: Path) -> Any:
    return push_report.recall("haproxy", "f" * 32, path.parent)


#: where it lies, who writes it, who reads it
RECORDS = {
    "ancestors": ("ancestors.json", ancestors, read_ancestors),
    "transaction": ("staging/haproxy/journal", open_transaction, read_transaction),
    "report": ("received/haproxy", kept_report, read_report),
}
#: the newest format of each
FORMATS = {"ancestors.json": 2, "journal": 1, "haproxy": 1}
Writer, Reader = Callable[[Path], None], Callable[[Path], Any]


@pytest.fixture(params=RECORDS)
def record(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Writer, Reader]:
    name, write, read = RECORDS[request.param]
    write(tmp_path / name)
    return tmp_path / name, write, read


def wrong_everywhere(value: Any) -> list[Any]:
    """The value with each of its parts, one after the other, of another type or missing."""
    found: list[Any] = [None, [], "word", 7] if isinstance(value, dict) else [{"another": "type"}]
    if isinstance(value, dict):
        for key in value:
            found.append({name: part for name, part in value.items() if name != key})
            found += [{**value, key: part} for part in wrong_everywhere(value[key])]
    return found


def test_what_was_written_is_read(record: tuple[Path, Writer, Reader]) -> None:
    path, _, read = record
    assert read(path) is not None and json.loads(path.read_bytes())["format"] == FORMATS[path.name]


def test_what_is_missing_is_no_failure(record: tuple[Path, Writer, Reader]) -> None:
    path, _, read = record
    path.unlink()
    assert read(path) is None


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\0" * 100, b"\xff\xfe", b"[]", b'{"format": "1"}', b'{"format": 0}', b"[" * 100_000],
    ids=lambda data: repr(data[:20]),
)
def test_torn_and_empty_ones_are_damaged_and_say_where(record: tuple[Path, Writer, Reader], data: bytes) -> None:
    path, _, read = record
    path.write_bytes(data)
    with pytest.raises(Damaged) as raised:
        read(path)
    assert str(raised.value).startswith(f"{path}: damaged: ") and raised.value.hint


def test_one_that_was_torn_anywhere_is_damaged(record: tuple[Path, Writer, Reader]) -> None:
    path, _, read = record
    whole = path.read_bytes().strip()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with pytest.raises(Damaged):
            read(path)


def test_another_type_anywhere_is_no_trace(record: tuple[Path, Writer, Reader]) -> None:
    """What a part may be, such as a `null` in place of what a checker said, is read; all else is damaged."""
    path, _, read = record
    damaged = 0
    for wrong in wrong_everywhere(json.loads(path.read_bytes())):
        path.write_text(json.dumps(wrong))
        try:
            read(path)
        except NewerFormat:
            assert wrong["format"] == 7
        except Damaged as error:
            damaged += 1
            assert str(path) in str(error) and error.hint
    assert damaged > 10


def test_a_newer_one_is_called_so_and_stays_as_it_is(
    record: tuple[Path, Writer, Reader], capsys: pytest.CaptureFixture[str]
) -> None:
    path, write, read = record
    newer = json.dumps({**json.loads(path.read_bytes()), "format": FORMATS[path.name] + 1, "more": "of it"}).encode()
    path.write_bytes(newer)
    with pytest.raises(NewerFormat) as raised:
        read(path)
    newest = FORMATS[path.name]
    assert f"{path}: written by a newer firmware (format {newest + 1}; this one reads up to {newest})" in str(
        raised.value
    )
    assert "damaged" not in str(raised.value) and "upgrade" in raised.value.hint
    if write is not open_transaction:
        write(path)
        assert path.read_bytes() == newer and "written by a newer firmware" in capsys.readouterr().err


def test_a_directory_in_its_place_is_a_failure_with_a_remedy(record: tuple[Path, Writer, Reader]) -> None:
    path, _, read = record
    path.unlink()
    path.mkdir()
    with pytest.raises(Failure, match="Is a directory") as raised:
        read(path)
    assert raised.value.hint


def test_one_that_cannot_be_read_is_a_failure_with_a_remedy(
    record: tuple[Path, Writer, Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    path, _, read = record
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(Failure, match="Permission denied") as raised:
        read(path)
    assert raised.value.hint == "run it as root"


def test_damaged_ancestors_are_begun_anew_by_the_next_sync(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ancestors.json"
    path.write_text('{"2":[]}')
    ancestors(path)
    assert ancestor.load(PEER, path).problem is None and ancestor.find(PEER, "haproxy", path) is not None
    assert "begun anew" in capsys.readouterr().err


def test_one_transaction_that_cannot_be_read_hides_no_other_one(tmp_path: Path) -> None:
    open_transaction(tmp_path / "zebra/journal")
    open_transaction(tmp_path / "ants/journal")
    (tmp_path / "ants/journal").write_text("{")
    assert transaction.find_waiting(tmp_path) == WAITING
    assert list(transaction.problems(tmp_path)) == ["ants"]
    assert transaction.open_titles(tmp_path) == ["ants", "zebra"]


@pytest.mark.parametrize("data", [b"{", json.dumps({"format": 2, "phase": "later"}).encode()])
@pytest.mark.parametrize("booting", [True, False])
def test_recovery_leaves_alone_what_it_cannot_read_and_says_so(
    data: bytes, booting: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "staging/haproxy/journal"
    journal.parent.mkdir(parents=True)
    journal.write_bytes(data)
    use_staging(tmp_path, monkeypatch)
    (line,) = recovery.recover(booting=booting)
    assert line.startswith("service haproxy: a push of it is open, and left alone: ") and str(journal) in line
    assert journal.read_bytes() == data and recovery.recoverable_transactions() == []


def use_staging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have transactions and locks below `tmp_path`."""
    from firmware import locks
    from firmware.sync import staging

    monkeypatch.setattr(locks, "TOP", tmp_path / "locks")
    monkeypatch.setattr(recovery, "SWAP", tmp_path / "locks/swap")
    stage_for = staging.stage_for
    monkeypatch.setattr(
        staging, "stage_for", lambda service, title: stage_for(service, title, top=tmp_path / "staging")
    )
    for name in ("open_titles", "problems", "find_open", "find_waiting"):
        found = getattr(transaction, name)
        monkeypatch.setattr(transaction, name, lambda top=tmp_path / "staging", found=found: found(top))


def test_a_trail_leaves_out_what_it_cannot_read_and_counts_it(tmp_path: Path) -> None:
    audit.note("push", who=THIS_NODE, result="applied", directory=tmp_path)
    good = (tmp_path / "audit.log").read_bytes()
    entry = json.loads(good)
    wrong = [line for line in wrong_everywhere(entry) if not (isinstance(line, dict) and "format" not in line)]
    wrong = [line for line in wrong if not (isinstance(line, dict) and line.get("format") == 7)]
    strange = [
        b"{",
        b'{"time": 1, "event": "pu',
        b"\0\0\0",
        b"\xff{}",
        json.dumps({**entry, "time": 1e300}).encode(),
        json.dumps({**entry, "time": float("nan")}).encode(),
    ]
    strange += [json.dumps(line).encode() for line in wrong]
    newer = json.dumps({**entry, "format": 9}).encode()
    (tmp_path / "audit.log").write_bytes(good + b"\n".join([*strange, newer]) + b"\n" + good)
    trail = audit.read(tmp_path)
    assert [one["event"] for one in trail.entries] == ["push", "push"] and "format" not in trail.entries[0]
    assert trail.problems == (
        f"{tmp_path}/audit.log: damaged lines left out: {len(strange)}",
        f"{tmp_path}/audit.log: lines written by a newer firmware left out: 1",
    )


def test_a_line_that_found_no_room_takes_no_other_one_with_it(tmp_path: Path) -> None:
    (tmp_path / "audit.log").write_bytes(b'{"format": 1, "time": 1, "ev')
    audit.note("push", who=THIS_NODE, result="applied", directory=tmp_path)
    trail = audit.read(tmp_path)
    assert len(trail.entries) == len(trail.problems) == 1


@pytest.mark.parametrize("name", ["audit.log", "refused.log.1"])
def test_a_directory_in_the_place_of_a_trail_is_said_and_the_rest_is_read(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).mkdir()
    audit.note("push", who=THIS_NODE, result="applied", directory=tmp_path)
    audit.note("push", who=THIS_NODE, result="refused", directory=tmp_path)
    trail = audit.read(tmp_path)
    assert trail.problems == (f"{tmp_path / name}: Is a directory",)
    assert len(trail.entries) == (1 if name == "audit.log" else 2)
    assert ("not noted" in capsys.readouterr().err) == (name == "audit.log")


def test_an_armed_transaction_has_no_report_yet(tmp_path: Path) -> None:
    armed = replace(WAITING, phase="armed", report={}, files=())
    transaction.write(armed, tmp_path / "journal")
    assert transaction.read(tmp_path / "journal") == armed


def test_who_may_not_read_the_trail_is_told_to_be_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(Failure, match="Permission denied") as raised:
        audit.read(tmp_path)
    assert raised.value.hint == "run it as root"
