"""A push that is interrupted, at each of its steps and at random: what is left is whole and true, and the next one works."""

import random
from collections.abc import Iterator

import disruptions
import pytest
from disruptions import Disruption
from interruptions import Game
from lab_driver import Lab
from push_helpers import pair_nodes
from story import Stage

from firmware.faults import STEPS


@pytest.fixture(scope="module")
def game(module_lab: Lab) -> Iterator[Game]:
    """Two paired nodes, and whoever interrupts what they push."""
    stage = Stage(module_lab, tell=lambda text: None)
    pair_nodes(stage)
    with Game(stage, tell=print) as made:
        yield made


def survives(game: Game, blow: Disruption) -> None:
    """Hold a push to what is left after this blow, and see that it was really struck."""
    game.figures.violations.clear()
    before = game.figures.interruptions[blow.kind]
    game.round(blow.text, random.Random(blow.text), blow)
    assert not game.figures.violations, "\n".join(game.figures.violations)
    assert game.figures.interruptions[blow.kind] == before + 1, "the push was not interrupted there"


@pytest.mark.all(
    but=[
        "push.agreed",
        "receive.armed",
        "receive.swapped",
        "receive.decided",
        "receive.recorded",
        "confirm.answered",
        "undo.exchanged",
    ]
)
@pytest.mark.parametrize("step", STEPS)
def test_a_push_may_be_killed_at(step: str, game: Game) -> None:
    survives(game, disruptions.at_step(step, "kill"))


def test_a_diff_whose_answer_is_cut_off_is_asked_for_again(game: Game) -> None:
    lab = game.stage.lab
    lab.run(2, "mkdir", "-p", "/run/faults")
    lab.write(2, "/run/faults/receive.begun", "cut\n")
    assert "haproxy" in lab.run(1, "csync", "diff", "haproxy").stderr
    assert lab.run(2, "ls", "/run/faults").stdout == "", "it was not cut off"


@pytest.mark.all(but=["4"])
@pytest.mark.parametrize("pushes", [4, 12])
def test_a_push_may_be_interrupted_anywhere(game: Game, pushes: int) -> None:
    game.figures.violations.clear()
    game.play(pushes, seed=3)
    assert not game.figures.violations, "\n".join(game.figures.violations)
