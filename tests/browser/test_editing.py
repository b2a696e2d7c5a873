"""The editor: what is typed is never lost, whatever becomes of the file, the session or the node meanwhile."""

import pytest
import story
from lab_driver import Lab, eventually
from operator_at_browser import PASSWORD, Operator
from playwright.sync_api import expect

OVER = "The session has ended"


@pytest.fixture
def at_work(operators: dict[int, Operator], module_lab: Lab) -> Operator:
    """Somebody at the editor of haproxy.cfg, which is as it was before each test."""
    module_lab.write(1, story.CONFIG, story.page("before"))
    module_lab.run(1, "service", "haproxy", "apply")
    one = operators[1]
    one.page.goto(f"{one.door.address}/#/services")
    one.page.reload()
    one.visit("LB Layer7")
    expect(one.editor(story.CONFIG)).to_contain_text("before")
    return one


def test_keys_that_are_pressed_fast_arrive_all(at_work: Operator) -> None:
    at_work.edit(story.CONFIG, "")
    typed = "# every key of this is pressed by itself, and as fast as can be"
    at_work.page.keyboard.type(typed)
    assert eventually(lambda: at_work.text(story.CONFIG) == typed)


def test_a_conflict_shows_both_sides_and_asks(at_work: Operator, module_lab: Lab) -> None:
    at_work.edit(story.CONFIG, story.page("mine"))
    module_lab.write(1, story.CONFIG, story.page("theirs"))
    at_work.click("Apply")
    question = at_work.dialog(f"{story.CONFIG} has changed")
    expect(question.get_by_role("textbox", name="What is there now")).to_contain_text("theirs")
    expect(question.get_by_role("textbox", name="What you have typed")).to_contain_text("mine")
    at_work.press("Escape")
    expect(question).to_be_hidden()
    expect(at_work.button("Apply")).to_be_focused()
    expect(at_work.editor(story.CONFIG)).to_contain_text("mine")
    assert module_lab.read(1, story.CONFIG) == story.page("theirs"), "nothing is written without an answer"
    at_work.click("Apply")
    at_work.click("Write mine", within=question)
    expect(question).to_be_hidden()
    expect(at_work.page.get_by_text("written, not in effect yet")).to_be_visible()
    assert module_lab.read(1, story.CONFIG) == story.page("mine")


@pytest.mark.all
def test_what_the_other_one_wrote_can_be_taken(at_work: Operator, module_lab: Lab) -> None:
    at_work.edit(story.CONFIG, story.page("mine"))
    module_lab.write(1, story.CONFIG, story.page("theirs"))
    at_work.click("Apply")
    at_work.click("Take what is there")
    expect(at_work.editor(story.CONFIG)).to_contain_text("theirs")
    assert module_lab.read(1, story.CONFIG) == story.page("theirs")


def test_what_is_typed_stays_when_the_session_ends_and_it_goes_on_after_a_login(
    at_work: Operator, module_lab: Lab
) -> None:
    at_work.edit(story.CONFIG, story.page("typed"))
    headers = {"X-Requested-With": "csyncd", "Origin": at_work.door.address}
    at_work.context.request.delete(f"{at_work.door.address}/api/v1/session", headers=headers)
    dialog = at_work.dialog(OVER)
    expect(dialog).to_be_visible()
    at_work.press("Escape")
    at_work.press("Escape")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_label("Password", exact=True)).to_be_focused()
    at_work.fill("Password", PASSWORD, within=dialog)
    at_work.click("Log in", within=dialog)
    expect(dialog).to_be_hidden()
    expect(at_work.editor(story.CONFIG)).to_contain_text("typed")
    at_work.click("Apply")
    at_work.is_written()
    assert eventually(lambda: module_lab.read(1, story.CONFIG) == story.page("typed"))
    module_lab.run(1, "sh", "-c", f"echo '# by hand' >>{story.CONFIG}")
    expect(at_work.page.get_by_text("Not in effect yet:", exact=True)).to_be_visible()  # what is live is live again


