"""What a boot restores, in which order it starts services, and what it says of those that stand in config.rc twice."""

import errno
import threading
from pathlib import Path

import pytest

from firmware.errors import Failure
from firmware.flows import boot
from firmware.flows.boot import start_order
from firmware.rc import document


@pytest.mark.parametrize(
    ("blocks", "order"),
    [
        ("system syslogd sshd haproxy wui csyncd", "system syslogd sshd wui csyncd haproxy"),
        ("haproxy system network.eth0 wui", "system network.eth0 wui haproxy"),
        ("wui sshd haproxy syslogd", "wui sshd haproxy syslogd"),
        ("haproxy syslogd", "haproxy syslogd"),
        ("haproxy unknown csyncd unknown", "unknown csyncd haproxy unknown"),
        ("haproxy wui=off sshd=off", "haproxy wui sshd"),
        ("", ""),
    ],
)
def test_what_binds_ports_comes_after_what_holds_the_nodes_own(blocks: str, order: str) -> None:
    lines = (f"service {title.replace('.', ' ')}" for title in blocks.split())
    text = "".join(line.replace("=off", "\n no autostart") + "\n" for line in lines)
    assert [block.title for block in start_order(document.parse(text).blocks)] == order.split()


def test_the_end_of_a_boot_is_waited_for_and_not_for_ever(tmp_path: Path) -> None:
    assert not boot.await_end(0.0, tmp_path)
    mark = threading.Timer(0.05, (tmp_path / "booted").touch)
    mark.start()
    assert boot.await_end(60.0, tmp_path)


@pytest.fixture
def restored(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each time that a boot restored /etc, where nothing of services works: /run is full."""
    found: list[str] = []

    def restore() -> None:
        found.append("restored")
        raise OSError(errno.ENOSPC, "No space left on device", "/run/firmware/saved.json")

    def start_nothing() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/run/firmware/applied/.haproxy.new")

    monkeypatch.setattr("firmware.store.restore.restore", restore)
    monkeypatch.setattr("firmware.flows.recovery.recover", lambda booting: [])
    monkeypatch.setattr(boot, "await_supervisor", start_nothing)
    monkeypatch.setattr(boot, "start_all", start_nothing)
    return found


def test_a_boot_by_hand_restores_nothing_again_whatever_went_wrong_before(restored: list[str], tmp_path: Path) -> None:
    failed = boot.boot(run=tmp_path)
    assert restored == ["restored"] and len(failed) == 3
    assert "boot: /run/firmware/applied/.haproxy.new: No space left on device\nhint: make room" in failed[2]
    assert (tmp_path / "booted").read_text().startswith("restore: /run/firmware/saved.json: No space left on device")
    boot.boot(run=tmp_path)
    assert restored == ["restored"]


def test_a_boot_that_is_ended_while_services_start_has_restored(
    restored: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(boot, "start_all", end)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            boot.boot(run=tmp_path)
    assert restored == ["restored"]


def test_without_its_marks_what_was_started_says_that_a_node_has_booted(restored: list[str], tmp_path: Path) -> None:
    (tmp_path / "scan/haproxy").mkdir(parents=True)
    boot.boot(run=tmp_path)
    assert restored == []


def test_a_mark_needs_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restored: list[str]) -> None:
    def write_nothing(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", write_nothing)
    assert "No space left" in boot.boot(run=tmp_path)[-1]
    assert boot.was_restored(tmp_path)


def test_a_service_that_stands_in_config_rc_again_is_said_once() -> None:
    config = document.parse("service haproxy\nservice sshd\nno service haproxy\n", "F")
    assert boot.repeated_blocks(config) == ["service haproxy: it stands in config.rc again, line 3: only line 1 counts"]
    assert [block.title for block in start_order(config.first_blocks)] == ["sshd", "haproxy"]


def test_a_config_rc_that_names_no_service_is_no_silent_boot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "read_tolerant", lambda: document.parse("# nothing\n"))
    with pytest.raises(Failure, match=r"/etc/config\.rc: it names no service: nothing is started"):
        boot.start_all()
