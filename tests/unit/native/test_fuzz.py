"""The fuzz targets for a moment: `make -f image.mk fuzz` runs them longer."""

import shutil
from pathlib import Path

import native_programs
import pytest
from native_programs import Program


@pytest.mark.all
@pytest.mark.skipif(
    not shutil.which("clang"), reason="libFuzzer comes with clang, which `make -f image.mk fuzz` installs"
)
@pytest.mark.parametrize("program", native_programs.FUZZ_TARGETS, ids=lambda program: program.name)
def test_nothing_is_found_in_thousands_of_executions(program: Program, tmp_path: Path) -> None:
    target = native_programs.build_fuzz_target(program, tmp_path)
    assert native_programs.fuzz(target, tmp_path / "corpus", "-runs=5000", "-seed=1") >= 5000


@pytest.mark.all
@pytest.mark.skipif(
    not shutil.which("clang"), reason="libFuzzer comes with clang, which `make -f image.mk fuzz` installs"
)
def test_a_target_finds_what_is_wrong(tmp_path: Path) -> None:
    """The matcher as it was: any byte from 0xf0 on begins a character of four."""
    source = native_programs.SOURCES / "patterns.c"
    broken = tmp_path / "patterns.c"
    broken.write_text(source.read_text().replace("first < 0xc2 || first > 0xf4", "first < 0xc2"))
    assert broken.read_text() != source.read_text()
    program = Program("fuzz_patterns", (str(broken.with_suffix("")),))
    target = native_programs.build_fuzz_target(program, tmp_path)
    with pytest.raises(AssertionError, match="deadly signal"):
        native_programs.fuzz(target, tmp_path / "corpus", "-runs=2000000", "-seed=1")
