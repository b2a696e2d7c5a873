"""The pages of services: what is on trial, and what who may only look sees."""

import pytest
from lab_driver import Lab
from operator_at_browser import Operator
from playwright.sync_api import expect

pytestmark = pytest.mark.all

MONITOR = ("eve", "may only look at it")


def test_a_network_on_trial_is_confirmed_in_the_banner(operators: dict[int, Operator], module_lab: Lab) -> None:
    one = operators[1]
    module_lab.run(1, "config", "add", "network.eth0", "ip", "address", "10.32.9.9/24")
    one.page.goto(f"{one.door.address}/#/services/network.eth0")
    one.click("Apply, to be confirmed within 90 s")
    expect(one.page.get_by_role("timer")).to_be_visible()
    one.visit("LB Layer7")
    one.click("Confirm")
    expect(one.page.get_by_role("timer")).to_have_count(0)
    assert "10.32.9.9/24" in module_lab.run(1, "ip", "addr", "show", "dev", "eth0").stdout
    assert not one.complaints


def test_a_monitor_sees_services_and_no_button_and_no_file(operators: dict[int, Operator], module_lab: Lab) -> None:
    name, password = MONITOR
    module_lab.run(1, "account", "add", name, "--role", "monitor", stdin=f"{password}\n")
    eve = Operator(operators[1].browser, operators[1].door, user=name)
    eve.log_in(password)
    expect(eve.row("haproxy")).to_contain_text("running")
    expect(eve.row("haproxy").get_by_role("button")).to_have_count(0)
    eve.visit("LB Layer7")
    expect(eve.page.get_by_text("accounts of role admin see them")).to_be_visible()
    assert not eve.complaints
    eve.leave()
