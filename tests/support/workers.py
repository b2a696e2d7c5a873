"""How several workers share the tests: a module's tests stay together, what takes longest begins first, some run alone."""

import fcntl
import json
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from lab_driver import Lab

PROJECT = Path(__file__).resolve().parents[2]
LABS = PROJECT / "build" / "labs"
#: seconds that each module took: in the newest whole run here, and where there was none, in one that is kept with the sources
RECORDED, SHIPPED = "build/durations.json", "tests/durations.json"
#: modules about the image that boot none
UNITLESS = ("tests/image/test_board", "tests/image/test_buildroot")
ALONE = "alone: measures what tests of other workers would change; none runs beside it"


def group_of(nodeid: str) -> str:
    """The module of a test; one name for all that boot virtual units: they share them, and want the cores for themselves."""
    module = nodeid.partition("::")[0].removesuffix(".py")
    return "units" if module.startswith("tests/image/") and module not in UNITLESS else module


class Workers:
    """A plugin of pytest. The first process has no worker's input; it is the one that hears of every test's end."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.took: dict[str, float] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """What takes longest first, before it what nobody has measured, for it may; and last the modules with tests that run
        alone: everybody waits for those."""
        seconds = _recorded()
        waited_for = {group_of(item.nodeid) for item in items if item.get_closest_marker("alone")}

        def order(item: pytest.Item) -> tuple[bool, float]:
            group = group_of(item.nodeid)
            return group in waited_for, -seconds.get(group, float("inf"))

        items.sort(key=order)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        from xdist.scheduler import LoadFileScheduling

        scheduler = LoadFileScheduling(config, log)
        scheduler._split_scope = group_of
        return scheduler

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """A test with all its fixtures, beside those of other workers or alone."""
        with _turn(alone=item.get_closest_marker("alone") is not None):
            return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        group = group_of(report.nodeid)
        self.took[group] = self.took.get(group, 0.0) + report.duration

    def pytest_sessionfinish(self) -> None:
        """Note how long each module took, after a whole run."""
        whole = self.config.args_source is pytest.Config.ArgsSource.TESTPATHS and not self.config.getoption("keyword")
        if whole and not hasattr(self.config, "workerinput"):
            text = json.dumps({name: round(seconds, 1) for name, seconds in sorted(self.took.items())}, indent=1)
            (PROJECT / RECORDED).write_text(text + "\n")


def _recorded() -> dict[str, float]:
    """Seconds by group."""
    for name in (RECORDED, SHIPPED):
        if (path := PROJECT / name).exists():
            found: dict[str, float] = json.loads(path.read_text())
            return found
    return {}


@contextmanager
def _turn(*, alone: bool) -> Iterator[None]:
    """Be in the room, with others or alone. Who waits there to be alone stands in the door: nobody else comes in first."""
    with open(LABS / "door", "w") as door, open(LABS / "room", "w") as room:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield


def clear_killed_runs() -> None:
    """Take away the labs that killed runs left."""
    for place in LABS.iterdir():
        if place.is_dir() and not Path("/proc", place.name).exists():
            for lock in place.glob("*/lab.lock"):
                Lab(lock.parent, kind="").down()
            shutil.rmtree(place)