@pytest.mark.all
def test_what_is_typed_stays_when_another_tab_is_looked_at_until_it_is_discarded(at_work: Operator) -> None:
    at_work.edit(story.CONFIG, story.page("half"))
    at_work.visit("Services")
    at_work.visit("LB Layer7")
    expect(at_work.editor(story.CONFIG)).to_contain_text("half")
    at_work.click("Discard")
    expect(at_work.editor(story.CONFIG)).to_contain_text("before")


@pytest.mark.all
def test_an_error_is_shown_while_typing_pauses_and_a_click_on_it_leads_to_its_line(at_work: Operator) -> None:
    wrong = story.page("typed").replace("bind", "bimd")
    at_work.edit(story.CONFIG, wrong)
    line = wrong.split("\n").index("    bimd :8080") + 1
    error = at_work.region("Errors").get_by_role("button").filter(has_text=f"{story.CONFIG}:{line}:")
    error.click()
    expect(at_work.page.locator(".cm-activeLine")).to_have_text("    bimd :8080", use_inner_text=True)
    at_work.click("Discard")
    expect(at_work.region("Errors")).to_have_count(0)


@pytest.mark.all
@pytest.mark.parametrize(
    ("tab", "path", "before", "typed", "offered", "not_offered"),
    [
        ("LB Layer7", story.CONFIG, "backend app\n    ", "bal", "balance", "server"),
        ("LB Layer7", story.CONFIG, "defaults\n    timeout ", "cl", "client-fin", "check"),
        ("LB Layer4", "/etc/ipvsd/ipvsd.conf", "", "virt", "virtual_server_group", "real_server"),
        ("LB Layer4", "/etc/ipvsd/ipvsd.conf", "virtual_server 10.0.0.1 80 {\n", "lb_", "lb_kind", "global_defs"),
        (
            "LB Layer4",
            "/etc/ipvsd/ipvsd.conf",
            "virtual_server 10.0.0.1 80 {\n    real_server 10.0.0.2 80 {\n",
            "TC",
            "TCP_CHECK",
            "lb_kind",
        ),
        ("LB Layer4", "/etc/ipvsd/ipvsd.conf", "virtual_server 10.0.0.1 80 {\n    lb_algo ", "w", "wrr", "NAT"),
    ],
)
def test_words_are_offered_that_may_stand_there(
    at_work: Operator, module_lab: Lab, tab: str, path: str, before: str, typed: str, offered: str, not_offered: str
) -> None:
    module_lab.run(1, "sh", "-c", "config show ipvsd >/dev/null 2>&1 || config add ipvsd")
    at_work.visit("Services")
    at_work.visit(tab)
    at_work.edit(path, before or " ")
    if not before:
        at_work.press("Backspace")
    at_work.page.keyboard.type(typed)
    options = at_work.page.get_by_role("listbox").get_by_role("option")
    expect(options.get_by_text(offered, exact=True)).to_have_count(1)
    expect(options.get_by_text(not_offered, exact=True)).to_have_count(0)
    at_work.press("Escape")
    at_work.click("Discard")


@pytest.mark.all
def test_the_first_file_of_a_service_is_written_in_the_browser(at_work: Operator, module_lab: Lab) -> None:
    """A node is made without a file for layer 4, and without a directory for it."""
    path, text = (
        "/etc/ipvsd/ipvsd.conf",
        "virtual_server 10.32.0.100 80 {\n    lb_algo rr\n    lb_kind NAT\n    protocol TCP\n    real_server 10.32.0.12 80 {\n    }\n}\n",
    )
    module_lab.run(1, "sh", "-c", "rm -rf /etc/ipvsd; config show ipvsd >/dev/null 2>&1 || config add ipvsd")
    at_work.visit("Services")
    at_work.visit("LB Layer4")
    at_work.edit(path, text)
    at_work.click("Apply")
    expect(at_work.page.get_by_text("changed, not written yet")).to_have_count(0)
    assert eventually(lambda: module_lab.run(1, "cat", path, check=False).stdout == text)
    module_lab.run(1, "sh", "-c", "rm -r /etc/ipvsd; config del ipvsd", check=False)
