"""The rules in syslogd's own file: what they mean, and that there are not too many."""

import os
from pathlib import Path

from firmware.services.declared.syslogd import rules


def test_a_file_has_no_more_logs_than_a_node_can_bear(tmp_path: Path) -> None:
    path = tmp_path / "syslog.conf"
    path.write_text("# none\n" + "user.notice /var/log/x\n" * rules.MOST_RULES)
    assert rules.problems(str(path)) == []
    path.write_text("# none\n" + "user.notice /var/log/x\n" * 100_000)
    assert rules.problems(str(path)) == [f"{path}:66: more than 64 rules"]
    assert len(rules.read_rules(str(path))) == 64


def test_the_rules_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "syslog.conf"
    path.write_text("*.panic /var/log/a # all\nkern.error;mail.none /var/log/b\n\n# c\nkern.* /var/log/c\n")
    assert [rule.name for rule in rules.read_rules(str(path))] == ["a", "c"]
    assert rules.problems(str(path))[0].startswith(f"{path}:2: 'mail.none'")
    assert rules.read_rules(str(path))[1].choices == ((("kern",), rules.LEVELS),)
    path.write_bytes(b"\xff")
    assert rules.problems(str(path))[0].startswith(f"{path}:1: it cannot be read")
    assert rules.problems(str(tmp_path / "none")) == [f"{tmp_path}/none:1: there is no such file"]


def test_all_logs_together_leave_room_for_others(tmp_path: Path) -> None:
    """They lie in memory; a rule is a log of its own, and a peer may send the rules."""
    path, log_place = tmp_path / "syslog.conf", str(tmp_path)
    status = os.statvfs(log_place)
    room = int(status.f_blocks * status.f_frsize * rules.SHARE)
    path.write_text("# none\n" + "user.notice /var/log/x\n" * 3)
    each = room // 2 // 5
    assert rules.room_problems(str(path), 4, each // 2, logs=log_place) == []
    (problem,) = rules.room_problems(str(path), 4, each, logs=log_place)
    assert problem.startswith(f"{path}:4: 3 logs of 4 old files and one, ") and log_place in problem
    assert rules.room_problems(str(path), 0, each, logs=log_place) == []
