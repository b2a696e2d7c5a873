"""haproxy's checker, where it cannot do its work."""

from pathlib import Path

import pytest

from firmware.haproxy import checker


@pytest.mark.parametrize("verb", ["start", "check"])
def test_without_haproxy_it_says_so_as_a_shell_does(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The control: a file that is missing is no program that is."""
    monkeypatch.setattr(checker, "_PROGRAM", "no-such-haproxy")
    assert checker.main(verb, str(tmp_path), str(tmp_path / "haproxy.cfg")) == checker.NO_PROGRAM == 127
    assert capsys.readouterr().err == "no-such-haproxy: No such file or directory\n"
    monkeypatch.setattr(checker, "_PROGRAM", "true")
    assert checker.main("check", str(tmp_path), str(tmp_path / "haproxy.cfg")) == checker.FAILED
