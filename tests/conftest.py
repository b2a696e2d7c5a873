"""Nodes for the tests. Which tests run is in `support/tiers.py`, which worker runs them in `support/workers.py`."""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import tiers
import workers
from lab_driver import Lab, fresh_nodes

# How long an example takes says how busy the machine is, and how many fit a test says how it chooses them: nothing of the product.
UNCHECKED = [hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.filter_too_much]
for tier, examples in (("test", 25), ("test-all", 100)):
    hypothesis.settings.register_profile(tier, deadline=None, suppress_health_check=UNCHECKED, max_examples=examples)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which tests run, and, for those whose outcome may depend on chance, how often."""
    tiers.add_option(parser)
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
    config.addinivalue_line("markers", workers.ALONE)
    config.addinivalue_line("markers", tiers.MARKER)
    config.addinivalue_line("markers", tiers.ROOT)
    hypothesis.settings.load_profile("test-all" if config.getoption("--all") else "test")
    workers.LABS.mkdir(parents=True, exist_ok=True)
    if not hasattr(config, "workerinput"):
        workers.clear_killed_runs()
    config.pluginmanager.register(workers.Workers(config))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    tiers.select(config, items)


@pytest.fixture(scope="session")
def lab(worker_labs: Path) -> Iterator[Lab]:
    """Two nodes that all tests of a worker share: whoever changes something there puts it back, or says what it needs."""
    yield from fresh_nodes(Lab(worker_labs / "shared"))


@pytest.fixture
def fresh_lab(request: pytest.FixtureRequest, worker_labs: Path) -> Iterator[Lab]:
    """Nodes of one test's own, as the factory made them: two, or as many as the module says (NODES). Each takes a second of
    processor time."""
    yield from fresh_nodes(Lab(worker_labs / "fresh"), nodes_of(request))


@pytest.fixture(scope="module")
def module_lab(request: pytest.FixtureRequest, worker_labs: Path) -> Iterator[Lab]:
    """The same for the tests of one module, as the factory made them when the first of them runs."""
    yield from fresh_nodes(Lab(worker_labs / "module"), nodes_of(request))


def nodes_of(request: pytest.FixtureRequest) -> int:
    """How many nodes a module's own labs have."""
    return int(getattr(request.module, "NODES", 2))


@pytest.fixture(scope="session")
def worker_labs() -> Iterator[Path]:
    """Where the labs of this worker are kept: every other one, and every run beside this, has a place of its own."""
    place = workers.LABS / str(os.getpid())
    place.mkdir()
    yield place
    place.rmdir()
