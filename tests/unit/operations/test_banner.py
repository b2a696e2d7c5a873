"""The banner: what csyncd knows of /etc is not read once more."""

from typing import Any

import pytest

from firmware.operations import banner, peer, service_list
from firmware.operations.peer import PairStatus
from firmware.rc import document
from firmware.services import applied, confirmation, states
from firmware.services.states import ServiceState
from firmware.store.changes import Changes
from firmware.sync.status_report import unknown_node

CONFIG = "service haproxy\n\nservice syslogd\n\nservice sshd\n\nno service ntp\n"
RUNNING = ServiceState("running", 7, 1.0)
STOPPED = ServiceState("stopped")


def set_up(monkeypatch: pytest.MonkeyPatch, local: dict[str, Any]) -> list[str]:
    """A node whose csyncd says that; which of its files are read, in the list that is returned."""
    read: list[str] = []

    def read_all(service: object, context: Any) -> bool:
        read.append(context.title)
        return True

    def read_etc() -> Changes:
        read.append("/etc")
        return Changes(added=("/etc/found",))

    status = PairStatus("green", (), "", {**unknown_node(1, "10.32.0.11"), **local}, unknown_node(2, ""), "", {})
    running = {"haproxy", "syslogd", "ntp"}
    monkeypatch.setattr(peer, "status", lambda: status)
    monkeypatch.setattr(banner, "unsaved_changes", read_etc)
    monkeypatch.setattr(applied, "needs_apply", read_all)
    monkeypatch.setattr(document, "read_tolerant", lambda: document.parse_tolerant(CONFIG)[0])
    monkeypatch.setattr(states, "service_state", lambda title: RUNNING if title in running else STOPPED)
    monkeypatch.setattr(states, "started_titles", lambda: ("haproxy", "syslogd", "ntp"))
    monkeypatch.setattr(confirmation, "names", lambda: ())
    return read


def test_what_csyncd_knows_is_not_read_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    unsaved = tuple(f"/etc/file{n:03}" for n in range(banner.MOST_PATHS + 10))
    read = set_up(monkeypatch, {"version": "1", "unsaved": unsaved, "unapplied": ["haproxy", "sshd"]})
    now = banner.banner()
    assert (now.unsaved, now.paths) == (len(unsaved), unsaved[: banner.MOST_PATHS])
    assert now.needs_apply == ("haproxy", "ntp")  # sshd does not run, and has it with its next start
    assert read == ["ntp"]  # csyncd says nothing of a block that is switched off


def test_without_a_node_state_everything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read = set_up(monkeypatch, {})
    now = banner.banner()
    assert (now.unsaved, now.needs_apply) == (1, ("haproxy", "syslogd", "ntp"))
    assert sorted(read) == ["/etc", "haproxy", "ntp", "sshd", "syslogd"]


def test_a_list_of_services_by_itself_reads_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    read = set_up(monkeypatch, {})
    assert all(row.needs_apply for row in service_list.list_services())
    assert sorted(read) == ["haproxy", "ntp", "sshd", "syslogd"]
