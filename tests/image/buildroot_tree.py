"""What Buildroot itself says of our tree: `make -f image.mk test-buildroot BUILDROOT=DIR [OUTPUT=DIR …]`. The last test builds
the firmware's package and whatever that needs.
"""

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from test_buildroot import DEFCONFIGS, TREE, selected

BUILDROOT = Path(os.environ["BUILDROOT"]).resolve()
OUTPUT = Path(os.environ["OUTPUT"]).resolve()
PLACES = [os.environ.get(name, "") for name in ("BUILDROOT", "OUTPUT", "DL", "FRAGMENT")]


def make(*words: str | Path, output: Path) -> str:
    """A target of Buildroot with nothing but our tree."""
    argv = [
        "make",
        "--no-print-directory",
        "-s",
        "-C",
        str(BUILDROOT),
        f"O={output}",
        f"BR2_EXTERNAL={TREE}",
        *map(str, words),
    ]
    clean = {
        key: value for key, value in os.environ.items() if key not in ("OUTPUT", "MAKEFLAGS", "MFLAGS", "MAKELEVEL")
    }
    done = subprocess.run(argv, capture_output=True, text=True, env=clean)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory configured by our defconfig alone."""
    place = tmp_path_factory.mktemp("buildroot")
    make(DEFCONFIGS[0].name, output=place)
    return place


@cache
def packages(output: Path) -> dict[str, dict[str, Any]]:
    """What show-info says of each package of the image."""
    told: dict[str, dict[str, Any]] = json.loads(make("show-info", output=output))
    return told


def test_check_package_is_content() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=TREE, capture_output=True, text=True, check=True).stdout.split()
    argv = [sys.executable, "utils/check-package", "-b", *(TREE / name for name in listed)]
    done = subprocess.run(argv, cwd=BUILDROOT, capture_output=True, text=True)  # where its own settings for flake8 are
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 warnings generated" in done.stdout + done.stderr


@pytest.mark.parametrize("defconfig", DEFCONFIGS, ids=lambda path: path.name)
def test_nothing_that_is_asked_for_is_dropped_and_saving_gives_the_same(defconfig: Path, tmp_path: Path) -> None:
    make(defconfig.name, output=tmp_path)
    kept = subprocess.run([TREE / "kept", tmp_path / ".config", defconfig], capture_output=True, text=True)
    assert kept.returncode == 0, kept.stderr
    make("savedefconfig", f"BR2_DEFCONFIG={tmp_path}/saved", output=tmp_path)
    assert (tmp_path / "saved").read_text() == defconfig.read_text()


def test_what_our_package_selects_is_chosen(output: Path) -> None:
    """A `select` may point at a symbol whose own conditions do not hold."""
    config = (output / ".config").read_text()
    assert {name for name in selected() if f"\nBR2_PACKAGE_{name}=" not in config} == set()


def test_every_package_is_named_and_ours_has_a_licence(output: Path) -> None:
    ours = packages(output)["csyncd-firmware"]
    assert ours["licenses"] == "Apache-2.0" and ours["dependencies"]
    for name in ("linux", "busybox", "haproxy", "openssh", "s6", "python3", "python-pyasyncore", "wireguard-tools"):
        assert packages(output)[name]["version"], name


def test_the_sbom_knows_the_licences_by_their_identifiers(output: Path) -> None:
    """All that look like identifiers of SPDX's are in the list that `build` gives Buildroot's tool."""
    known = set(json.loads((TREE / "spdx.json").read_text())["enum"])
    named = {
        word.strip()
        for package in packages(output).values()
        for word in re.sub(r"\(.*?\)", "", package.get("licenses") or "").split(",")
    }
    looking = {
        word
        for word in named
        if re.fullmatch(r"(Apache|BSD|L?GPL|MIT|PSF|Python)-[0-9][0-9A-Za-z.+-]*|ISC|MIT|Zlib", word)
    }
    assert looking - known <= {"BSD-0-Clause"}, "SPDX calls that one 0BSD"


def test_haproxy_is_built_with_what_it_needs(output: Path) -> None:
    said = make("printvars", "VARS=HAPROXY_CFLAGS HAPROXY_MAKE_OPTS", output=output)
    words = dict(line.split("=", 1) for line in said.splitlines())
    assert "-fwrapv" in words["HAPROXY_CFLAGS"].split()
    assert [word for word in words["HAPROXY_MAKE_OPTS"].split() if word.startswith("TARGET=")][
        -1
    ] == "TARGET=linux-glibc"


def test_python_is_built_to_be_fast(output: Path) -> None:
    said = make("printvars", "VARS=PYTHON3_CONF_OPTS PYTHON3_CONF_ENV", output=output)
    words = dict(line.split("=", 1) for line in said.splitlines())
    assert "--with-computed-gotos" in words["PYTHON3_CONF_OPTS"].split()
    assert "-fno-semantic-interposition" in words["PYTHON3_CONF_ENV"]
    assert "-Wl,-Bsymbolic-functions" in words["PYTHON3_CONF_ENV"]


def built(output: Path, fragment: Path | str, *targets: str) -> subprocess.CompletedProcess[str]:
    """Our own command with targets of Buildroot's."""
    return subprocess.run([TREE / "build", BUILDROOT, output, "", fragment, *targets], capture_output=True, text=True)


def test_a_fragment_counts_when_it_changes_and_when_it_goes(tmp_path: Path) -> None:
    fragment, output = tmp_path / "fragment", tmp_path / "output"
    for lines, there in (("BR2_PACKAGE_NANO=y\n", True), ("BR2_PACKAGE_LESS=y\n", False), ("", False)):
        fragment.write_text(lines)
        done = built(output, fragment if lines else "", "printvars", "VARS=BR2_PACKAGE_NANO BR2_PACKAGE_LESS")
        assert done.returncode == 0, done.stderr
        assert ("BR2_PACKAGE_NANO=y" in done.stdout) == there
        assert ("BR2_PACKAGE_LESS=y" in done.stdout) == ("LESS" in lines)


def test_a_fragment_that_buildroot_does_not_know_is_refused_each_time(tmp_path: Path) -> None:
    fragment = tmp_path / "fragment"
    fragment.write_text("BR2_PACKAGE_NOBODY_KNOWS=y\n")
    for _ in range(2):
        done = built(tmp_path / "output", fragment, "printvars", "VARS=BR2_DL_DIR")
        assert done.returncode == 1
        assert "not kept:\n  BR2_PACKAGE_NOBODY_KNOWS=y\n" in done.stderr
    done = built(tmp_path / "output", fragment, "savedefconfig")
    assert (done.returncode, done.stderr.partition(" would save")[0]) == (2, "buildroot: savedefconfig")


def test_the_package_builds_for_the_target() -> None:
    done = subprocess.run([TREE / "build", *PLACES, "csyncd-firmware-rebuild"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (module,) = (OUTPUT / "target/usr/lib").glob("python3.*/site-packages/firmware/_native*.so")
    assert module.read_bytes()[:20].startswith(b"\x7fELF\x02\x01") and module.read_bytes()[18:20] == b"\x3e\x00", (
        "ELF, x86-64"
    )
