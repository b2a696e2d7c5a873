"""LB Admin, Logs, Tools and Setup on a node: what is clicked happens there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from doorway import Doorway
from lab_driver import Lab, eventually
from operator_at_browser import Operator
from playwright.sync_api import Browser, expect
from screenshots import BALANCED
from service_helpers import run_service
from story import CONFIG


@pytest.fixture(scope="module")
def person(browser: Browser, doorways: dict[int, Doorway], module_lab: Lab) -> Iterator[Operator]:
    """Somebody at node 1, whose haproxy has servers."""
    module_lab.write(1, CONFIG, BALANCED)
    run_service(module_lab, "haproxy", "apply")
    found = Operator(browser, doorways[1])
    found.begin()
    yield found
    assert found.complaints == []
    found.leave()


def test_a_server_is_drained_put_into_maintenance_and_made_ready(person: Operator, module_lab: Lab) -> None:
    person.visit("LB Admin")
    table = person.page.get_by_role("table", name="shop", exact=True)
    row = table.get_by_role("row").filter(has_text="shop2")
    for button, status in (("Drain", "DRAIN"), ("Maintenance", "MAINT"), ("Ready", "UP")):
        person.click(button, within=row)
        expect(row).to_contain_text(status)
    row.get_by_role("button", name="Weight of shop2").click()
    person.fill("Weight, 0 to 256", "7", within=person.dialog("Weight of shop2"))
    person.click("Set", within=person.dialog("Weight of shop2"))
    expect(row.get_by_role("button", name="Weight of shop2: 7")).to_be_visible()


def test_a_line_of_the_log_is_seen_as_it_is_written_and_filtered(person: Operator, module_lab: Lab) -> None:
    person.visit("Logs")
    module_lab.run(1, "logger", "-t", "seen", "<b>a line of its own</b>")
    log = person.page.get_by_role("log", name="System log")
    expect(log).to_contain_text("<b>a line of its own</b>")
    person.fill("Filter", "of its own")
    expect(person.page.get_by_text("1 line of")).to_be_visible()
    with person.page.expect_download() as download:
        person.page.get_by_role("link", name="Download").click()
    assert "a line of its own" in download.value.path().read_text()


def test_a_file_is_uploaded_renamed_edited_downloaded_and_deleted(
    person: Operator, module_lab: Lab, tmp_path: Path
) -> None:
    (tmp_path / "here <i>").write_bytes(b"\0binary")
    module_lab.run(1, "mkdir", "-p", "/etc/tried")
    person.open("tools/files/etc/tried")
    person.page.get_by_label("Files to upload").set_input_files(tmp_path / "here <i>")
    row = person.row("here <i>")
    expect(row).to_be_visible()
    with person.page.expect_download() as download:
        row.get_by_role("link", name="Download").click()
    assert download.value.path().read_bytes() == b"\0binary"
    person.click("Rename", within=row)
    person.fill("New path", "/etc/tried/there")
    person.click("Rename", within=person.dialog("Rename here <i>"))
    person.click("Mode and owner", within=person.row("there"))
    person.fill("Mode", "0640", within=person.dialog("Mode and owner of there"))
    person.fill("Group", "haproxy", within=person.dialog("Mode and owner of there"))
    person.click("Set")
    expect(person.row("there")).to_contain_text("root:haproxy")
    assert module_lab.run(1, "stat", "-c", "%a %G", "/etc/tried/there").stdout == "640 haproxy\n"
    person.click("Delete", within=person.row("there"))
    person.click("Delete", within=person.dialog("Delete there"))
    expect(person.row("there")).to_have_count(0)
    assert module_lab.run(1, "ls", "/etc/tried").stdout == ""


def test_a_path_without_a_slash_begins_in_the_directory_and_a_device_is_not_shown_as_one(person: Operator) -> None:
    person.open("tools/files/dev")
    person.fill("Path", "zero")
    person.click("Open")
    expect(person.page.get_by_text("It is a device, not a file.")).to_be_visible()
    assert person.page.url.endswith("#/tools/files/dev/zero")


def test_a_file_that_changed_since_it_was_opened_is_shown_and_nothing_is_lost(
    person: Operator, module_lab: Lab
) -> None:
    path = "/etc/tried.conf"
    module_lab.write(1, path, "first\n")
    person.open(f"tools/files{path}")
    person.edit(path, "mine\n")
    module_lab.write(1, path, "theirs\n")
    person.click("OK")
    dialog = person.dialog(f"{path} has changed")
    expect(dialog).to_contain_text("theirs")
    assert module_lab.read(1, path) == "theirs\n"
    person.press("Escape")
    assert "mine" in person.text(path)
    person.click("Close")
    person.click("Cancel", within=person.dialog("Discard changes"))
    assert "mine" in person.text(path)


def test_a_terminal_is_as_large_as_its_place_and_says_how_it_ended(person: Operator) -> None:
    person.launch_terminal()
    person.type_command("stty size", "")
    wide = person.page.evaluate("document.querySelector('.xterm-screen').clientWidth")
    person.page.set_viewport_size({"width": 700, "height": 700})
    assert eventually(lambda: person.page.evaluate("document.querySelector('.xterm-screen').clientWidth") < wide)
    person.type_command("stty size; echo do''ne", "done")
    person.visit("Logs")
    person.launch_terminal()
    person.type_command("echo still th''ere", "still there")
    person.page.set_viewport_size({"width": 1280, "height": 900})
    person.type_command("exit 3", "")
    expect(person.page.get_by_text("The terminal has ended")).to_contain_text("3")
    person.click("Launch again")
    person.type_command("echo an''other", "another")


def test_what_is_unsaved_is_listed_saved_compared_and_rolled_back(person: Operator, module_lab: Lab) -> None:
    module_lab.write(1, "/etc/motd.tried", "one\n")
    person.visit("Setup")
    configuration = person.region("Configuration")
    expect(configuration.get_by_role("list", name="Unsaved")).to_contain_text("/etc/motd.tried")
    person.fill("Message", "tried in a browser", within=configuration)
    person.click("Save", within=configuration)
    expect(configuration).to_contain_text("Saved as generation")
    expect(configuration.get_by_role("list", name="Unsaved")).to_have_count(0)
    module_lab.write(1, "/etc/motd.tried", "two\n")
    person.open("setup/history")
    expect(person.region("History")).to_contain_text("+two")
    person.click("Roll back", within=person.page.get_by_role("row").filter(has_text="tried in a browser"))
    person.page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(person.region("History")).to_contain_text("is back")
    assert module_lab.read(1, "/etc/motd.tried") == "one\n"


def test_the_factorys_configuration_comes_back_only_after_the_word(person: Operator, module_lab: Lab) -> None:
    person.visit("Setup")
    person.click("Factory reset")
    dialog = person.dialog("Factory reset")
    expect(person.button("Reset", dialog)).to_be_disabled()
    person.fill("Type reset to go on", "Reset", within=dialog)
    expect(person.button("Reset", dialog)).to_be_disabled()
    person.fill("Type reset to go on", "reset", within=dialog)
    expect(person.button("Reset", dialog)).to_be_enabled()
    person.click("Cancel", within=dialog)
    assert module_lab.read(1, CONFIG) == BALANCED


def test_an_account_is_added_and_sees_no_button_that_changes_something(
    person: Operator, browser: Browser, doorways: dict[int, Doorway]
) -> None:
    person.open("setup/accounts")
    person.click("Add an account")
    dialog = person.dialog("Add an account")
    for field, text in (
        ("Name", "night"),
        ("New password", "look but do not touch"),
        ("Repeat", "look but do not touch"),
    ):
        person.fill(field, text, within=dialog)
    person.click("Add", within=dialog)
    expect(person.page.get_by_role("table", name="Accounts")).to_contain_text("night")
    monitor = Operator(browser, doorways[1], user="night")
    monitor.log_in("look but do not touch")
    for tab in ("Services", "LB Layer7", "LB Admin", "Tools", "Setup"):
        monitor.visit(tab)
        for word in ("Start", "Stop", "Apply", "Push", "Drain", "Launch a terminal", "Save", "Factory reset", "Reboot"):
            expect(monitor.button(word)).to_have_count(0)
    assert monitor.complaints == []
    monitor.leave()
