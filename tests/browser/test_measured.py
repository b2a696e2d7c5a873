"""How soon a page is there, and how much has to be loaded for it. What a browser on the machine itself sees, by way of one relay."""

import gzip
from pathlib import Path

import pytest
from doorway import Doorway
from operator_at_browser import Operator
from playwright.sync_api import Browser, expect
from story import CONFIG

ASSETS = Path(__file__).parents[2] / "build/assets"
#: kB of all assets, compressed · milliseconds to the first paint · seconds until an editor takes what is typed
KILOBYTES, PAINT, EDITOR = 300, 150, 1.2
FIRST_PAINT = "performance.getEntriesByName('first-paint')[0].startTime"
LOADS = 7


def test_all_assets_together_are_small() -> None:
    sizes = {
        path.name: len(gzip.compress(path.read_bytes()))
        for path in ASSETS.rglob("*.*")
        if path.suffix in (".js", ".css", ".html")
    }
    assert sizes and sum(sizes.values()) < KILOBYTES * 1000, sizes


@pytest.mark.all
@pytest.mark.alone
def test_a_page_is_there_at_once(browser: Browser, doorways: dict[int, Doorway]) -> None:
    person = Operator(browser, doorways[1])
    person.begin()
    paints = []
    for _ in range(LOADS):
        person.page.goto("about:blank")
        person.page.goto(doorways[1].address)
        person.is_in()
        paints.append(person.page.evaluate(FIRST_PAINT))
    print("first paint, ms:", [round(one) for one in sorted(paints)])
    assert min(paints) <= PAINT, "what else the machine does is not the page's"


@pytest.mark.all
@pytest.mark.alone
def test_an_editor_soon_takes_what_is_typed(browser: Browser, doorways: dict[int, Doorway]) -> None:
    """From the address to the first character that stands there, with nothing kept by the browser."""
    took = []
    for _ in range(3):
        person = Operator(browser, doorways[1])
        person.come_in()
        person.page.goto("about:blank")
        person.page.goto(f"{doorways[1].address}/#/lb-layer7")
        person.editor(CONFIG).press("x")
        expect(person.page.get_by_text("changed, not written yet")).to_be_visible()
        took.append(person.page.evaluate("performance.now()") / 1000)
        person.leave()
    print("editor, s:", [round(one, 2) for one in sorted(took)])
    assert min(took) <= EDITOR
