"""Nodes for the tests, and how several workers run them beside each other."""

import fcntl
import os
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from lab_driver import Lab

LABS = Path(__file__).resolve().parents[1] / "build" / "labs"
#: the modules that take longest, longest first: begun in this order, so that all workers end at about the same time
LONGEST = (
    "test_untrusted", "test_known_failures", "test_confirm", "test_interruptions", "test_soak", "test_hostile", "test_services_supervisor",
    "test_pair_state", "test_pair_push", "test_lab", "test_versions", "test_services_haproxy", "test_pair_keys", "test_config_save",
    "test_services_boot", "test_conflicts", "test_trail", "test_gate", "test_story",
)  # fmt: skip


# How long an example takes says how busy the machine is, and nothing of the product.
hypothesis.settings.register_profile("busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("busy")


def pytest_addoption(parser: pytest.Parser) -> None:
    """An option for tests whose outcome may depend on chance."""
    parser.addoption("--times", type=int, default=1, help="run each test so many times, all on the same nodes")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test as often as `--times` says."""
    times = metafunc.config.getoption("--times")
    if times > 1:
        metafunc.fixturenames.append("_repetition")
        metafunc.parametrize("_repetition", range(times), indirect=True, ids=lambda number: f"{number + 1} of {times}")


@pytest.fixture
def _repetition(request: pytest.FixtureRequest) -> int:
    """Which of the repetitions this is."""
    return int(request.param)


def pytest_configure(config: pytest.Config) -> None:
    """Before there are any workers: what killed runs left goes."""
    config.addinivalue_line("markers", "alone: measures what tests of other workers would change; none runs beside it")
    LABS.mkdir(parents=True, exist_ok=True)
    if not hasattr(config, "workerinput"):
        for place in LABS.iterdir():
            if place.is_dir() and not Path("/proc", place.name).exists():
                _clear(place)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest first, the others as they come."""
    order = {name: number for number, name in enumerate(("units", *LONGEST))}
    items.sort(key=lambda item: order.get(_group(item.nodeid).rpartition("/")[2], len(order)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A module's tests stay together, in one worker, and so do all that boot virtual units."""
    from xdist.scheduler import LoadFileScheduling

    scheduler = LoadFileScheduling(config, log)
    scheduler._split_scope = _group
    return scheduler


def _group(nodeid: str) -> str:
    """The module of a test; one name for all that boot virtual units: those want the cores for themselves."""
    module = nodeid.partition("::")[0].removesuffix(".py")
    boots = "/image/" in f"/{module}" and not module.endswith(("test_board", "test_buildroot"))
    return "units" if boots else module


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test with all its fixtures, beside those of other workers or alone."""
    with _turn(alone=item.get_closest_marker("alone") is not None):
        return (yield)


@contextmanager
def _turn(*, alone: bool) -> Iterator[None]:
    """Be in the room, with others or alone. Who waits there to be alone stands in the door: nobody else comes in first."""
    with open(LABS / "door", "w") as door, open(LABS / "room", "w") as room:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield


def _clear(place: Path) -> None:
    """Take away all that a run has left in its place."""
    for lock in place.glob("*/lab.lock"):
        Lab(lock.parent).down()
    shutil.rmtree(place)


@pytest.fixture(scope="session")
def lab(worker_labs: Path) -> Iterator[Lab]:
    """Two nodes that all tests of a worker share: whoever changes something there puts it back, or says what it needs."""
    yield from _held(Lab(worker_labs / "shared"))


@pytest.fixture
def fresh_lab(worker_labs: Path) -> Iterator[Lab]:
    """Two nodes of one test's own, as the factory made them. They take a fraction of a second."""
    yield from _held(Lab(worker_labs / "fresh"))


@pytest.fixture(scope="module")
def module_lab(worker_labs: Path) -> Iterator[Lab]:
    """Two nodes for the tests of one module, as the factory made them when the first of them runs."""
    yield from _held(Lab(worker_labs / "module"))


@pytest.fixture(scope="module")
def units(worker_labs: Path) -> Iterator[Lab]:
    """Two virtual units for the tests of one module, freshly booted from the image under test (IMAGE)."""
    yield from _held(Lab(worker_labs / "units", kind="qemu"))


@pytest.fixture
def fresh_units(worker_labs: Path) -> Iterator[Lab]:
    """Two virtual units of one test's own, freshly booted."""
    yield from _held(Lab(worker_labs / "fresh_units", kind="qemu"))


@pytest.fixture(scope="session")
def worker_labs() -> Iterator[Path]:
    """Where the labs of this worker are kept: every other one, and every run beside this, has a place of its own."""
    place = LABS / str(os.getpid())
    place.mkdir()
    yield place
    place.rmdir()


def _held(lab: Lab) -> Iterator[Lab]:
    try:
        lab.up(2)
        yield lab
    finally:
        lab.down()
