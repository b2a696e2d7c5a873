"""Who decides whether a service starts: a trial alone, or its checker, which may ask the node's name servers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from firmware.rc import document
from firmware.run import Result
from firmware.services import checker, permissions, private_network, trial
from firmware.services.definition import Account, Context, Outcome, Service

SERVICE = Service(
    "some",
    "for tests",
    account=Account("daemon"),
    check=lambda context: ["check"],
    trial=lambda context: ["start"],
)
DOCUMENT = document.parse("service some\n")
CONTEXT = Context.of(SERVICE, DOCUMENT.blocks[0], DOCUMENT)


def decide(
    results: list[Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> tuple[Outcome, list[tuple[str, bool, str]]]:
    """The outcome where the programs end like that, one after the other, and for each: its arguments, whether it was alone, and
    the hosts that it saw."""
    seen = []

    def run_confined(
        service: Service,
        argv: list[str],
        overlays: Mapping[Path, Path],
        *,
        seconds: float,
        alone: bool = False,
        more: bool = False,
    ) -> Result:
        hosts = overlays.get(trial.HOSTS)
        seen.append((" ".join(argv), alone, hosts.read_text() if hosts else ""))
        return results[len(seen) - 1]

    def account_ids(user: str, **more: Any) -> tuple[int, int]:
        return 4711, 4711

    monkeypatch.setattr(checker, "run_confined", run_confined)
    monkeypatch.setattr(permissions, "account_ids", account_ids)
    monkeypatch.setattr(trial, "TOP", tmp_path)
    done = trial.check_by_start(SERVICE, CONTEXT, ["wui=:4444"], {})
    assert list(tmp_path.iterdir()) == []
    return done, seen


STARTED, WRONG = Result(0, "", "a warning"), Result(2, "", "wrong")
FAILED, FAILED_FOR_A_NAME = Result(1, "", "failed"), Result(1, "loghost\n", "failed")
NAMES, AGREES, DISAGREES = Result(75, "www\n", "no www"), Result(0, "", "fine"), Result(1, "", "no")
FOUND = Result(0, "192.0.2.7 loghost\n192.0.2.8 evil\nnonsense loghost\n", "fine")


@pytest.mark.parametrize(
    ("results", "status", "output", "programs"),
    [
        ([STARTED], 0, "a warning", ["start"]),
        ([WRONG], 2, "wrong", ["start"]),
        ([FAILED, DISAGREES], 1, "no", ["start", "check"]),
        ([FAILED, AGREES], 1, "failed", ["start", "check"]),
        ([NAMES, AGREES], 0, "fine", ["start", "check"]),
        ([NAMES, DISAGREES], 1, "no", ["start", "check"]),
        ([FAILED_FOR_A_NAME, AGREES], 1, "failed", ["start", "check"]),
        ([FAILED_FOR_A_NAME, FOUND, STARTED], 0, "a warning", ["start", "check", "start"]),
        ([FAILED_FOR_A_NAME, FOUND, NAMES], 0, "no www", ["start", "check", "start"]),
        ([FAILED_FOR_A_NAME, FOUND, FAILED], 1, "failed", ["start", "check", "start"]),
    ],
)
def test_who_decides(
    results: list[Result],
    status: int,
    output: str,
    programs: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    done, seen = decide(results, monkeypatch, tmp_path)
    assert done == Outcome(status, output)
    assert [argv.split()[0] for argv, _, _ in seen] == programs
    assert all(alone == argv.startswith("start") and "wui=:4444" in argv for argv, alone, _ in seen)


def test_a_name_that_was_found_is_known_to_the_next_trial_and_nothing_else_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _, seen = decide([FAILED_FOR_A_NAME, FOUND, STARTED], monkeypatch, tmp_path)
    assert seen[1][0].endswith("--resolve loghost")
    assert "192.0.2.7 loghost" in seen[2][2] and "evil" not in seen[2][2] and "nonsense" not in seen[2][2]
    assert seen[2][2].startswith(trial.HOSTS.read_text())


def test_names_that_are_none_are_not_looked_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _, seen = decide([Result(75, "www --x $(id) a\tb\n", ""), AGREES], monkeypatch, tmp_path)
    assert seen[1][0].endswith("--resolve www a b")


def test_the_private_network_has_the_names_of_the_nodes_interfaces() -> None:
    step = private_network.setup_steps(("lo", "eth0", "eth0.5", "we'ird"))[0]
    assert "'link property add dev lo altname eth0 altname eth0.5'" in step and "ird" not in step
    assert "altname" not in private_network.setup_steps(("lo",))[0]
