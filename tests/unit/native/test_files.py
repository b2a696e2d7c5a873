"""Many files of a directory at once, by themselves, without Python: strict, and under the sanitizers. Each case is a function of
files_test.c."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import native_programs
import pytest

CASES = ("copied", "linked", "refused", "written", "disturbed", "full", "removed")
Build = Callable[[str], Path]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The test program with a sanitizer, compiled once."""
    return cache(lambda kind: native_programs.build(native_programs.FILES, kind, tmp_path_factory.mktemp("program")))


@pytest.mark.all(but=[f"{case}-address and undefined" for case in CASES])
@pytest.mark.parametrize("sanitizer", native_programs.SANITIZERS)
@pytest.mark.parametrize("case", CASES)
def test_files_are_copied_written_and_removed(case: str, sanitizer: str, built: Build, tmp_path: Path) -> None:
    assert native_programs.run(built(sanitizer), tmp_path, case) == (0, "held\n", "")
