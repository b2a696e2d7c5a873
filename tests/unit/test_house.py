"""The rules of the house: imports run downward, each foreign package stands behind one module, one place runs programs."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2] / "firmware"

#: from the ground up; a module may import from its own floor and from those below
FLOORS = (
    ("firmware.errors", "firmware.printable", "firmware"),
    ("firmware.run", "firmware.files", "firmware.log"),
    (
        "firmware.native",
        "firmware.patterns",
        "firmware.processes",
        "firmware.addresses",
        "firmware.watch",
        "firmware.http11",
        "firmware.faults",
        "firmware.locks",
        "firmware.records",
    ),
    ("firmware.manifest", "firmware.rc"),
    ("firmware.store", "firmware.services"),
    ("firmware.sync",),
    ("firmware.flows",),
    ("firmware.csyncd",),
    ("firmware.operations",),
    ("firmware.commands", "firmware.wui"),
    ("firmware.__main__",),
)
BEHIND = {
    "pyinotify": "watch", "psutil": "processes", "cffi": "native", "netifaces": "addresses", "h11": "http11",
    "serial": "serial_line", "subprocess": "run",
}  # fmt: skip


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(TOP.rglob("*.py")):
        parts = path.relative_to(TOP.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def floor(module: str) -> int:
    for level, names in enumerate(FLOORS):
        if module in names:
            return level
    for level, names in enumerate(FLOORS):
        if any(module.startswith(name + ".") for name in names if name != "firmware"):
            return level
    raise AssertionError(f"{module}: on which floor does it live? Add it to FLOORS")


@pytest.mark.parametrize(
    ("module", "path"), list(modules()), ids=lambda value: str(value) if isinstance(value, str) else ""
)
def test_imports_run_downward(module: str, path: Path) -> None:
    for name in imported(path):
        if name.split(".")[0] == "firmware" and name != "firmware.__version__" and "_native" not in name:
            assert floor(name) <= floor(module), f"{module} imports {name}, which is above it"


@pytest.mark.parametrize(
    ("module", "path"), list(modules()), ids=lambda value: str(value) if isinstance(value, str) else ""
)
def test_foreign_packages_stand_behind_one_module(module: str, path: Path) -> None:
    for name in imported(path):
        owner = BEHIND.get(name.split(".")[0])
        assert owner is None or f"{module}.".startswith(f"firmware.{owner}."), (
            f"{module} imports {name}; only firmware.{owner} may"
        )


@pytest.mark.parametrize("path", [path for _, path in modules()], ids=lambda path: str(path.relative_to(TOP)))
def test_no_module_hides_a_noun(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300


@pytest.mark.parametrize(
    "command", ["csync_peer", "csync_keys", "csync_check", "service_one", "service_all", "config_save"]
)
def test_a_command_loads_nothing_that_only_daemons_use(command: str) -> None:
    """An emulated unit, or a small processor, takes seconds for that."""
    found = f"import firmware.commands.{command}, sys; print(*{{'asyncio', 'ssl', 'psutil', 'pyinotify'}} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", found], capture_output=True, text=True, check=True, cwd=TOP.parent)
    assert done.stdout.split() == []


def test_the_image_is_built_without_the_tests() -> None:
    sources = [path for path in (TOP.parent / "buildroot").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert sources and [path for path in sources if "tests/" in path.read_text()] == []
