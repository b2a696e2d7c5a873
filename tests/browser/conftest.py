"""A browser, and two nodes whose web UIs it reaches."""

from collections.abc import Iterator

import pytest
from doorway import Doorway
from lab_driver import Lab
from operator_at_browser import Operator, launched
from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for the tests of a module: its driver occupies the event loop of the process, which others want, too."""
    with launched() as found:
        yield found


@pytest.fixture(scope="module")
def doorways(module_lab: Lab) -> Iterator[dict[int, Doorway]]:
    """The web UIs of the module's two nodes, by number."""
    doors = {node: Doorway(module_lab, node) for node in (1, 2)}
    for door in doors.values():
        door.open()
    yield doors
    for door in doors.values():
        door.close()


@pytest.fixture(scope="module")
def operators(browser: Browser, doorways: dict[int, Doorway]) -> Iterator[dict[int, Operator]]:
    """Somebody at each node who has set the first password and is logged in, for a whole module."""
    people = {node: Operator(browser, door) for node, door in doorways.items()}
    for person in people.values():
        person.begin()
    yield people
    for person in people.values():
        person.leave()
