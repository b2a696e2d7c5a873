"""Which ports are the node's own: as config.rc says, and the files that it names."""

from pathlib import Path

import pytest

from firmware.rc import document
from firmware.services import node_ports
from firmware.services.declared import csyncd, sshd

FACTORY = "service sshd\nservice haproxy\nservice wui\nservice csyncd\n no autostart\n"


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(csyncd, "SETTINGS", str(tmp_path / "csyncd.cfg"))
    monkeypatch.setattr(sshd, "CONFIGURATION", str(tmp_path / "sshd_config"))
    return tmp_path


def words(text: str) -> set[str]:
    return set(node_ports.words(document.parse(text)))


def test_the_factorys() -> None:
    assert words(FACTORY) == {"sshd=:22", "wui=:4444", "csyncd=:30022"}


def test_what_blocks_and_files_say(files: Path) -> None:
    (files / "sshd_config").write_text("Port 2022\n#Port 1\nListenAddress 10.0.0.1\nlistenaddress [fd00::1]:2023\n")
    (files / "csyncd.cfg").write_text('LOCAL_IP = 10.32.0.11 # here\nPORT="2222"\n')
    assert words("service sshd\nservice wui\n port 8443\n listen 10.0.0.2\nservice csyncd\n") == {
        "sshd=10.0.0.1:2022", "sshd=fd00::1:2023", "wui=10.0.0.2:8443", "csyncd=10.32.0.11:30022",
        "csyncd=10.32.0.11:2222",
    }  # fmt: skip
    assert words("service sshd\n port 1\n port 2\n listen 10.0.0.9\n") == {"sshd=10.0.0.9:1", "sshd=10.0.0.9:2"}


def test_what_is_switched_off_holds_none() -> None:
    assert words("no service wui\nservice haproxy\n") == set()
