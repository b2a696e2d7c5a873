"""The user's document in a browser: from "Enable the csyncd service" to "Sync other services", by the words on the buttons."""

import document_in_browser as document
import pytest
import story
from lab_driver import Lab
from operator_at_browser import Operator
from playwright.sync_api import expect

SYSLOG = "/etc/syslogd/syslog.conf"
REMARK = "# every node logs alike\n"


@pytest.fixture(scope="module")
def pair(operators: dict[int, Operator]) -> dict[int, Operator]:
    """Both nodes are enabled and know each other's keys; all of it was clicked."""
    for person in operators.values():
        document.enable_csyncd(person)
        document.save(person)
    document.exchange_keys(operators)
    return operators


def test_csyncd_is_enabled_and_keys_are_exchanged(pair: dict[int, Operator], module_lab: Lab) -> None:
    for node, person in pair.items():
        assert module_lab.read(node, document.SETTINGS) == story.settings(node)
        assert "no autostart" not in module_lab.run(node, "config", "show", "csyncd").stdout
        assert module_lab.run(node, "config", "changes", "-q", check=False).status == 0, "all of it is saved"
        person.visit("Setup")
        expect(person.page.get_by_role("status", name="Current status")).to_have_text(
            document.starting("(orange|green)")
        )


def test_the_load_balancers_configuration_is_synchronised_alone(pair: dict[int, Operator], module_lab: Lab) -> None:
    one = pair[1]
    one.visit("LB Layer7")
    one.edit(story.CONFIG, story.page("from the browser"))
    one.click("Check")
    one.click("Apply")
    one.click("Push")
    expect(one.dialog("Push haproxy")).to_contain_text("from the browser")
    document.push(one, "haproxy")
    assert module_lab.read(2, story.CONFIG) == story.page("from the browser")
    story.Stage(module_lab).serves(2, "from the browser")
    document.save_remote(one)


def test_another_service_is_synchronised_by_itself(pair: dict[int, Operator], module_lab: Lab) -> None:
    one = pair[1]
    one.visit("Services")
    one.be_advanced()
    one.click("Edit Configuration", within=one.row("syslogd"))
    one.edit(SYSLOG, REMARK + module_lab.read(1, SYSLOG))
    one.click("OK")
    one.is_written()
    one.click("Close")
    one.click("Apply", within=one.row("syslogd"))
    one.click("Push", within=one.row("syslogd"))
    document.push(one, "syslogd")
    assert module_lab.read(2, SYSLOG).startswith(REMARK)
    document.save_remote(one)


def test_an_error_stands_at_its_line_and_at_the_bottom_and_what_was_typed_stays(
    pair: dict[int, Operator], module_lab: Lab
) -> None:
    one, before = pair[1], module_lab.read(1, story.CONFIG)
    wrong = story.page("broken").replace("bind", "bimd")
    one.visit("LB Layer7")
    one.edit(story.CONFIG, wrong)
    one.click("Apply")
    place = one.region("Errors").get_by_role("listitem").first
    expect(place).to_contain_text(f"{story.CONFIG}:{wrong.split(chr(10)).index('    bimd :8080') + 1}: ")
    expect(one.page.get_by_role("alert", name="Result")).to_be_visible()
    assert "bimd" in one.text(story.CONFIG)
    assert module_lab.read(1, story.CONFIG) == before, "nothing invalid was written"
    one.edit(story.CONFIG, before)


def test_a_push_onto_what_was_edited_there_shows_the_difference_and_asks(
    pair: dict[int, Operator], module_lab: Lab
) -> None:
    one = pair[1]
    module_lab.run(2, "sh", "-c", f"echo '# by hand' >>{story.CONFIG} && service haproxy apply")
    one.visit("LB Layer7")
    one.edit(story.CONFIG, story.page("over it"))
    one.click("Apply")
    one.click("Push")
    dialog = one.dialog("Push haproxy")
    expect(dialog).to_contain_text("-# by hand")
    one.click("Cancel", within=dialog)
    assert module_lab.read(2, story.CONFIG).endswith("# by hand\n")
    one.click("Push")
    one.click("Push", within=dialog)
    expect(dialog.get_by_role("alert")).to_be_visible()
    one.click("Overwrite", within=dialog)
    document.is_pushed(one)
    assert module_lab.read(2, story.CONFIG) == story.page("over it")


def test_red_is_said_with_its_reason_and_what_to_do(pair: dict[int, Operator], module_lab: Lab) -> None:
    one = pair[1]
    one.visit("Setup")
    module_lab.run(2, "service", "csyncd", "stop")
    try:
        expect(one.page.get_by_role("status", name="Current status")).to_have_text(document.starting("red"))
        expect(
            one.region("Remote Configuration").get_by_role("list", name="Reasons").get_by_role("listitem")
        ).not_to_have_count(0)
        expect(one.region("Remote Configuration").get_by_role("list", name="Troubleshooting list")).to_contain_text(
            "failed"
        )
    finally:
        module_lab.run(2, "service", "csyncd", "start")
    expect(one.page.get_by_role("status", name="Current status")).to_have_text(document.starting("(orange|green)"))


def test_the_browser_complained_about_nothing(pair: dict[int, Operator]) -> None:
    """No error in a script, and nothing that the content security policy kept out."""
    assert [person.complaints for person in pair.values()] == [[], []]
