"""The program that tries what a power cut may leave on the flash, shortened; and that it notices what it is there to notice."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import crash_states
import pytest
import write_log
from write_log import Epoch

PROGRAM = Path(__file__).with_name("crash_states.py")
TOP = Path(__file__).parents[2]

pytestmark = pytest.mark.root


ENVIRONMENT = {"PYTHONPATH": str(TOP), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


def tried(count: int, *words: str) -> dict[str, Any]:
    """What the program reports after some states."""
    argv = [sys.executable, str(PROGRAM), str(count), *words]
    done = subprocess.run(argv, capture_output=True, text=True, env=ENVIRONMENT, timeout=600)
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (1 if report["lost"] or report["unmountable"] else 0)
    return report


def test_no_state_after_a_power_cut_loses_or_mixes_what_was_saved() -> None:
    report = tried(300)
    assert (report["lost"], report["unmountable"]) == (0, 0), report["words"]
    assert report["states"] >= 270
    assert {"prefix", "sector lost", "page lost", "one write left out", "one write alone"} <= report["kinds"].keys()


@pytest.mark.all(but=["slots"])
@pytest.mark.parametrize("subject", ["identity", "slots"])
def test_what_is_written_at_the_factory_and_by_upgrades_survives_too(subject: str) -> None:
    report = tried(300, "--subject", subject)
    assert (report["lost"], report["unmountable"]) == (0, 0), report["words"]
    assert report["states"] >= 200


@pytest.mark.all
@pytest.mark.parametrize(
    ("subject", "mutant"), [(subject, mutant) for subject, found in crash_states.MUTANTS.items() for mutant in found]
)
def test_every_classic_mistake_is_noticed(subject: str, mutant: str) -> None:
    report = tried(400, "--subject", subject, "--mutant", mutant)
    assert report["lost"] > 0


@pytest.mark.all
def test_an_earlier_flash_can_always_be_mounted_and_gives_something_that_was_saved() -> None:
    """What is lost there with a page is the last save, and it is said; see docs/crash-states.md."""
    report = tried(1500, "--subject", "earlier flash")
    assert report["unmountable"] == 0 and report["states"] > 1000
    assert report["lost"] == 0, report["words"]


@pytest.mark.all
def test_a_run_that_is_told_to_end_says_how_far_it_got() -> None:
    argv = [sys.executable, str(PROGRAM), "100000", "--often", "0"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        assert process.stdout and process.stderr
        assert " of 100000 states in " in process.stderr.readline()
        process.terminate()
        report = json.loads(process.stdout.read())
        assert "Traceback" not in process.stderr.read()
    assert process.returncode == 1 and not report["is_complete"] and 0 < report["states"] < 50_000


def test_shares_of_the_states_are_all_of_them() -> None:
    epochs = [Epoch((((start, b"a" * 512), (start + 1, b"b" * 512)),), start) for start in range(0, 80, 8)]
    whole = list(write_log.states(epochs, 10**4, 1))
    shares = [list(write_log.states(epochs, 10**4, 1, share=(number, 3))) for number in range(3)]
    assert all(shares) and sorted(map(repr, whole)) == sorted(repr(state) for share in shares for state in share)


def test_the_states_of_an_epoch_are_all_there() -> None:
    """Of two writes, of two sectors and of one: in whichever order the disk does them, and in the middle of each."""
    a, b, c = (8, b"a" * 512), (9, b"b" * 512), (100, b"c" * 512)
    epoch = Epoch(((a, b), (c,)), 1)
    found = [state.sectors for state in write_log.states([epoch], 10**6, 1)]
    assert all(one in found for one in ({}, dict([a]), dict([a, b]), dict([a, b, c]), dict([c])))
    lost = [one for one in found if any(data in write_log.FILLS for data in one.values())]
    assert {9, 100} <= {sector for one in lost for sector, data in one.items() if data in write_log.FILLS}
    assert any(len(one) == 8 for one in lost)  # a whole page
