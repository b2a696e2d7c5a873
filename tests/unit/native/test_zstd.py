"""Packed blocks by themselves, without Python: strict, and under the sanitizers. Each case is a function of zstd_test.c."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import native_programs
import pytest

CASES = ("every_size", "bounded", "bombs", "damaged", "threads")
Build = Callable[[str], Path]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The test program with a sanitizer, compiled once."""
    return cache(lambda kind: native_programs.build(native_programs.ZSTD, kind, tmp_path_factory.mktemp("program")))


@pytest.mark.all(but=[f"{case}-address and undefined" for case in CASES])
@pytest.mark.parametrize("sanitizer", native_programs.SANITIZERS)
@pytest.mark.parametrize("case", CASES)
def test_a_block_is_what_it_promises(case: str, sanitizer: str, built: Build) -> None:
    assert native_programs.run(built(sanitizer), case) == (0, "held\n", "")
