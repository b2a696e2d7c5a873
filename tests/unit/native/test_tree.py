"""The C part by itself, without Python: strict, and under the sanitizers."""

import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware import native
from firmware.patterns import PathPatterns

SOURCES = Path(__file__).resolve().parents[3] / "native"
PROGRAM = Path(__file__).with_name("tree_test.c")
STRICT = ("-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread")
SANITIZERS = {"plain": (), "address and undefined": ("-fsanitize=address,undefined",), "thread": ("-fsanitize=thread",)}


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    """An empty directory; what is in it at the end is deeper than Python's own functions go."""
    place = tmp_path / "tree"
    place.mkdir()
    yield place
    subprocess.run(["rm", "-rf", place], check=True)


@pytest.mark.parametrize("sanitizer", SANITIZERS)
def test_the_scan_holds_what_it_promises(sanitizer: str, tree: Path, tmp_path: Path) -> None:
    program = tmp_path / "tree_test"
    sources = [SOURCES / f"{name}.c" for name in ("tree", "digest", "patterns")]
    argv = ["gcc", *STRICT, *SANITIZERS[sanitizer], f"-I{SOURCES}", "-o", program, PROGRAM, *sources, "-lxxhash"]
    made = subprocess.run(argv, capture_output=True, text=True)
    assert made.returncode == 0 and made.stderr == "", made.stderr
    # Without it the thread sanitizer of gcc 12 finds no place for its memory on newer kernels.
    unshuffled = ["setarch", "--addr-no-randomize"] if shutil.which("setarch") else []
    done = subprocess.run([*unshuffled, program, tree], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "all of it holds\n", "")


def test_it_matches_what_the_patterns_of_the_firmware_match() -> None:
    source = random.Random(7)
    letters = ("a", "b", "/", "*", "?", "ä", "\udcff")
    for _ in range(20_000):
        pattern = "".join(source.choices(letters, k=source.randint(1, 7))).rstrip("/") or "a"
        path = "/" + "/".join(
            "".join(source.choices(("a", "b", "ä", "\udcff"), k=source.randint(1, 4)))
            for _ in range(source.randint(1, 3))
        )
        # Below what matches, too, is left out; the scan never comes to look there.
        above = [path[:at] for at in range(1, len(path) + 1) if path[at : at + 1] in ("", "/")]
        assert any(native.matches(pattern, one) for one in above) == PathPatterns((pattern,)).match(path), (
            pattern,
            path,
        )
