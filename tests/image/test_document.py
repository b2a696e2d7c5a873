"""The user's document in a browser on virtual units: both are enabled, exchange keys, and one pushes its load balancer to the other."""

from collections.abc import Iterator

import document_in_browser as document
import pytest
import story
from doorway import Doorway
from lab_driver import Lab
from operator_at_browser import Operator, launched
from playwright.sync_api import expect

pytestmark = pytest.mark.all

#: milliseconds that anything on a page may take there: a unit without KVM is slow
PATIENCE = 90_000


@pytest.fixture
def people(fresh_units: Lab) -> Iterator[dict[int, Operator]]:
    """Somebody at each unit, who has set its first password."""
    with launched(PATIENCE) as browser:
        found = {node: Operator(browser, Doorway(fresh_units, node), patience=PATIENCE) for node in (1, 2)}
        for person in found.values():
            person.begin()
        yield found
        assert [person.complaints for person in found.values()] == [[], []]


def test_two_units_are_paired_and_synchronised_by_clicks(fresh_units: Lab, people: dict[int, Operator]) -> None:
    for person in people.values():
        document.enable_csyncd(person)
        document.save(person)
    document.exchange_keys(people)
    one = people[1]
    one.visit("Setup")
    status = one.page.get_by_role("status", name="Current status")
    expect(status).to_have_text(document.starting("(orange|green)"))
    one.visit("LB Layer7")
    one.edit(story.CONFIG, story.page("from the browser"))
    one.click("Apply")
    one.click("Push")
    document.push(one, "haproxy")
    assert fresh_units.read(2, story.CONFIG) == story.page("from the browser")
    document.save_remote(one)
    assert fresh_units.run(2, "config", "changes", "-q", check=False).status == 0
