"""The procedures of the user's document, clicked through in a browser in its order and by its words."""

import re

import story
from operator_at_browser import Operator
from playwright.sync_api import expect

SETTINGS = "/etc/csyncd/csyncd.cfg"
RC = "/etc/config.rc"


def enable_csyncd(person: Operator) -> None:
    """Enable the csyncd service."""
    person.visit("Services")
    person.click("advanced mode")
    person.click("Edit Configuration", within=person.row("csyncd"))
    person.edit(SETTINGS, story.settings(person.door.node))
    person.click("OK")
    person.is_written()
    person.click("Close")
    person.click("csyncd setup")
    expect(person.editor(RC)).to_contain_text("no autostart")
    block = person.text(RC)
    person.edit(RC, "\n".join(line for line in block.split("\n") if line.strip() != "no autostart"))
    person.click("OK")
    person.is_written()
    person.click("Close")
    expect(person.row("csyncd")).to_be_visible()


def save(person: Operator) -> None:
    """To make your changes persistent after a reboot, click the Setup tab. Then click Save under Configuration."""
    person.visit("Setup")
    person.click("Save", within=person.region("Configuration"))
    expect(person.region("Configuration")).to_contain_text("Saved as generation")


def make_keys(person: Operator) -> None:
    """Stop the csyncd service if it is running; click the genkey button."""
    person.visit("Services")
    person.be_advanced()
    row = person.row("csyncd")
    person.click("Stop", within=row)
    expect(row.get_by_text("stopped", exact=True)).to_be_visible()
    person.click("genkey", within=row)
    expect(person.page.get_by_text("Its pairing code is")).to_be_visible()


def pairing_code(person: Operator) -> str:
    """What the page said after genkey."""
    words = person.page.get_by_text("Its pairing code is").inner_text()
    return words.split("pairing code is ")[1].split()[0].rstrip(".")


def take_keys(person: Operator, code: str) -> None:
    """Click the getkey button to fetch the other one's SSH keys; click Start on the csyncd service."""
    row = person.row("csyncd")
    person.click("getkey", within=row)
    dialog = person.dialog(f"Keys of node {3 - person.door.node}")
    expect(dialog).to_contain_text(code)
    expect(dialog).to_contain_text("SHA256:")
    person.click("Trust", within=dialog)
    expect(dialog).to_be_hidden()
    person.click("Start", within=row)
    expect(row.get_by_text("running", exact=True)).to_be_visible()


def exchange_keys(people: dict[int, Operator]) -> None:
    """Exchange SSH keys, on the primary and the secondary in turn."""
    codes = {}
    for node in (1, 2):
        make_keys(people[node])
        codes[node] = pairing_code(people[node])
    for node in (1, 2):
        take_keys(people[node], codes[3 - node])
        save(people[node])


def push(person: Operator, service: str) -> None:
    """A button labeled Push will appear. Click it; what would change is shown first."""
    dialog = person.dialog(f"Push {service}")
    person.click("Push", within=dialog)
    is_pushed(person)


def is_pushed(person: Operator) -> None:
    """If no message appears, everything is fine."""
    expect(person.page.get_by_role("dialog")).to_have_count(0)
    expect(person.page.get_by_role("status").filter(has_text="applied")).to_be_visible()
    expect(person.page.get_by_role("alert")).to_have_count(0)


def save_remote(person: Operator) -> None:
    """Go to the Setup tab and click Save under the Remote Configuration section. Current status should turn green."""
    person.visit("Setup")
    status = person.page.get_by_role("status", name="Current status")
    expect(status).to_have_text(starting("orange"))
    person.click("Save", within=person.region("Remote Configuration"))
    expect(status).to_have_text(starting("green"))


def starting(word: str) -> re.Pattern[str]:
    """A text that begins with that word."""
    return re.compile(rf"^{word}\b")
