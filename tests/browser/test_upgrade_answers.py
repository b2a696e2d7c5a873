"""Setup > Upgrade with the answers that a unit gives: which bundle is installed, and what is said of what was acknowledged. Lab
nodes have no slots; a unit's own page is looked at in `tests/image/test_upgrade_page.py`."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from operator_at_browser import Operator
from playwright.sync_api import Route, expect

pytestmark = pytest.mark.all

TOLD = "slot a comes first, and the boot loader could not start it: slot b runs"
BUNDLE = {
    "model": "pc",
    "version": "9.9.9",
    "protocols": [1, 2],
    "config_format": 1,
    "size": 8000000,
    "sha256": "ab" * 32,
}


class FakeUnit:
    """What it answers, and what it was asked to do."""

    def __init__(self) -> None:
        self.bundle: dict[str, Any] | None = None
        self.attention: list[str] = []
        self.asked: list[tuple[str, Any]] = []
        self.fetch: Route | None = None

    def answer(self, route: Route) -> None:
        request = route.request
        place = request.url.partition("/api/v1/upgrade")[2].partition("?")[0]
        if request.method != "GET":
            self.asked.append((place, json.loads(request.post_data or "{}")))
        if request.method + place == "POST/fetch":
            self.fetch = route  # it comes, as long as nobody calls it off
            return
        if request.method + place == "DELETE/bundle" and self.fetch:
            called_off = json.dumps({"detail": "somebody has called it off"})
            self.fetch.fulfill(status=409, content_type="application/problem+json", body=called_off)
        route.fulfill(status=200, content_type="application/json", body=json.dumps(self._body(request.method + place)))

    def _body(self, asked: str) -> dict[str, Any]:
        row = {"version": "1.0", "state": "proved", "tries": 0}
        slots = [
            {"slot": "a", **row, "booted": False, "next": True},
            {"slot": "b", **row, "booted": True, "next": False},
        ]
        if asked == "POST/confirm":
            self.attention = []
            return {
                "slot": "b",
                "version": "1.0",
                "is_new": False,
                "passed_over": "a",
                "acknowledged": ["something else"],
            }
        if asked == "POST/install":
            self.bundle = None
            return {
                "result": "installed",
                "version": "9.9.9",
                "previous": "1.0",
                "slot": "a",
                "seconds": 1,
                "notes": [],
            }
        if asked == "GET/bundle":
            return {"bundle": self.bundle, "address": "https://x.example/bundle"}
        status = {"booted": "b", "slots": slots, "last": None, "waiting": [], "problem": ""}
        return {**status, "attention": self.attention, "largest": 1 << 30, "room": 1 << 30}


@pytest.fixture
def unit(operators: dict[int, Operator]) -> Iterator[FakeUnit]:
    made = FakeUnit()
    operators[1].page.route("**/api/v1/upgrade*", made.answer)
    operators[1].page.route("**/api/v1/upgrade/**", made.answer)
    yield made
    operators[1].page.unroute_all()


def test_the_bundle_is_installed_that_was_looked_at(operators: dict[int, Operator], unit: FakeUnit) -> None:
    person = operators[1]
    unit.bundle = BUNDLE
    person.open("setup/upgrade")
    expect(person.region("Upgrade")).to_contain_text("so it comes from https://x.example/bundle")
    person.page.get_by_label("Even if it is not newer").check()
    person.click("Install")
    expect(person.region("Upgrade")).to_contain_text("9.9.9 is in slot a, and starts at the next reboot.")
    assert unit.asked == [("/install", {"downgrade": True, "sha256": BUNDLE["sha256"]})]


def test_what_is_acknowledged_is_said(operators: dict[int, Operator], unit: FakeUnit) -> None:
    person = operators[1]
    unit.attention = [TOLD]
    person.open("services")
    person.open("setup/upgrade")
    expect(person.region("Upgrade")).to_contain_text("slot a comes first, and the boot loader could not start it")
    person.click("Acknowledge")
    said = person.region("Upgrade")
    expect(said).to_contain_text("Version 1.0 had proved itself already.")
    expect(said).to_contain_text("Slot a could not be started: it comes after slot b from now on.")
    expect(said).to_contain_text("Not said any more: something else.")
    expect(person.button("Acknowledge")).to_have_count(0)


def test_a_fetch_is_called_off_where_it_was_begun(operators: dict[int, Operator], unit: FakeUnit) -> None:
    person = operators[1]
    person.open("services")
    person.open("setup/upgrade")
    expect(person.button("Call off")).to_have_count(0)
    person.page.get_by_label("Address").fill("https://x.example/bundle")
    person.click("Fetch")
    person.click("Call off")
    expect(person.button("Call off")).to_have_count(0)
    assert unit.asked == [("/fetch", {"url": "https://x.example/bundle"}), ("/bundle", {})]
