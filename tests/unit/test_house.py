"""The rules of the house: imports run downward, each foreign package stands behind one module, one place runs programs,
functions are short, names say what a call does, and only commands print.
"""

import ast
import re
import statistics
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
        "firmware.directory",
        "firmware.patterns",
        "firmware.processes",
        "firmware.sleeper",
        "firmware.addresses",
        "firmware.watch",
        "firmware.http11",
        "firmware.frames",
        "firmware.blocks",
        "firmware.rsync",
        "firmware.zstd",
        "firmware.faults",
        "firmware.locks",
        "firmware.records",
        "firmware.serial_line",
        "firmware.identity",
        "firmware.typed_values",
    ),
    ("firmware.manifest", "firmware.rc", "firmware.haproxy", "firmware.accounts", "firmware.provision"),
    ("firmware.store", "firmware.services", "firmware.upgrade"),
    ("firmware.sync",),
    ("firmware.flows",),
    ("firmware.csyncd",),
    ("firmware.operations", "firmware.station"),
    ("firmware.commands", "firmware.wui", "firmware.session", "firmware.provisioning"),
    ("firmware.__main__",),
)
BEHIND = {
    "pyinotify": "watch", "psutil": "processes", "cffi": "native", "netifaces": "addresses", "h11": "http11",
    "serial": "serial_line", "tornado": "wui.web", "subprocess": "run",
}  # fmt: skip

#: what commands know: what they call, and the data that they give and get
KNOWN_TO_COMMANDS = (
    "firmware.commands", "firmware.operations", "firmware.station", "firmware.errors", "firmware.printable", "firmware.log",
    "firmware.manifest.user_name", "firmware.rc.document.PATH", "firmware.rc.title.Title", "firmware.store.changes.Changes",
    "firmware.store.generations.SaveResult", "firmware.sync.audit.Who", "firmware.sync.keys.Key", "firmware.sync.keys.PublicKeys", "firmware.upgrade.decision.Allowed",
)  # fmt: skip

#: participles that do not end in -ed
IRREGULAR = {
    "begun", "built", "done", "drawn", "found", "given", "gone", "held", "kept", "known", "left", "lent", "made", "run",
    "said", "sent", "set", "shown", "taken", "told", "written",
}  # fmt: skip
#: names that only look like participles, and why
NO_PARTICIPLES = {
    "feed": "a verb",
    "run": "a verb",
}
#: who prints besides the commands, and why
PRINTERS = {
    "firmware.csyncd.saver": "csyncd reads it, whose child it is",
    "firmware.log": "it is where everybody else's lines go",
    "firmware.__main__": "it says how it is called",
    "firmware.haproxy.checker": "haproxy's checker runs it as a program of its own",
}


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


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


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


def test_functions_fit_on_half_a_screen() -> None:
    lengths = [(node.end_lineno or 0) - node.lineno + 1 for _, path in modules() for node in functions(path)]
    assert statistics.median(lengths) <= 10


def is_bare_participle(name: str) -> bool:
    word = name.strip("_")
    return word not in NO_PARTICIPLES and (word in IRREGULAR or re.fullmatch(r"[a-z]+ed", word) is not None)


def test_what_a_bare_participle_is() -> None:
    assert all(is_bare_participle(name) for name in ("settled", "_asked", "__kept", "told", "set"))
    assert not any(is_bare_participle(name) for name in ("feed", "run", "is_settled", "recover", "require_tested"))


@pytest.mark.parametrize(
    ("module", "path"), list(modules()), ids=lambda value: str(value) if isinstance(value, str) else ""
)
def test_no_function_is_named_by_a_bare_participle(module: str, path: Path) -> None:
    """It does not say whether a call does something, answers something, or refuses something."""
    assert [f"{node.lineno}: {node.name}" for node in functions(path) if is_bare_participle(node.name)] == []


