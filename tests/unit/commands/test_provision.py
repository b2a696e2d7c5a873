"""`provision` as a worker types it: the check before, the progress, the table, what it says of records."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from factory import Factory

from firmware.__main__ import run_program
from firmware.commands.provision_run import Progress


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
    assert "another order" in capsys.readouterr().err


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
