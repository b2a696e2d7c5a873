"""Which tests run: by tier, by name, by who runs them; and what `make test` sees to before."""

import os
import subprocess
from pathlib import Path

import pytest

pytest_plugins = "pytester"

PROJECT = Path(__file__).resolve().parents[2]
CONFTEST = """
import tiers

pytest_addoption = tiers.add_option

def pytest_configure(config):
    config.addinivalue_line("markers", tiers.MARKER)
    config.addinivalue_line("markers", tiers.ROOT)

def pytest_collection_modifyitems(config, items):
    tiers.select(config, items)
"""
TESTS = """
import pytest

def test_always(): pass

@pytest.mark.all
def test_later(): pass

@pytest.mark.all(but=["b"])
@pytest.mark.parametrize("case", ["a", "b", "c"])
def test_cases(case): pass

@pytest.mark.root
def test_owners(): pass
"""


@pytest.fixture
def run(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_them=TESTS)
    return pytester


def passed(run: pytest.Pytester, *words: str) -> list[str]:
    """The tests that run, as root."""
    done = run.inline_run(*words, "-p", "no:cacheprovider")
    return [report.nodeid.partition("::")[2] for report in done.listoutcomes()[0]]


def test_the_default_tier_leaves_out_what_is_marked(run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert passed(run) == ["test_always", "test_cases[b]", "test_owners"]


def test_the_other_tier_leaves_out_nothing(run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert len(passed(run, "--all")) == 6


def test_what_is_named_runs(run: pytest.Pytester) -> None:
    assert passed(run, "test_them.py::test_later") == ["test_later"]
    assert passed(run, "test_them.py::test_cases") == ["test_cases[a]", "test_cases[b]", "test_cases[c]"]


def test_what_only_root_can_do_is_skipped_elsewhere(run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "test_owners" not in passed(run, "--all")


def test_a_case_that_there_is_not_is_an_error(run: pytest.Pytester) -> None:
    run.makepyfile(test_them=TESTS.replace('but=["b"]', 'but=["b", "z"]'))
    done = run.runpytest_inprocess()
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "test_them.py::test_cases: `but` names no case: z" in done.stderr.str() + done.stdout.str()


@pytest.mark.parametrize(
    ("asked", "root", "image", "browser"),
    [
        ("", True, True, True), ("-k push", True, True, True), ("tests", True, True, True),
        ("tests/unit", False, False, False), ("tests/unit/rc/test_edit.py::test_x -x", False, False, False),
        ("tests/nodes", True, False, False), ("tests/unit tests/nodes/test_gate.py", True, False, False),
        ("tests/image/test_seed.py", True, True, False), ("tests/browser/test_login.py", True, False, True),
        ("tests/image/test_document.py", True, True, True),
    ],
)  # fmt: skip
def test_make_sees_to_what_the_paths_need(asked: str, root: bool, image: bool, browser: bool) -> None:
    """Nodes need root and their layer, tests of the image its tools, those in a browser one; none has the image built before."""
    make = ["make", "-n", "-B", "-f", "image.mk", "test", f"ARGS={asked}"]
    # This may itself run under make, whose own words and level would come along.
    own = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    said = subprocess.run(make, cwd=PROJECT, env=own, capture_output=True, text=True, check=True).stdout
    assert ("EUID" in said, "layer.py" in said, "qemu-system-x86" in said) == (root, root, image)
    assert ("chromium" in said) == browser
    assert (
        "build/image/root" not in said and "build/image/base build/image" not in said and said.rstrip().endswith(asked)
    )
