"""`provision` as a worker types it: the check before, the progress, the table, what it says of records."""

import csv
import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from factory import COLUMNS, Factory, make_key

from firmware.__main__ import run_program
from firmware.commands.provision_run import Progress
from firmware.station import label, ledger
from firmware.station.fields import FIELDS


@pytest.fixture
def factory(tmp_path: Path) -> Iterator[Factory]:
    """Three units, the last of which is not fit, and a file that orders them."""
    (tmp_path / "factory").mkdir()
    made = Factory(tmp_path / "factory")
    made.add_units(3)
    made.units[2].broken["flash"] = "a block is worn"
    made.orders()
    yield made
    made.close()


def words(factory: Factory, *more: str) -> list[str]:
    top = factory.top
    return [str(top / "units.csv"), "--records", str(factory.kept.top), "--key", str(top / "key"), *more]


def test_a_batch_from_the_check_to_the_label(factory: Factory, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_program("provision", ["batch", *words(factory, "--dry-run")]) == 0
    said = capsys.readouterr()
    assert "T-0001 (Test 1), lb1, 10.0.0.1/16" in said.out and "nothing was done" in said.err
    assert factory.kept.record_names() == []

    top = factory.top
    more = "--labels", str(top / "labels"), "--summary", str(top / "summary.csv")
    assert run_program("provision", ["batch", *words(factory, *more)]) == 1
    said = capsys.readouterr()
    assert "self-test" in said.err and "2 of 3 units have their record; the head is" in said.err
    assert [line.split()[1] for line in said.out.splitlines() if line.startswith("T-")] == [
        "provisioned",
        "provisioned",
        "set",
    ]
    assert "a block is worn" in said.out
    assert sorted(path.name for path in (top / "labels").iterdir()) == [
        f"T-000{n}.{kind}" for n in (1, 2) for kind in ("pdf", "png")
    ]
    rows = list(csv.DictReader((top / "summary.csv").open()))
    assert [(row["serial"], row["outcome"]) for row in rows] == [
        ("T-0001", "provisioned"), ("T-0002", "provisioned"), ("T-0003", "set aside"),
    ]  # fmt: skip

    assert run_program("provision", ["batch", *words(factory, "--json")]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [one["outcome"] for one in found] == ["done already", "done already", "set aside"]

    assert run_program("provision", ["verify", str(factory.kept.top)]) == 0
    said = capsys.readouterr()
    assert said.out == "2 records: all are as they were signed\n" and "itself says who may sign: SHA256:" in said.err
    assert (
        run_program("provision", ["verify", str(factory.kept.top), "--signers", str(factory.kept.signers), "--json"])
        == 0
    )
    said = capsys.readouterr()
    assert json.loads(said.out)["records"] == 2 and said.err == ""

    assert run_program("provision", ["show", str(factory.kept.top)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert run_program("provision", ["show", str(factory.kept.top), "T-0002"]) == 0
    assert "self-test" in capsys.readouterr().out
    assert run_program("provision", ["show", str(factory.kept.top), "T-0009"]) == 1
    assert "it has no record of T-0009" in capsys.readouterr().err
    assert run_program("provision", ["label", str(factory.kept.top), "T-0002", "--out", str(top)]) == 0
    assert (top / "T-0002.pdf").exists() and (top / "T-0002.png").exists()


def test_faults_are_told_and_nothing_is_made(
    factory: Factory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.csv").write_text("serial,port\na,COM1\n")
    assert (
        run_program("provision", ["batch", str(tmp_path / "bad.csv"), "--records", str(tmp_path / "r"), "--key", "k"])
        == 4
    )
    said = capsys.readouterr().err.splitlines()
    assert all(f"{tmp_path}/bad.csv:2: " in line for line in said[:-1]) and "faults: no unit was touched" in said[-1]
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    "given", [["batch"], ["batch", "x.csv"], ["run", "x.toml", "--records", "r"], ["run"], ["show"], ["label", "d"]]
)
def test_what_is_missing_is_wrong_usage(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_program("provision", given) == 2
    assert "is missing" in capsys.readouterr().err


def test_a_key_that_is_not_there_is_told_before_a_unit_is_touched(
    factory: Factory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(factory.top / "units.csv"), "--records", str(tmp_path / "r"), "--key", str(tmp_path / "none")]
    assert run_program("provision", ["batch", *given]) == 1
    assert "none" in capsys.readouterr().err and not factory.units[2].standing().identity


def test_a_serial_number_of_another_record_is_a_fault(
    factory: Factory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    factory.run(factory.orders()[:1])
    text = (factory.top / "units.csv").read_text()
    (tmp_path / "units.csv").write_text(text.replace("lb1,", "other,"))
    given = [str(tmp_path / "units.csv"), "--records", str(factory.kept.top), "--key", str(factory.top / "key")]
    assert run_program("provision", ["batch", *given]) == 4
    assert "is in record 000001-T-0001.json with another host_name" in capsys.readouterr().err


def test_on_a_terminal_each_line_has_a_row_that_is_written_anew(
    factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    outer, inner = os.openpty()
    with os.fdopen(inner, "w") as terminal:
        monkeypatch.setattr("sys.stderr", terminal)
        orders = factory.orders()[:2]
        progress = Progress(orders)
        progress.tell(orders[0], "hello")
        progress.tell(orders[1], "self-test \x1b[2J")
    said = ""
    with suppress(OSError):  # so a terminal says that nobody is at its other end any more
        while more := os.read(outer, 4096):
            said += more.decode()
    os.close(outer)
    assert said.count("\x1b[2A") == 1 and "\x1b[2J" not in said and "\\x1b[2J" in said


def test_the_program_needs_none_of_the_packages_of_a_node() -> None:
    found = "import firmware.commands.provision_run, firmware.commands.provision_records, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", found], capture_output=True, text=True, check=True)
    nodes = {"firmware._native", "cffi", "h11", "netifaces", "psutil", "pyinotify", "tornado", "cairo", "segno"}
    assert nodes & {*done.stdout.split()} == set()


def refused(factory: Factory, capsys: pytest.CaptureFixture[str], *more: str, status: int = 1) -> str:
    """What is said by a batch that ends before it has spoken with a unit."""
    assert run_program("provision", ["batch", *words(factory, *more)]) == status
    said = capsys.readouterr()
    assert "hello" not in said.err and factory.units[0].standing().identity is None
    return said.err


def test_where_nothing_can_be_written_is_told_before_a_unit_is_touched(
    factory: Factory, capsys: pytest.CaptureFixture[str]
) -> None:
    (factory.top / "file").write_text("")
    file, nowhere = str(factory.top / "file"), str(factory.top / "no/summary.csv")
    assert f"{file}: that is no directory" in refused(factory, capsys, "--labels", file)
    assert f"{nowhere}: No such file or directory" in refused(factory, capsys, "--summary", nowhere)
    assert f"{file}/records: Not a directory" in refused(factory, capsys, "--records", f"{file}/records")


def test_a_full_disk_says_where_room_is_wanted(
    factory: Factory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fill(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(ledger.files, "write", fill)
    place = factory.top / "full"
    said = refused(factory, capsys, "--records", str(place))
    assert f"hint: make room: df -h {place} says how much there is" in said


def test_a_label_that_cannot_be_drawn_takes_no_record_away(
    factory: Factory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The unit is locked and recorded; to repeat the command draws the label."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    given = ["batch", *words(factory, "--labels", str(factory.top / "labels"))]
    with monkeypatch.context() as full:
        full.setattr(label, "write", fail)
        assert run_program("provision", given) == 1
    said = capsys.readouterr()
    assert "T-0001  provisioned   record" in said.out and "it has no label: No space left on device" in said.out
    assert "2 of 3 units have their record" in said.err
    run_program("provision", given)
    assert "T-0001  done already" in capsys.readouterr().out
    assert (factory.top / "labels/T-0001.pdf").exists()


def test_a_dry_run_tries_the_key_and_the_chain(
    factory: Factory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = str(make_key(tmp_path / "other"))
    assert "the factory's key is not in it" in refused(factory, capsys, "--dry-run", "--key", other, status=3)
    nowhere = str(tmp_path / "nowhere")
    assert f"{nowhere}: No such file or directory\n" in refused(factory, capsys, "--dry-run", "--key", nowhere)
    (tmp_path / "other").chmod(0o644)
    said = refused(factory, capsys, "--dry-run", "--key", other)
    assert f"others may read it, so ssh-keygen does not take it: chmod 600 {other}\n" in said


def test_records_that_were_edited_end_it_before_a_unit_is_touched(
    factory: Factory, capsys: pytest.CaptureFixture[str]
) -> None:
    """The head names the last record, and that one the record before it."""
    factory.run(factory.orders())
    first = factory.kept.top / factory.kept.record_names()[0]
    first.write_text(first.read_text().replace('"model": "Test 1"', '"model": "Test 2"'))
    (factory.top / "units.csv").write_text(",".join(COLUMNS) + "\n" + ",".join(factory.row(3).values()) + "\n")
    capsys.readouterr()
    assert run_program("provision", ["batch", *words(factory)]) == 1
    said = capsys.readouterr().err
    assert "hello" not in said and f"hint: provision verify {factory.kept.top} says" in said


def test_passwords_that_others_may_read_are_told(
    factory: Factory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {name: word for name, word in factory.row(1).items() if name != "password_hash"} | {
        "password": "correct horse"
    }
    path = tmp_path / "open.csv"
    path.write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")
    given = ["batch", str(path), *words(factory, "--dry-run")[1:]]
    for mode, is_told in ((0o644, True), (0o640, True), (0o600, False)):
        path.chmod(mode)
        assert run_program("provision", given) == 0
        assert (f"note: {path}: other accounts may read the passwords in it" in capsys.readouterr().err) == is_told
    assert run_program("provision", ["batch", *words(factory, "--dry-run")]) == 0
    assert "note" not in capsys.readouterr().err, "a hash is none"


def test_run_is_for_one_unit(factory: Factory, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_program("provision", ["run", *words(factory, "--port", "/dev/ttyUSB0")]) == 2
    assert "orders 3 units\nhint: provision batch" in capsys.readouterr().err


def test_what_is_shown_of_a_unit_is_for_people(factory: Factory, capsys: pytest.CaptureFixture[str]) -> None:
    factory.run(factory.orders())
    assert run_program("provision", ["show", str(factory.kept.top), "T-0001"]) == 0
    said = capsys.readouterr().out
    assert "self-test    test: memory: passed: good" in said and "port: eth0, sim, link, 02:00" in said
    assert "{" not in said and "True" not in said


def test_what_is_no_directory_of_records_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for verb in (["show", "no"], ["show", "no", "T-0001"], ["label", "no", "T-0001"], ["verify", "no"]):
        assert run_program("provision", [verb[0], str(tmp_path / verb[1]), *verb[2:]]) == 1
        assert f"{tmp_path}/no: there is no such directory" in capsys.readouterr().err
    assert run_program("provision", ["show", str(tmp_path)]) == 0
    assert "no unit has a record there yet" in capsys.readouterr().err


def test_the_help_names_every_field_of_the_input(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("run", "batch"):
        assert run_program("provision", [verb, "--help"]) == 0
        said = capsys.readouterr().out
        assert [field.name for field in FIELDS if field.name not in said] == []
        assert [
            option
            for option in ("--records", "--key", "--labels", "--summary", "--dry-run")
            if f"  {option}" not in said
        ] == []
