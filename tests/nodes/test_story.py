"""The user's document, played in its order: what `make -f image.mk lab` shows."""

from pathlib import Path

import story
from lab_driver import Lab
from story import Stage


def test_the_story_holds(worker_labs: Path) -> None:
    told: list[str] = []
    stage = Stage(Lab(worker_labs / "story"), tell=told.append)
    try:
        story.play(stage)
    finally:
        stage.lab.down()
    order = [
        "csyncd.cfg",
        "genkey",
        "getkey",
        "edited and applied",
        "diff",
        "push",
        "orange",
        "csync save",
        "green",
        "rebooted",
        "syslogd",
        "conflict",
    ]
    places = [next(number for number, line in enumerate(told) if word in line) for word in order]
    assert places == sorted(places)
