"""What tools can say about the sources: types, style, shell scripts."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PARTS = [PROJECT / "buildroot/board", PROJECT / "tests/quick_image"]
TOOLS = Path(sys.executable).parent
#: without a cache: it has remembered modules as missing that were there
MYPY = (TOOLS / "mypy", "--cache-dir=/dev/null")
SCRIPTS = sorted(
    path
    for place in (".ci", "overlay", "tests", "buildroot", "docs")
    for path in (PROJECT / place).rglob("*")
    if path.is_file() and path.read_bytes()[:20].split(b"\n")[0] in (b"#!/bin/sh", b"#!/bin/bash", b"#!/bin/busybox sh")
)


def content(*argv: str | Path, where: Path = PROJECT) -> None:
    """Fail with what a tool has to say, unless it is content."""
    done = subprocess.run(argv, cwd=where, capture_output=True, text=True)
    if done.returncode:
        pytest.fail(f"{argv[0]}: exit status {done.returncode}\n{done.stdout}{done.stderr}", pytrace=False)


def test_ruff_finds_nothing() -> None:
    content(TOOLS / "ruff", "check", "--quiet", "--cache-dir=build/ruff", ".", "tests/lab/nodes")


def test_the_layout_is_ruffs() -> None:
    content(TOOLS / "ruff", "format", "--diff", "--quiet", "--cache-dir=build/ruff", ".", "tests/lab/nodes")


def test_the_types_of_the_firmware_hold() -> None:
    content(*MYPY)


def test_the_types_of_the_harness_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """tests/lab is a program, not a package: its modules find each other beside them."""
    lab = PROJECT / "tests" / "lab"
    monkeypatch.setenv("MYPYPATH", ":".join(map(str, [*PARTS, lab.parent / "support"])))
    parts = [path for part in PARTS for path in part.glob("*.py")]
    content(*MYPY, "--strict", *(path.name for path in lab.glob("*.py")), *parts, where=lab)
    content(*MYPY, "--strict", "support/lab_driver.py", "conftest.py", where=lab.parent)


def test_shellcheck_finds_nothing() -> None:
    assert SCRIPTS
    content("shellcheck", *SCRIPTS)