def prints(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="print")):
            return True
        case ast.Attribute(value=ast.Name(id="sys"), attr="stdout" | "stderr" | "__stdout__" | "__stderr__"):
            return True
        case ast.Attribute(value=ast.Name(id="traceback"), attr="print_exc" | "print_exception" | "print_stack"):
            return True
        case ast.ImportFrom(module="sys", names=names):
            return any(name.name in ("stdout", "stderr") for name in names)
        case _:
            return False


def test_what_printing_is() -> None:
    def found(text: str) -> bool:
        return any(prints(node) for node in ast.walk(ast.parse(text)))

    assert all(found(text) for text in ("print(1)", "sys.stderr.write(x)", "f(sys.stdout)", "from sys import stderr"))
    assert not any(found(text) for text in ("log.line(x)", "sys.exit(1)", "blueprint(1)", "traceback.format_exc()"))


@pytest.mark.parametrize(
    ("module", "path"), list(modules()), ids=lambda value: str(value) if isinstance(value, str) else ""
)
def test_only_commands_print(module: str, path: Path) -> None:
    if not f"{module}.".startswith("firmware.commands.") and module not in PRINTERS:
        assert [node.lineno for node in ast.walk(ast.parse(path.read_text())) if prints(node)] == []


def test_commands_parse_and_print_and_operations_do_the_rest() -> None:
    names = [(path.name, name) for path in (TOP / "commands").glob("*.py") for name in imported(path)]
    ours = [(path, name) for path, name in names if name.startswith("firmware.")]
    assert [
        found for found in ours if not f"{found[1]}.".startswith(tuple(f"{name}." for name in KNOWN_TO_COMMANDS))
    ] == []


def test_the_half_of_the_web_ui_that_faces_the_network_knows_nothing_that_acts() -> None:
    """Of the operations it has what it shows without a login; root does the rest, in a session."""
    for path in sorted((TOP / "wui").rglob("*.py")):
        for name in imported(path):
            above = f"{name}.".startswith(
                ("firmware.operations.", "firmware.session.", "firmware.accounts.", "firmware.flows.")
            )
            assert not above or name == "firmware.operations.pairing", f"{path} imports {name}"


@pytest.mark.parametrize(("one", "other"), [("store", "services"), ("services", "store")])
def test_store_and_services_do_not_know_each_other(one: str, other: str) -> None:
    names = [(path, name) for path in (TOP / one).rglob("*.py") for name in imported(path)]
    assert [(str(path), name) for path, name in names if f"{name}.".startswith(f"firmware.{other}.")] == []


@pytest.mark.parametrize(
    "command", ["csync_peer", "csync_keys", "csync_check", "service_one", "service_all", "config_save"]
)
def test_a_command_loads_nothing_that_only_daemons_use(command: str) -> None:
    """An emulated unit, or a small processor, takes seconds for that."""
    found = f"import firmware.commands.{command}, sys; print(*{{'asyncio', 'ssl', 'psutil', 'pyinotify'}} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", found], capture_output=True, text=True, check=True, cwd=TOP.parent)
    assert done.stdout.split() == []


@pytest.mark.parametrize("command", ["service_one", "service_all", "config_save"])
def test_a_command_about_this_node_alone_speaks_no_http(command: str) -> None:
    """Nothing that it loads does: that takes a sixth of its time."""
    found = f"import firmware.commands.{command}, sys; print(*{{'h11', 'firmware.operations.peer'}} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", found], capture_output=True, text=True, check=True, cwd=TOP.parent)
    assert done.stdout.split() == []


def test_service_list_loads_nothing_that_takes_long_and_that_it_does_not_use() -> None:
    slow = {"tempfile", "subprocess", "json", "typing", "difflib", "random", "shutil", "argparse"}
    found = "import sys; before = {*sys.modules}; import firmware.commands.service_all; print(*{*sys.modules} - before)"
    done = subprocess.run([sys.executable, "-c", found], capture_output=True, text=True, check=True, cwd=TOP.parent)
    assert slow & {*done.stdout.split()} == set()


def test_the_image_is_built_without_the_tests() -> None:
    sources = [path for path in (TOP.parent / "buildroot").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert sources and [path for path in sources if "tests/" in path.read_text()] == []
