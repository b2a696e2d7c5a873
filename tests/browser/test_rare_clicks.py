"""What is clicked once in a while: probes of the network, all of the configuration as a file, accounts and tokens, a reboot."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from doorway import Doorway
from lab_driver import Lab, eventually
from operator_at_browser import PASSWORD, Operator
from playwright.sync_api import Browser, Locator, expect
from story import ADDRESSES

pytestmark = pytest.mark.all

MARK = "/etc/motd.kept"
#: how a file of packets begins
PCAP = (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4")


@pytest.fixture(scope="module")
def person(operators: dict[int, Operator]) -> Iterator[Operator]:
    """Somebody at node 1."""
    yield operators[1]
    assert operators[1].complaints == []


def probe(person: Operator, tool: str, address: str) -> Locator:
    """Start a probe of an address; what it says."""
    person.open(f"tools/{tool}")
    person.fill("Address", address)
    person.click("Start")
    return person.page.get_by_role("log", name="Answers")


def test_an_address_is_pinged_until_it_is_stopped(person: Operator) -> None:
    expect(probe(person, "ping", ADDRESSES[2])).to_contain_text(f"from {ADDRESSES[2]}")
    person.click("Stop")
    expect(person.page.get_by_role("status").filter(has_text="Stopped.")).to_be_visible()
    expect(person.button("Start")).to_be_enabled()


def test_what_is_no_address_is_said_and_not_pinged(person: Operator) -> None:
    probe(person, "ping", "-f there")
    expect(person.page.get_by_role("alert")).to_contain_text("neither an address nor the name of a host")


def test_the_way_to_an_address_is_traced_to_its_end(person: Operator) -> None:
    expect(probe(person, "traceroute", ADDRESSES[2])).to_contain_text(ADDRESSES[2])
    expect(person.button("Start")).to_be_enabled()


def test_packets_are_seen_live_and_come_as_a_file(person: Operator, module_lab: Lab) -> None:
    person.open("tools/capture")
    person.page.get_by_label("Interface").select_option("eth0")
    person.fill("Filter", "icmp")
    person.fill("Packets", "4")
    person.click("Start")
    pinging = module_lab.start(1, "ping", "-c", "2000", "-i", "0.3", ADDRESSES[2])
    expect(person.page.get_by_role("log", name="Captured packets")).to_contain_text("ICMP echo request")
    link = person.page.get_by_role("link", name="Download")
    with person.page.expect_download() as download:
        link.click()
    assert download.value.path().read_bytes()[:4] in PCAP
    pinging.terminate()
    pinging.wait()


def test_a_capture_is_stopped_by_a_click_and_a_filter_that_is_none_is_said(person: Operator) -> None:
    person.open("tools/capture")
    person.fill("Filter", "port 1")
    person.click("Start")
    person.click("Stop")
    expect(person.page.get_by_role("link", name="Download")).to_be_visible()
    person.fill("Filter", "no filter at all")
    person.click("Start")
    expect(person.page.get_by_role("alert")).to_contain_text("tcpdump")


def test_a_configuration_goes_out_as_a_file_and_comes_back(person: Operator, module_lab: Lab, tmp_path: Path) -> None:
    module_lab.write(1, MARK, "exported\n")
    person.visit("Setup")
    configuration = person.region("Configuration")
    person.click("Save", within=configuration)
    expect(configuration).to_contain_text("Saved as generation")
    with person.page.expect_download() as download:
        person.page.get_by_role("link", name="Export").click()
    archive = tmp_path / download.value.suggested_filename
    download.value.save_as(archive)
    module_lab.write(1, MARK, "changed since\n")
    person.click("Save", within=configuration)
    expect(configuration.get_by_role("list", name="Unsaved")).to_have_count(0)
    take(person, archive)
    expect(configuration).to_contain_text("Imported as generation")
    assert module_lab.read(1, MARK) == "changed since\n", "what is there now is left alone"
    person.open("setup/history")
    rows = person.page.get_by_role("table", name="History").get_by_role("row")
    expect(rows.nth(1)).to_contain_text("current")
    expect(rows.nth(2)).to_contain_text("below /etc now")  # what is below /etc was saved before the import
    expect(rows.nth(2)).to_contain_text("admin")  # by whom
    person.page.get_by_role("row").nth(1).get_by_role("button", name="Roll back").click()
    person.page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(person.region("History")).to_contain_text("is back")
    assert module_lab.read(1, MARK) == "exported\n"


def test_what_is_no_archive_is_said_and_changes_nothing(person: Operator, module_lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("Dear node,\n")
    before = module_lab.run(1, "config", "history", "--json").stdout
    person.visit("Setup")
    take(person, tmp_path / "letter")
    expect(person.page.get_by_role("alert")).to_be_visible()
    assert module_lab.run(1, "config", "history", "--json").stdout == before


def take(person: Operator, archive: Path) -> None:
    """Import a file."""
    person.click("Import")
    dialog = person.dialog("Import a configuration")
    dialog.get_by_label("Archive").set_input_files(archive)
    person.click("Import", within=dialog)
    expect(dialog).to_be_hidden()


def test_a_token_is_made_shown_once_used_and_deleted(person: Operator, module_lab: Lab) -> None:
    person.open("setup/accounts")
    person.click("New token", within=person.row("admin"))
    dialog = person.dialog("New token of admin")
    person.fill("What it is for", "backup", within=dialog)
    person.click("Make", within=dialog)
    token = dialog.locator("pre").inner_text()
    person.click("I have it", within=dialog)
    assert status_with(module_lab, token) == "200"
    expect(person.page.get_by_text(token)).to_have_count(0)
    person.click("New token", within=person.row("admin"))
    person.fill("What it is for", "backup", within=dialog)
    person.click("Make", within=dialog)
    expect(dialog.get_by_role("alert")).to_contain_text("already")
    person.click("Cancel", within=dialog)
    person.click("Delete token backup")
    expect(person.page.get_by_label("Delete token backup")).to_have_count(0)
    assert eventually(lambda: status_with(module_lab, token) == "401")


def status_with(lab: Lab, token: str) -> str:
    """What the API answers to who has it."""
    argv = ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"Authorization: Bearer {token}"]
    return lab.run(1, *argv, "https://127.0.0.1:4444/api/v1/session").stdout


def test_an_account_gets_another_password_is_logged_out_and_goes(
    person: Operator, browser: Browser, doorways: dict[int, Doorway], module_lab: Lab
) -> None:
    module_lab.run(1, "account", "add", "guest", "--role", "monitor", stdin=f"{PASSWORD}\n")
    guest = Operator(browser, doorways[1], user="guest")
    guest.log_in()
    person.open("setup")
    person.open("setup/accounts")
    person.click("Password", within=person.row("guest"))
    dialog = person.dialog("Password of guest")
    person.fill("New password", "another one of it", within=dialog)
    person.fill("Repeat", "another one of it, not", within=dialog)
    person.click("Set password", within=dialog)
    expect(dialog.get_by_role("alert")).to_contain_text("not the same")
    person.fill("Repeat", "another one of it", within=dialog)
    person.click("Set password", within=dialog)
    expect(dialog).to_be_hidden()
    over = guest.dialog("The session has ended")
    expect(over).to_be_visible()
    guest.fill("Password", "another one of it", within=over)
    guest.click("Log in", within=over)
    expect(over).to_be_hidden()
    person.open("setup")
    person.open("setup/accounts")
    sessions = person.page.get_by_role("table", name="Sessions").get_by_role("row").filter(has_text="guest")
    person.click("End", within=sessions)
    expect(over).to_be_visible()
    person.click("Delete", within=person.row("guest"))
    person.click("Delete", within=person.dialog("Delete guest"))
    expect(person.row("guest")).to_have_count(0)
    guest.leave()


def test_a_node_reboots_once_that_was_asked_for_twice(
    person: Operator, doorways: dict[int, Doorway], module_lab: Lab
) -> None:
    module_lab.run(1, "touch", "/run/since-the-boot")
    person.visit("Setup")
    person.click("Reboot")
    dialog = person.dialog("Reboot")
    person.click("Cancel", within=dialog)
    assert module_lab.run(1, "ls", "/run/since-the-boot").status == 0
    person.click("Reboot")
    person.click("Reboot", within=dialog)
    expect(person.page.get_by_text("The node does not answer").first).to_be_visible()
    is_up = ["sh", "-c", "! [ -e /run/since-the-boot ] && service wui status"]
    assert eventually(lambda: module_lab.run(1, *is_up, check=False).status == 0)
    doorways[1].open()
    over = person.dialog("The session has ended")
    expect(over).to_be_visible()
    person.fill("Password", PASSWORD, within=over)
    person.click("Log in", within=over)
    expect(person.region("Configuration")).to_be_visible()
