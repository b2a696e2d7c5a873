"""Setup > Upgrade in a browser, at a unit: a bundle is uploaded, refused in words or installed, and what was given up is known."""

from collections.abc import Iterator
from pathlib import Path

import bundles
import pytest
from bundles import Signer
from doorway import Doorway
from lab_driver import Lab
from operator_at_browser import Operator, launched
from playwright.sync_api import Locator, expect

pytestmark = pytest.mark.all
#: milliseconds that anything on a page may take there: a unit without KVM is slow
PATIENCE = 90_000
GIVEN_UP = "the upgrade to 9.9.9 (slot b) was given up: service wui does not run"
#: what the boot after a fallback leaves
GIVE_UP = f"""
from firmware.upgrade import attention, notes
notes.write_outcome(notes.FELL_BACK, "b", "9.9.9", ("service wui does not run",))
attention.put(["{GIVEN_UP}"])
"""


@pytest.fixture(scope="module")
def unit(image: Path, worker_labs: Path) -> Iterator[Lab]:
    """One unit."""
    lab = Lab(worker_labs / "page", kind="qemu")
    try:
        lab.up(1)
        yield lab
    finally:
        lab.down()


@pytest.fixture(scope="module")
def person(unit: Lab) -> Iterator[Operator]:
    """Somebody at it who has set its first password."""
    with launched(PATIENCE) as browser:
        found = Operator(browser, Doorway(unit, 1), patience=PATIENCE)
        found.begin()
        yield found
        assert found.complaints == []


def upload(person: Operator, path: Path) -> None:
    person.open("setup/upgrade")
    person.page.get_by_label("Bundle", exact=True).set_input_files(path)
    person.click("Upload")


def slot_row(person: Operator, slot: str) -> Locator:
    return (
        person.region("Upgrade").get_by_role("row").filter(has=person.page.get_by_role("cell", name=slot, exact=True))
    )


def test_what_nobody_believed_has_signed_is_refused_in_words(person: Operator, tmp_path: Path) -> None:
    foreign = bundles.bundle(bundles.slot(tmp_path), tmp_path / "foreign.raucb", Signer.make(tmp_path / "keys"))
    upload(person, foreign)
    problem = person.region("Upgrade").get_by_role("alert")
    expect(problem).to_contain_text("the bundle is not taken")
    expect(problem).to_contain_text("signed by somebody whom this unit does not believe")
    expect(person.button("Install")).to_have_count(0)
    expect(slot_row(person, "a")).to_contain_text("proved")


def test_what_is_too_large_is_refused_in_words_before_it_is_sent(person: Operator, tmp_path: Path) -> None:
    with open(tmp_path / "large.raucb", "wb") as file:
        file.truncate(200 << 20)
    upload(person, tmp_path / "large.raucb")
    problem = person.region("Upgrade").get_by_role("alert")
    expect(problem).to_contain_text("It has 209715200 bytes: more than any bundle for this unit")


def test_a_bundle_is_uploaded_refused_without_its_flag_and_installed(person: Operator, tmp_path: Path) -> None:
    signer = Signer(bundles.PROJECT / "build/keys")
    image = bundles.slot(tmp_path, version="0.0.1", size=8 << 20)
    upload(person, bundles.bundle(image, tmp_path / "older.raucb", signer))
    expect(person.page.get_by_role("progressbar")).to_be_visible()
    expect(person.region("Upgrade")).to_contain_text("version 0.0.1, for csyncd-x86_64, 8 MB; its signature is good")
    person.click("Install")
    problem = person.region("Upgrade").get_by_role("alert")
    expect(problem).to_contain_text("the bundle is not newer: '0.0.1'")
    expect(slot_row(person, "b")).to_contain_text("proved")
    person.page.get_by_label("Even if it is not newer").check()
    person.click("Install")
    expect(person.region("Upgrade")).to_contain_text("0.0.1 is in slot b, and starts at the next reboot.")
    expect(slot_row(person, "b")).to_contain_text("starts next")
    expect(slot_row(person, "b")).to_contain_text("on trial")
    expect(person.button("Upload")).to_be_visible()


def test_what_was_given_up_is_said_on_every_page_until_it_is_acknowledged(person: Operator, unit: Lab) -> None:
    unit.run(1, "/usr/bin/python3", "-c", GIVE_UP)
    person.open("services")
    said = person.page.get_by_role("status").filter(has_text=f"Upgrade: {GIVEN_UP}")
    expect(said).to_be_visible()
    said.get_by_role("link", name="What to do").click()
    expect(person.region("Upgrade")).to_contain_text("9.9.9, slot b: fell back: service wui does not run")
    person.click("Acknowledge")
    expect(said).to_have_count(0)
    expect(person.page.get_by_role("status").filter(has_text=f"Not said any more: {GIVEN_UP}")).to_be_visible()
    expect(person.button("Acknowledge")).to_have_count(0)
    assert "the last upgrade was kept" not in unit.run(1, "csync", "check", check=False).stdout
