"""Buildroot's external tree, without Buildroot: what it names is there, and it asks for what the quick image has."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

import firmware
from firmware.services import catalog

PROJECT = Path(__file__).resolve().parents[2]
TREE = PROJECT / "buildroot"
PACKAGES = sorted(path for path in (TREE / "package").iterdir() if path.is_dir())
DEFCONFIGS = sorted((TREE / "configs").iterdir())
FRAGMENTS = sorted((TREE / "board").glob("*.fragment"))
FIRMWARE = TREE / "package/csyncd-firmware"

#: the Debian packages of the quick image, and what Buildroot calls them; those of the services, their declarations name
SYMBOLS = {package.debian: package.buildroot for service in catalog.services() for package in service.packages} | {
    "busybox": None,  # it is part of any Buildroot image
    "busybox-static": None,
    "ca-certificates": "CA_CERTIFICATES",
    "e2fsprogs": "E2FSPROGS",
    "execline": "EXECLINE",
    "librsync2": "LIBRSYNC",
    "libxxhash0": "XXHASH",
    "libzstd1": "ZSTD",
    "linux-image-amd64": None,  # BR2_LINUX_KERNEL
    "mount": "UTIL_LINUX_MOUNT",
    "netbase": None,  # its three tables are in Buildroot's skeleton
    "procps": "PROCPS_NG",
    "python3-cffi-backend": "PYTHON_CFFI",
    "python3-h11": "PYTHON_H11",
    "python3-netifaces": "PYTHON_NETIFACES",
    "python3-psutil": "PYTHON_PSUTIL",
    "python3-pyinotify": "PYTHON_PYINOTIFY",
    "python3-serial": "PYTHON_SERIAL",
    "python3-tornado": "PYTHON_TORNADO",
    "s6": "S6",
    "tcpdump": "TCPDUMP",
    "tzdata": None,  # BR2_TARGET_TZ_INFO
    "util-linux": "UTIL_LINUX",
}
#: what Buildroot has no need to be asked for twice: parts of the above, and what Debian's packages bring along
PARTS = {
    "LINUX_FIRMWARE",
    "LINUX_FIRMWARE_BROADCOM_TIGON3",
    "LINUX_FIRMWARE_INTEL_ICE",
    "LINUX_FIRMWARE_RTL_8169",
    "PCRE2_JIT",
    "LIBNFNETLINK",
    "LIBNL",
    "LIBXCRYPT",
    "LUA",
    "LUA_5_3",
    "OPENSSL",
    "PYTHON3",
    "PYTHON_PYASYNCORE",
    "RAUC",  # tests/quick_image/make-rauc makes it for the quick image
    "BUSYBOX_SHOW_OTHERS",
}


def lines(path: Path) -> list[str]:
    return [
        line for line in path.read_text().splitlines() if line.strip() and not re.match(r"\s*# (?!CONFIG_|BR2_)", line)
    ]


def options(path: Path) -> dict[str, str]:
    """What a defconfig or fragment asks for, by name; `n` where it wants something off."""
    asked: dict[str, str] = {}
    for line in lines(path):
        found = re.fullmatch(r'(\w+)=(y|m|\d+|".*")|# (\w+) is not set', line)
        assert found, f"{path}: {line!r}"
        name = found[1] or found[3]
        assert name not in asked, f"{path}: {name} stands there twice"
        asked[name] = found[2] or "n"
    return asked


def selected() -> set[str]:
    """The packages that the image asks for, by Buildroot's symbols without BR2_PACKAGE_."""
    symbols = re.findall(r"^\tselect BR2_PACKAGE_(\w+)", (FIRMWARE / "Config.in").read_text(), re.M)
    return {
        *symbols,
        *(
            name.removeprefix("BR2_PACKAGE_")
            for name, value in options(DEFCONFIGS[0]).items()
            if name.startswith("BR2_PACKAGE_") and value != "n"
        ),
    }


def test_the_tree_holds_what_buildroot_has_a_place_for_and_no_other_build() -> None:
    """The names are those of the manual, of the tools beside them, and of what is ours: patches for upstream, the release."""
    manuals = {"Config.in", "external.desc", "external.mk", "board", "configs", "package", "patches"}
    files = [path.relative_to(TREE).parts for path in TREE.rglob("*") if path.is_file()]
    assert {parts[0] for parts in files if "__pycache__" not in parts} == manuals | {
        "overrides",
        "upstream",
        "scripts",
        "release",
        "spdx.json",
    }


def test_the_tree_has_a_name_and_takes_in_its_packages_and_overrides() -> None:
    described = dict(line.split(": ", 1) for line in (TREE / "external.desc").read_text().splitlines())
    assert set(described) == {"name", "desc"}
    assert lines(TREE / "external.mk") == [
        f"include $(sort $(wildcard $(BR2_EXTERNAL_{described['name']}_PATH)/{place}))"
        for place in ("package/*/*.mk", "overrides/*.mk")
    ]


