"""Lines of stock files about account and root directory: what is read before them, and what is said of it."""

from pathlib import Path

import pytest

from firmware.haproxy import account

DEBIAN = """\
global
    chroot /var/lib/haproxy
    user haproxy
    group haproxy
    daemon
    nbthread 2
    pidfile /var/run/haproxy.pid
defaults
    mode http
"""


def written(directory: Path, text: str) -> str:
    path = directory / "haproxy.cfg"
    path.write_text(text)
    return str(path)


def test_what_cannot_be_obeyed_is_read_before_the_file(tmp_path: Path) -> None:
    lines = account.prelude(written(tmp_path, DEBIAN)).splitlines()
    assert lines == ["global", "    chroot /"]


@pytest.mark.parametrize(
    ("line", "replaced"),
    [
        ("user haproxy", ""),
        ("user root", ""),
        ("user nobody", "user haproxy"),
        ("uid 99", "user haproxy"),
        ("uid 0", ""),
        ('"group" nogroup', "group haproxy"),
        ("gid 99", "group haproxy"),
        ("pidfile /var/run/haproxy.pid", ""),
        ("chroot", ""),
        ("daemon", ""),
        ("nbproc 1", ""),
    ],
)
def test_only_what_cannot_be_obeyed_is_replaced(tmp_path: Path, line: str, replaced: str) -> None:
    lines = account.prelude(written(tmp_path, f"global\n  {line}\n")).splitlines()
    assert lines == ["global", *([f"    {replaced}"] if replaced else [])]


def test_a_word_of_another_section_means_something_else(tmp_path: Path) -> None:
    path = written(tmp_path, "userlist x\n  user nobody password x\n  group admins users nobody\n")
    assert account.prelude(path) == "global\n" and account.account_warnings(path) == []


def test_each_is_told_with_its_line_and_what_happens_instead(tmp_path: Path) -> None:
    path = written(tmp_path, DEBIAN.replace("user haproxy", "user root"))
    warnings = account.account_warnings(path)
    assert [warning.partition(" is passed over")[0] for warning in warnings] == [
        f"{path}:2: warning: 'chroot /var/lib/haproxy'",
        f"{path}:3: warning: 'user root'",
    ]
    assert "account haproxy" in warnings[1]


def test_the_capability_is_asked_for_by_a_line_chroot_alone(tmp_path: Path) -> None:
    assert account.asks_for_chroot(written(tmp_path, DEBIAN))
    assert not account.asks_for_chroot(written(tmp_path, DEBIAN.replace("chroot", "# chroot")))
