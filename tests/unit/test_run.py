"""External commands: each can be seen as it is run."""

import asyncio
import subprocess

import pytest

from firmware.run import VERBOSE, note_commands, run


@pytest.fixture(autouse=True)
def verbose(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands are shown."""
    monkeypatch.setenv(VERBOSE, "1")


def test_a_command_is_shown_so_that_it_can_be_copied(capfd: pytest.CaptureFixture[str]) -> None:
    argv = ["printf", "%s|", "two words", "$HOME", "a'b", ""]
    said = run(argv).stdout
    shown = capfd.readouterr().err
    assert shown.startswith("+ printf ")
    assert subprocess.run(["sh", "-c", shown[2:]], capture_output=True, text=True).stdout == said


def test_what_it_reads_is_not_shown(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["cat"], stdin=b"the private key").stdout == "the private key"
    assert capfd.readouterr().err == "+ cat  # 15 bytes on stdin\n"


def test_a_command_that_cannot_be_run_is_shown_too(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exception, match="not on this node"):
        run(["no-such-program"])
    assert capfd.readouterr().err == "+ no-such-program\n"


def test_nothing_is_shown_to_who_has_not_asked(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(VERBOSE)
    run(["true"])
    assert capfd.readouterr().err == ""


def test_a_command_does_not_show_what_it_runs_itself() -> None:
    assert VERBOSE not in run(["env"]).stdout


def test_commands_are_noted_for_who_asks_in_threads_too_and_for_nobody_else() -> None:
    async def ask(word: str) -> list[str]:
        with note_commands() as lines:
            await asyncio.to_thread(run, ["printf", word])
            await asyncio.sleep(0)
            return lines

    async def both() -> list[list[str]]:
        return list(await asyncio.gather(ask("one"), ask("two")))

    assert asyncio.run(both()) == [["+ printf one"], ["+ printf two"]]
