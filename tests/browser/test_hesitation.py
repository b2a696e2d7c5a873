"""What made people hesitate: a service that need not be applied, a push that cannot work, a conflict that is told late."""

from collections.abc import Iterator

import document_in_browser as document
import pytest
import story
from lab_driver import Lab
from operator_at_browser import Operator
from playwright.sync_api import expect

pytestmark = pytest.mark.all

#: notes in the page each bar of progress that is seen in it
WATCH = """() => { window.bars = []; new MutationObserver(() => document.querySelectorAll('dialog progress').forEach(
    bar => window.bars.push([bar.value, bar.max]))).observe(document.body, {subtree: true, childList: true, attributes: true}); }"""
MAP = "/etc/haproxy/large.map"


@pytest.fixture(scope="module")
def one(operators: dict[int, Operator]) -> Iterator[Operator]:
    """Somebody at node 1, before anything was done there."""
    yield operators[1]
    assert operators[1].complaints == []


def test_a_factory_node_offers_no_push_and_says_what_is_missing(one: Operator) -> None:
    one.visit("Services")
    expect(one.button("Start", within=one.row("haproxy"))).to_be_visible()
    expect(one.button("Push")).to_have_count(0)
    one.visit("LB Layer7")
    expect(one.page.get_by_text("exchange keys first")).to_be_visible()


def test_what_does_not_run_takes_effect_with_its_start_and_needs_no_apply(one: Operator) -> None:
    document.enable_csyncd(one)
    expect(one.row("csyncd")).to_contain_text("with the next start")
    expect(one.button("Apply", within=one.row("csyncd"))).to_have_count(0)
    expect(one.page.get_by_text("Not in effect yet:")).to_have_count(0)
    one.click("Start", within=one.row("csyncd"))
    expect(one.row("csyncd")).to_contain_text("running")
    expect(one.page.get_by_text("with the next start")).to_have_count(0)


def test_the_banner_says_at_once_what_a_click_has_changed(one: Operator) -> None:
    expect(one.page.get_by_text("it does not run on this node")).to_have_count(0)
    one.click("Stop", within=one.row("csyncd"))
    expect(one.page.get_by_text("it does not run on this node")).to_be_visible(timeout=3000)
    one.click("Start", within=one.row("csyncd"))
    expect(one.page.get_by_text("it does not run on this node")).to_have_count(0, timeout=3000)


def test_a_conflict_is_told_with_the_difference_and_the_bar_of_a_push_moves(
    operators: dict[int, Operator], module_lab: Lab
) -> None:
    one = operators[1]
    document.enable_csyncd(operators[2])
    document.exchange_keys(operators)
    module_lab.run(2, "sh", "-c", f"echo '# by hand' >>{story.CONFIG} && service haproxy apply")
    lines = "for i in $(seq 250000); do echo key$i value$i; done"
    module_lab.run(1, "sh", "-c", f"{lines} >{MAP} && service haproxy apply")
    one.visit("LB Layer7")
    one.page.evaluate(WATCH)
    one.click("Push")
    dialog = one.dialog("Push haproxy")
    expect(dialog.get_by_role("status").filter(has_text="Push would be refused")).to_be_visible()
    one.click("Overwrite", within=dialog)
    document.is_pushed(one)
    bars = one.page.evaluate("window.bars")
    assert bars and all(0 <= value <= most for value, most in bars), bars
    assert module_lab.run(2, "cmp", MAP, MAP).status == 0


def test_files_that_no_editor_takes_are_named_beside_the_tabs(one: Operator, module_lab: Lab) -> None:
    module_lab.run(
        1, "sh", "-c", "printf 'a\\0b' >/etc/haproxy/binary; echo 'a b' >\"$(printf '/etc/haproxy/x\\033y.map')\""
    )
    one.visit("Services")
    one.visit("LB Layer7")
    expect(one.page.get_by_role("group", name="Files of haproxy")).to_contain_text("x\\033y.map")
    one.page.locator("summary").click()
    expect(one.page.get_by_role("link", name="/etc/haproxy/binary")).to_be_visible()