def test_every_package_is_sourced_and_every_source_is_there() -> None:
    sourced = re.findall(r'^source "\$BR2_EXTERNAL_CSYNCD_PATH/(.*)"$', (TREE / "Config.in").read_text(), re.M)
    assert sourced == sorted(str(path.relative_to(TREE)) for path in TREE.glob("package/*/Config.in"))
    assert [path.name for path in PACKAGES] == [mk.stem for mk in sorted(TREE.glob("package/*/*.mk"))]


def test_every_symbol_of_ours_has_our_prefix() -> None:
    for config in TREE.glob("package/*/Config.in"):
        assert all(
            name.startswith("BR2_PACKAGE_CSYNCD_") for name in re.findall(r"^config (\w+)", config.read_text(), re.M)
        )


@pytest.mark.parametrize("defconfig", DEFCONFIGS, ids=lambda path: path.name)
def test_every_file_that_a_defconfig_names_is_there(defconfig: Path) -> None:
    for value in options(defconfig).values():
        for name in re.findall(r"\$\(BR2_EXTERNAL_CSYNCD_PATH\)/([^ \"]+)", value):
            assert (TREE / name).exists(), name


@pytest.mark.parametrize("defconfig", DEFCONFIGS, ids=lambda path: path.name)
def test_whatever_is_downloaded_has_a_hash(defconfig: Path) -> None:
    """That of a kernel of our choice is ours to give, for Buildroot's own are of its choice."""
    asked = options(defconfig)
    assert asked["BR2_DOWNLOAD_FORCE_CHECK_HASHES"] == "y"
    kernel = asked["BR2_LINUX_KERNEL_CUSTOM_VERSION_VALUE"].strip('"')
    for name in ("linux", "linux-headers"):
        hashes = (TREE / "patches" / name / f"{name}.hash").read_text()
        assert re.search(rf"^sha256  [0-9a-f]{{64}}  linux-{re.escape(kernel)}\.tar\.xz$", hashes, re.M)
    for package in PACKAGES:
        text = (package / f"{package.name}.mk").read_text()
        downloads = "_SITE = " in text and "_SITE_METHOD = local" not in text
        assert not downloads or (package / f"{package.name}.hash").exists(), package.name


def test_every_patch_is_for_a_package_and_says_where_it_went() -> None:
    for patch in (TREE / "patches").rglob("*.patch"):
        assert re.fullmatch(r"\d{4}-[\w.-]+\.patch", patch.name)
        assert re.search(r"^Upstream: ", patch.read_text(), re.M), patch


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda path: path.name)
def test_the_fragments_are_well_formed(fragment: Path) -> None:
    assert all(name.startswith("CONFIG_") for name in options(fragment))


def test_the_kernel_has_what_the_list_asks_for() -> None:
    """Built in what is needed before the slot is mounted, or is no module anywhere; the rest as modules or built in."""
    asked = options(TREE / "board/linux.fragment")
    for when, option, module, *_ in (line.split() for line in lines(TREE / "board/kernel.list")):
        wanted = {"y"} if when == "boot" or module == "-" else {"y", "m"}
        assert asked.get(f"CONFIG_{option}") in wanted, option


def test_both_images_hold_the_same_programs() -> None:
    debian = {
        line.removeprefix("+ ")
        for line in (TREE.parent / "tests/quick_image/packages").read_text().splitlines()
        if line[:1] not in ("", "#", "-")
    }
    assert debian == set(SYMBOLS)
    wanted = {symbol for symbol in SYMBOLS.values() if symbol}
    chosen = {name for name in selected() if not name.startswith(("HOST_", "BUSYBOX_CONFIG", "CSYNCD_", "PYTHON3_"))}
    assert wanted - chosen == {"EXECLINE"}, "which s6 selects"
    assert {name for name in chosen - wanted if not name.startswith("UTIL_LINUX_")} == PARTS


def test_the_package_brings_what_the_wheel_depends_on() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    needs = {re.split(r"[;<>= ]", name)[0].upper().replace("-", "_") for name in project["dependencies"]}
    # the one that Buildroot calls otherwise
    assert {f"PYTHON_{name.replace('PYSERIAL', 'SERIAL')}" for name in needs} <= selected()


def test_the_package_has_the_version_and_licence_of_the_firmware() -> None:
    text = (FIRMWARE / "csyncd-firmware.mk").read_text()
    assert f"CSYNCD_FIRMWARE_VERSION = {firmware.__version__}\n" in text
    assert "CSYNCD_FIRMWARE_LICENSE = Apache-2.0\n" in text
    assert (PROJECT / "LICENSE").read_text().split()[:2] == ["Apache", "License"]


def check_config(tmp_path: Path, asked: str, over: str = "") -> tuple[int, str]:
    (tmp_path / "config").write_text('CONFIG_A=y\nCONFIG_B=m\nCONFIG_C="text"\n# CONFIG_D is not set\n')
    (tmp_path / "asked").write_text(asked)
    (tmp_path / "over").write_text(over)
    argv = [TREE / "scripts/check-config", *(tmp_path / name for name in ("config", "asked", "over"))]
    done = subprocess.run(argv, capture_output=True, text=True)
    return done.returncode, done.stderr


