"""What all programs share: `-v` before the verb, and what a person sees of an error inside the program."""

import inspect
import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from firmware import commands, log, operations, station
from firmware.__main__ import PROGRAMS, main, run_program
from firmware.station.ledger import Ledger

#: words that each verb takes
WORDS = {
    "get": ("system", "hostname"),
    "add": ("system", "hostname", "lb1"),
    "del": ("system", "hostname"),
    "set": ("system", "hostname", "lb1"),
    "rollback": ("1",),
    "export": ("/nowhere/file",),
    "import": ("/nowhere/file",),
    "reset": ("--yes",),
    "diff": ("haproxy",),
    "push": ("haproxy",),
    "help": ("haproxy",),
}


#: commands, operations and what a station does, all of them
MODULES = [
    import_module(found.name)
    for package in (operations, commands, station)
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
]


#: what a station is told besides
STATION = ("--records", "/nowhere", "--key", "/nowhere/key")
#: the same where a program has verbs of these names for something else
WORDS_OF = {
    "account": {"add": ("anna",), "password": ("anna",), "del": ("anna",), "token": ("anna",)},
    "upgrade": {"install": ("/nowhere/file",)},
    "provision": {
        "run": ("/nowhere/unit.toml", *STATION),
        "batch": ("/nowhere/units.csv", *STATION),
        "show": ("/",),
        "verify": ("/nowhere",),
        "label": ("/", "A1"),
    },
}


def verbs() -> Iterator[tuple[str, ...]]:
    """Words that call each verb of every program."""
    for name in PROGRAMS:
        module, words = import_module(f"firmware.commands.{name}"), WORDS_OF.get(name, WORDS)
        yield from ((name, verb, *words.get(verb, ())) for verb in module.VERBS)
        yield from ((name, "haproxy", verb) for verb in getattr(module, "LATER", {}))


@pytest.fixture
def trace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Where traces go."""
    monkeypatch.setattr(log, "SYSLOG", str(tmp_path / "none"))
    monkeypatch.setattr(log, "FALLBACK", tmp_path / "errors.log")
    yield tmp_path / "errors.log"


@pytest.fixture(params=[KeyError("files"), TypeError("not a str"), RecursionError()], ids=repr)
def bug(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Exception:
    """Every operation has a bug, and raises this."""
    error: Exception = request.param

    def fail(*arguments: object, **options: object) -> None:
        raise error

    for module in MODULES:
        for name, value in vars(module).items():
            if inspect.isfunction(value) and value.__module__.startswith((operations.__name__, station.__name__)):
                monkeypatch.setattr(module, name, fail)
    for name in ("all", "find"):  # what a station knows of units is read by methods
        monkeypatch.setattr(Ledger, name, fail)
    return error


@pytest.mark.parametrize("words", list(verbs()), ids=" ".join)
def test_a_bug_is_said_in_one_line_and_its_trace_is_in_the_log(
    words: tuple[str, ...], bug: Exception, trace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_program(words[0], list(words[1:])) == 1
    said = capsys.readouterr()
    first, hint = said.err.splitlines()
    command = " ".join(words[: 3 if words[0] == "service" and words[1] == "haproxy" else 2])
    assert first.startswith(f"{command}: an error inside the program (number ") and first.endswith("): see the log")
    assert hint == f"hint: grep {first.partition('(number ')[2][:6]} {trace}"
    assert "Traceback" not in said.err + said.out
    assert "Traceback" in trace.read_text() and type(bug).__name__ in trace.read_text()


@pytest.mark.parametrize("words", [["-v", "haproxy", "reload", "now"], ["haproxy", "-v", "reload", "now"]])
def test_a_v_before_the_verb_shows_commands(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FIRMWARE_VERBOSE", "")
    assert run_program("service", words) == 2
    assert os.environ["FIRMWARE_VERBOSE"] == "1"
    assert capsys.readouterr().err == "service haproxy reload: 'now' is one word too many\n"


def test_a_v_after_the_verb_is_an_option_that_it_has_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FIRMWARE_VERBOSE", "")
    assert run_program("csync", ["push", "-v", "haproxy"]) == 2
    assert capsys.readouterr().err == "csync push: -v: unknown option\n" and not os.environ["FIRMWARE_VERBOSE"]


def test_a_bug_is_no_failure_of_its_own_where_nobody_reads_what_is_said() -> None:
    code = "import sys; from firmware.commands import csync_log as c; from firmware.__main__ import run_program; "
    code += "c.trail = None; from firmware import log; log.SYSLOG, log.FALLBACK = '/none', log.Path('/dev/null'); sys.exit(run_program('csync', ['log']))"
    done = subprocess.run(["sh", "-c", f'{sys.executable} -c "{code}" 2>/dev/full'], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_an_appliance_says_that_it_is_no_station(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a station needs is left out of the image."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["provision", "run"]) == 2
    assert "is not on an appliance" in capsys.readouterr().err
