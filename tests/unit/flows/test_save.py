"""What a save sees to before it saves."""

from pathlib import Path

from firmware.flows.save import close_to_others


def test_config_rc_is_closed_to_others_and_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "config.rc"
    path.write_text("service snmpd\n\tcommunity secret\n")
    path.chmod(0o644)
    assert close_to_others(path) == [
        f"{path}: others could read it (mode 0644); now only its owner can, for it may hold passwords"
    ]
    assert path.stat().st_mode & 0o7777 == 0o600
    assert close_to_others(path) == []


def test_what_is_no_file_is_left_to_the_save(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert close_to_others(tmp_path / "none") == close_to_others(tmp_path / "link") == []