def test_what_kconfig_keeps_is_fine(tmp_path: Path) -> None:
    assert check_config(
        tmp_path, '# words\nCONFIG_A=y\nCONFIG_B=m\nCONFIG_C="text"\n# CONFIG_D is not set\n# CONFIG_E is not set\n'
    ) == (0, "")


@pytest.mark.parametrize("line", ["CONFIG_A=m", "CONFIG_D=y", "CONFIG_E=y", 'CONFIG_C="tex"', "# CONFIG_B is not set"])
def test_what_kconfig_drops_is_named(tmp_path: Path, line: str) -> None:
    status, words = check_config(tmp_path, f"CONFIG_A=y\n{line}\n")
    assert status == 1
    assert words == f"{tmp_path}/config: asked for in {tmp_path}/asked and not kept:\n  {line}\n"


def test_what_a_fragment_says_otherwise_is_no_loss(tmp_path: Path) -> None:
    asked = "CONFIG_A=m\nCONFIG_D=y\n"
    assert check_config(tmp_path, asked, "# CONFIG_D is not set\nCONFIG_A=y\n") == (0, "")
    status, words = check_config(tmp_path, asked, "CONFIG_AB=y\n# CONFIG_D is not set\n")
    assert (status, words.splitlines()[1:]) == (1, ["  CONFIG_A=m"])


@pytest.mark.parametrize("name", ["linux", "busybox"])
def test_what_a_fragment_asks_for_is_looked_at_before_it_is_built(name: str) -> None:
    text = (TREE / f"overrides/{name}.mk").read_text()
    assert f"/board/{name}.fragment\n" in text
    assert f"\n{name.upper()}_POST_CONFIGURE_HOOKS += {name.upper()}_CHECK_FRAGMENT\n" in text


def a_buildroot(place: Path, version: str) -> Path:
    """What `build` looks at in a directory of Buildroot's."""
    (place / "support/kconfig").mkdir(parents=True)
    (place / "support/kconfig/merge_config.sh").touch()
    (place / "Makefile").write_text(f"export BR2_VERSION := {version}\nall savedefconfig:\n\t@false\n")
    return place


def said_of(buildroot: Path, **environment: str) -> tuple[int, str]:
    """How `build` ends with such a Buildroot, in which nothing can be built, and its words."""
    places = {"BUILDROOT": str(buildroot), "OUTPUT": str(buildroot / "output"), **environment}
    argv = [TREE / "scripts/build", "savedefconfig"]
    done = subprocess.run(argv, env={**os.environ, **places}, capture_output=True, text=True)
    return done.returncode, done.stderr


def test_another_line_of_buildroot_is_refused_unless_it_is_asked_for(tmp_path: Path) -> None:
    older = a_buildroot(tmp_path, "2025.02.16")
    status, words = said_of(older)
    assert status == 2 and words == (
        f"buildroot: {older} is Buildroot 2025.02.16; this tree is for 2026.02.x (LINE=any builds with it all the same)\n"
    )
    status, words = said_of(older, LINE="any")
    assert status and words.startswith("buildroot: this is 2025.02.16; the product is built with 2026.02.")


def test_another_release_of_the_line_is_said(tmp_path: Path) -> None:
    status, words = said_of(a_buildroot(tmp_path, "2026.02.99"))
    assert status and words.startswith("buildroot: this is 2026.02.99; the product is built with 2026.02.")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "say where Buildroot lies, a clone or a release of 2026.02.x: make -f image.mk buildroot BUILDROOT=DIR"),
        (["BUILDROOT=native"], "native: no Buildroot lies there (BUILDROOT=DIR)"),
    ],
)
def test_without_buildroot_it_is_said_what_to_give(words: list[str], said: str) -> None:
    done = subprocess.run(["make", "-f", "image.mk", "buildroot", *words], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 2
    assert f"buildroot: {said}\n" in done.stderr


def test_what_our_package_selects_counts_when_it_changes(tmp_path: Path) -> None:
    """A Buildroot that copies the configuration, and counts how often."""
    tree = tmp_path / "project/buildroot"
    shutil.copytree(TREE, tree)
    for name in ("LICENSE", "pyproject.toml", "setup.py", "firmware", "native"):
        (tree.parent / name).symlink_to(PROJECT / name)
    place = a_buildroot(tmp_path / "place", "2026.02.99")
    recipe = "\n\tcp $(BR2_EXTERNAL)/configs/$@ $(O)/.config\n\techo >>$(O)/times\n"
    (place / "Makefile").write_text(f"export BR2_VERSION := 2026.02.99\nprintvars:\n%_defconfig:{recipe}")
    output = tmp_path / "output"
    places = {"BUILDROOT": str(place), "OUTPUT": str(output), "SOURCE_DATE_EPOCH": "0"}

    def times_configured() -> int:
        argv = [tree / "scripts/build", "printvars"]
        done = subprocess.run(argv, env={**os.environ, **places}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return len((output / "times").read_text())

    assert [times_configured(), times_configured()] == [1, 1]
    config = tree / "package/csyncd-firmware/Config.in"
    config.write_text(config.read_text().replace("\tselect BR2_PACKAGE_RAUC # runtime\n", ""))
    assert times_configured() == 2
