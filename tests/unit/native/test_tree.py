"""The scan of a tree by itself, without Python: strict, and under the sanitizers. Each case is a function of tree_test.c."""

import random
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import native_programs
import pytest

from firmware import native
from firmware.patterns import PathPatterns

CASES = (
    *(
        "kinds",
        "names",
        "deep",
        "hard_links",
        "sparse",
        "threads",
        "left_out",
        "unreadable",
        "bad_disk",
        "bad_directory",
    ),
    *("unstable", "same_size", "growing", "swapped_file", "swapped_directory", "changing", "cancelled"),
)
BOTH = "address and undefined"
#: what `test` runs: all cases where memory is looked at, and those with threads where these are
USUAL = [f"{case}-{BOTH}" for case in CASES] + [f"{case}-thread" for case in ("threads", "changing", "cancelled")]

Build = Callable[[str], Path]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The test program with a sanitizer, compiled once."""
    return cache(lambda kind: native_programs.build(native_programs.TREE, kind, tmp_path_factory.mktemp("program")))


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    """An empty directory; what is in it at the end is deeper than Python's own functions go."""
    place = tmp_path / "tree"
    place.mkdir()
    yield place
    subprocess.run(["rm", "-rf", place], check=True)


@pytest.mark.all(but=USUAL)
@pytest.mark.parametrize("sanitizer", native_programs.SANITIZERS)
@pytest.mark.parametrize("case", CASES)
def test_the_scan_holds_what_it_promises(case: str, sanitizer: str, built: Build, tree: Path) -> None:
    assert native_programs.run(built(sanitizer), tree, case) == (0, "held\n", "")


@pytest.mark.all
@pytest.mark.parametrize("sanitizer", native_programs.SANITIZERS)
def test_a_directory_of_100_000_names_takes_little_more_than_its_names(
    sanitizer: str, built: Build, tree: Path
) -> None:
    assert native_programs.run(built(sanitizer), tree, "hundred_thousand") == (0, "held\n", "")


@pytest.mark.root
@pytest.mark.parametrize("sanitizer", [BOTH])
def test_no_mount_is_entered(sanitizer: str, built: Build, tree: Path) -> None:
    assert native_programs.run(built(sanitizer), tree, "mounts") == (0, "held\n", "")


@pytest.mark.all
@pytest.mark.parametrize("sanitizer", ["plain", BOTH])
def test_a_file_of_5_gib_has_the_digest_that_xxhsum_says(sanitizer: str, built: Build, tree: Path) -> None:
    status, said, problems = native_programs.run(built(sanitizer), tree, "huge_file")
    assert (status, problems) == (0, "")
    summed = subprocess.run(["xxhsum", "-H2", tree / "sparse"], capture_output=True, text=True, check=True)
    assert said.split() == [summed.stdout.split()[0], "held"]


def test_it_matches_what_the_patterns_of_the_firmware_match() -> None:
    source = random.Random(7)
    # bytes that begin a character, end one, or do neither
    strange = ("ä", "\udcff", "\udce0", "\udced", "\udca0", "\udc80")
    for _ in range(20_000):
        pattern = (
            "".join(source.choices(("a", "b", "/", "*", "?", "?", *strange), k=source.randint(1, 7))).rstrip("/") or "a"
        )
        path = "/" + "/".join(
            "".join(source.choices(("a", "b", *strange), k=source.randint(1, 5))) for _ in range(source.randint(1, 3))
        )
        # As bytes it may be other characters than these. Below what matches, too, is left out; the scan never comes to look there.
        path, pattern = (
            text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape") for text in (path, pattern)
        )
        above = [path[:at] for at in range(1, len(path) + 1) if path[at : at + 1] in ("", "/")]
        assert any(native.matches(pattern, one) for one in above) == PathPatterns((pattern,)).match(path), (
            pattern,
            path,
        )
