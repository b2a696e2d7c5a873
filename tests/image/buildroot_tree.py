"""What Buildroot itself says of our tree: `make -f image.mk test-buildroot BUILDROOT=DIR [OUTPUT=DIR …]`. The last tests
build the firmware's package and whatever that needs.
"""

import json
import os
import re
import subprocess
import sys
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from test_buildroot import DEFCONFIGS, TREE, selected

import firmware

BUILDROOT = Path(os.environ["BUILDROOT"]).resolve()
OUTPUT = Path(os.environ["OUTPUT"]).resolve()
PLACES = {name: os.environ.get(name, "") for name in ("BUILDROOT", "OUTPUT", "DL", "FRAGMENT", "LINE")}
BUILD = TREE / "scripts/build"
RELEASE = dict(re.findall(r"^(\w+)=(.*)$", (TREE / "release").read_text(), re.M))


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
    argv = [TREE / "scripts/check-config", tmp_path / ".config", defconfig]
    checked = subprocess.run(argv, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
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


def test_a_fragment_that_would_take_our_package_away_is_refused(tmp_path: Path) -> None:
    fragment = tmp_path / "fragment"
    fragment.write_text("BR2_TOOLCHAIN_BUILDROOT_MUSL=y\n")
    done = built(tmp_path / "output", fragment, "printvars", "VARS=BR2_DL_DIR")
    assert done.returncode == 1
    assert "\n  BR2_PACKAGE_CSYNCD_FIRMWARE=y\n" in done.stderr


def test_what_is_for_upstream_fits_the_newest_buildroot() -> None:
    newer = make("printvars", "VARS=BR2_VERSION", output=OUTPUT).partition("=")[2].strip()
    if newer.startswith(RELEASE["VERSION"].rpartition(".")[0]):
        pytest.skip(f"Buildroot {newer} takes no such patches: try its branch master")
    for patch in sorted((TREE / "upstream").glob("*.diff")):
        argv = ["patch", "-p1", "--dry-run", "--force", "-i", patch]
        done = subprocess.run(argv, cwd=BUILDROOT, capture_output=True, text=True)
        assert done.returncode == 0, f"{patch.name}: {done.stdout}{done.stderr}"


def test_the_sbom_is_of_csyncd_and_holds_what_is_in_the_image(output: Path, tmp_path: Path) -> None:
    (tmp_path / "info").write_text(make("show-info", output=output))
    argv = [TREE / "scripts/make-sbom", BUILDROOT, tmp_path / "info", tmp_path]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    sbom = json.loads(done.stdout)
    subject = sbom["metadata"]["component"]
    assert (subject["name"], subject["version"], subject["type"]) == ("csyncd", firmware.__version__, "firmware")
    names = {component["name"] for component in sbom["components"]}
    assert {"csyncd-overlay", "csyncd-firmware", "linux", "haproxy", "openssh", "python3"} <= names
    kinds = {entry["value"] for component in sbom["components"] for entry in component["properties"]}
    assert kinds == {"target"}
    referred = {name for entry in sbom["dependencies"] for name in entry["dependsOn"]}
    assert referred <= {component["bom-ref"] for component in sbom["components"]}


def test_the_source_of_our_package_lies_alone_where_it_is_built_and_handed_out_from(tmp_path: Path) -> None:
    """legal-info copies the SITE of a local package as it is."""
    done = built(tmp_path / "output", "", "printvars", "VARS=CSYNCD_FIRMWARE_SITE")
    assert done.returncode == 0, done.stderr
    (said,) = re.findall(r"^CSYNCD_FIRMWARE_SITE=(.*)$", done.stdout, re.M)
    source = Path(said)
    assert source.is_relative_to(tmp_path / "output")
    files = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    assert {path.parts[0] for path in files} == {"LICENSE", "pyproject.toml", "setup.py", "firmware", "native"}
    wanted = subprocess.run(["git", "ls-files", "firmware", "native"], cwd=TREE.parent, capture_output=True, text=True)
    tracked = {Path(name) for name in wanted.stdout.split() if "/frontend/" not in name}
    assert {path for path in files if len(path.parts) > 1} == tracked


def test_haproxy_is_built_with_what_it_needs(output: Path) -> None:
    said = make("printvars", "VARS=HAPROXY_CFLAGS HAPROXY_MAKE_OPTS", output=output)
    words = dict(line.split("=", 1) for line in said.splitlines())
    assert "-fwrapv" in words["HAPROXY_CFLAGS"].split()
    assert [word for word in words["HAPROXY_MAKE_OPTS"].split() if word.startswith("TARGET=")][
        -1
    ] == "TARGET=linux-glibc"
    assert {"USE_PROMEX=1", "USE_PCRE2_JIT=1", "USE_LUA=1", "USE_OPENSSL=1"} <= set(words["HAPROXY_MAKE_OPTS"].split())


def test_python_is_built_to_be_fast(output: Path) -> None:
    said = make("printvars", "VARS=PYTHON3_CONF_OPTS PYTHON3_CONF_ENV", output=output)
    words = dict(line.split("=", 1) for line in said.splitlines())
    assert "--with-computed-gotos" in words["PYTHON3_CONF_OPTS"].split()
    assert "-fno-semantic-interposition" in words["PYTHON3_CONF_ENV"]
    assert "-Wl,-Bsymbolic-functions" in words["PYTHON3_CONF_ENV"]


def built(output: Path, fragment: Path | str, *targets: str) -> subprocess.CompletedProcess[str]:
    """Our own command with targets of Buildroot's."""
    environment = {**os.environ, **PLACES, "OUTPUT": str(output), "FRAGMENT": str(fragment)}
    return subprocess.run([BUILD, *targets], env=environment, capture_output=True, text=True)


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
    assert done.returncode == 2 and "buildroot: savedefconfig would save what FRAGMENT asks for" in done.stderr


def test_the_package_builds_for_the_target() -> None:
    done = subprocess.run(
        [BUILD, "csyncd-firmware-rebuild"], env={**os.environ, **PLACES}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    modules = sorted((OUTPUT / "target/usr/lib").glob("python3.*/site-packages/firmware/_native*.so"))
    assert len(modules) == 2
    for module in modules:
        head = module.read_bytes()[:20]
        assert head.startswith(b"\x7fELF\x02\x01") and head[18:] == b"\x3e\x00", "ELF, x86-64"


def test_legal_info_hands_out_the_source_of_our_package_alone() -> None:
    """It copies the SITE of a local package as it is, wherever OUTPUT lies."""
    targets = ("legal-info-prepare", "csyncd-firmware-legal-info")
    done = subprocess.run([BUILD, *targets], env={**os.environ, **PLACES}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (archive,) = (OUTPUT / "legal-info/sources").glob("csyncd-firmware-*/csyncd-firmware-*.tar.gz")
    with tarfile.open(archive) as source:
        parts = {Path(*Path(name).parts[1:]).parts[:1] for name in source.getnames()}
    assert parts - {()} == {(name,) for name in ("LICENSE", "pyproject.toml", "setup.py", "firmware", "native")}
    (line,) = (line for line in (OUTPUT / "legal-info/manifest.csv").read_text().splitlines() if "csyncd" in line)
    assert f'"{firmware.__version__}","Apache-2.0","LICENSE"' in line
