"""What a new slot has to do: what worked before, and no more."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from firmware.errors import Busy
from firmware.flows import node_health
from firmware.store.paths import Paths
from firmware.upgrade.notes import UNREAD_FLASH, Expectation

BEFORE = Expectation(
    services=("haproxy", "sshd", "csyncd"),
    listening=("haproxy 0.0.0.0 80", "sshd :: 22"),
    answering=("haproxy 0.0.0.0 80",),
    addresses=("10.32.0.11",),
    gateways=("10.32.0.1",),
    link=True,
    problem="",
)


@pytest.fixture(autouse=True)
def no_migration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_health.migrations, "failure", lambda: "")


def test_all_that_worked_works() -> None:
    more = replace(BEFORE, services=(*BEFORE.services, "wui"), listening=(*BEFORE.listening, "wui :: 4444"))
    assert node_health.shortcomings(BEFORE, more) == []


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (replace(BEFORE, services=("haproxy", "sshd")), "service csyncd does not run"),
        (replace(BEFORE, listening=("haproxy 0.0.0.0 80",)), "nobody listens at [::]:22 (service sshd)"),
        (replace(BEFORE, answering=()), "haproxy does not answer at 0.0.0.0:80 (service haproxy)"),
        (replace(BEFORE, addresses=("10.0.0.1",)), "the address 10.32.0.11 is missing"),
        (replace(BEFORE, gateways=()), "the gateway 10.32.0.1 does not answer"),
        (replace(BEFORE, link=False), "csyncd does not reach the peer"),
        (replace(BEFORE, problem="generation 4 is damaged"), "generation 4 is damaged"),
    ],
    ids=["service", "port", "answer", "address", "gateway", "link", "configuration"],
)
def test_what_does_not_work_any_more_is_named(now: Expectation, said: str) -> None:
    assert node_health.shortcomings(BEFORE, now) == [said]


def test_what_did_not_work_before_need_not_work_now() -> None:
    bad = Expectation((), (), (), (), (), False, "generation 4 is damaged")
    assert node_health.shortcomings(bad, bad) == []


def test_a_failed_migration_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Said once, though the saved configuration is not what runs either."""
    why = "generation 3 of version 1: it could not be brought to format 2"
    monkeypatch.setattr(node_health.migrations, "failure", lambda: why)
    assert node_health.shortcomings(BEFORE, replace(BEFORE, problem=why)) == [why]
    monkeypatch.setattr(node_health, "_failed_services", lambda: [])
    assert node_health.shortcomings(None, BEFORE) == [why]


def test_where_nobody_noted_what_worked_all_that_is_to_be_started_has_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_health, "_failed_services", lambda: ["vrrp"])
    assert node_health.shortcomings(None, BEFORE) == ["service vrrp does not run"]


def test_a_flash_that_only_the_new_slot_cannot_read_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot read what worked either, and has the factory's services, which all run."""
    monkeypatch.setattr(node_health, "_failed_services", lambda: [])
    now = replace(BEFORE, problem="/flash: it cannot be mounted")
    assert node_health.shortcomings(None, now) == ["/flash: it cannot be mounted"]


def test_a_flash_that_the_old_slot_could_not_read_either_is_as_good_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is to be started has to run all the same, and no migration may fail."""
    monkeypatch.setattr(node_health, "_failed_services", lambda: [])
    now = replace(BEFORE, problem="/flash: it cannot be mounted")
    assert node_health.shortcomings(UNREAD_FLASH, now) == []
    monkeypatch.setattr(node_health, "_failed_services", lambda: ["vrrp"])
    assert node_health.shortcomings(UNREAD_FLASH, now) == ["service vrrp does not run"]
    monkeypatch.setattr(node_health.migrations, "failure", lambda: "it failed")
    assert "it failed" in node_health.shortcomings(UNREAD_FLASH, now)


def test_a_flash_that_cannot_be_mounted_is_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The control: an empty one is."""
    paths = Paths(flash=tmp_path / "flash", run=tmp_path / "run")
    plain = node_health.repository.open_directory
    monkeypatch.setattr(node_health.repository, "open_directory", lambda write: plain(write=write, paths=paths))
    assert not node_health.is_flash_unread()
    monkeypatch.setattr(node_health.repository, "numbers", lambda _: os.listdir(tmp_path / "nothing"))
    assert node_health.is_flash_unread()
    monkeypatch.setattr(node_health.repository, "numbers", _stand_in_the_way)
    assert not node_health.is_flash_unread()  # who is at work there can read it


def _stand_in_the_way(_: Path) -> list[int]:
    raise Busy("what is saved: another command is at work on it")


def test_addresses_that_come_and_go_are_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "keepalived.conf").write_text("virtual_ipaddress { 10.32.0.100/24 }")
    infos = [
        {"local": "10.32.0.11", "scope": "global"},
        {"local": "10.32.0.100", "scope": "global"},
        {"local": "192.0.2.7", "scope": "global", "dynamic": True},
        {"local": "fe80::1", "scope": "link"},
    ]
    monkeypatch.setattr(node_health, "_ip", lambda *_: [{"ifname": "eth0", "addr_info": infos}])
    assert node_health.own_addresses(tmp_path) == ["10.32.0.11"]
