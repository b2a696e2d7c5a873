"""Every tab as a screen reader meets it: axe-core has nothing to find, in either theme."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from doorway import Doorway
from operator_at_browser import Operator
from playwright.sync_api import Browser

AXE = Path(__file__).parents[2] / "build/frontend/node_modules/axe-core/axe.min.js"
TABS = ("services", "services/csyncd/edit", "services/csyncd/setup", "lb-layer4", "lb-layer7", "lb-admin", "logs", "tools", "tools/files", "tools/files/etc/config.rc", "tools/terminal", "tools/ping", "tools/capture", "setup", "setup/history", "setup/network", "setup/time", "setup/accounts", "setup/upgrade")  # fmt: skip
#: what is found, in words: which rule, how bad, where
FIND = "axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.flatMap(v => v.nodes.map(n => `${v.id} (${v.impact}): ${n.target}`)))"


@pytest.fixture(scope="module", params=["light", "dark"])
def person(request: pytest.FixtureRequest, browser: Browser, doorways: dict[int, Doorway]) -> Iterator[Operator]:
    """Somebody who likes that theme."""
    found = Operator(browser, doorways[1], theme=request.param)
    found.come_in()
    yield found
    found.leave()


def test_the_login_page_has_no_barrier(browser: Browser, doorways: dict[int, Doorway]) -> None:
    stranger = Operator(browser, doorways[2])
    stranger.page.goto(doorways[2].address)
    stranger.page.get_by_role("button").first.wait_for()
    assert barriers(stranger) == []
    stranger.leave()


def test_a_barrier_would_be_found(person: Operator) -> None:
    person.open("tools")
    person.page.evaluate("document.querySelector('main').append(document.createElement('input'))")
    assert ["label" in one for one in barriers(person)] == [True]
    person.page.evaluate("document.querySelector('main > input').remove()")


@pytest.mark.parametrize("tab", TABS)
def test_a_tab_has_no_barrier(person: Operator, tab: str) -> None:
    person.open(tab)
    assert barriers(person) == []


def barriers(person: Operator) -> list[str]:
    """What axe-core finds on the page that is open."""
    if not person.page.evaluate("typeof axe === 'object'"):
        person.page.evaluate(AXE.read_text() + "; undefined")
    return list(person.page.evaluate(FIND))
