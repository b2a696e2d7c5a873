"""What a boot makes known of the identity: the copy, the serial number, and who answers on the line."""

import json
from pathlib import Path

import pytest

from firmware import identity
from firmware.flows import identity as flow
from firmware.provision.packets import Assembler, Decoder
from firmware.services.declared import system
from firmware.services.declared.system import SERVICE, clocks, names
from firmware.store.identity import Standing

ONE = identity.Identity("LB-0001", "LB 100", "lb1", "Europe/Paris", {})


def names_in(path: Path) -> set[str]:
    return {one.name for one in path.iterdir()}


def test_a_new_unit_is_open_and_a_locked_one_has_its_words(tmp_path: Path) -> None:
    flow.publish(Standing(), directory=tmp_path)
    assert names_in(tmp_path) == {"open"}
    flow.publish(Standing(ONE, ONE.digest), directory=tmp_path)
    assert names_in(tmp_path) == {"open", "identity.json", "serial"}
    flow.publish(Standing(ONE, ONE.digest, "2026-11-28T09:00:00Z"), directory=tmp_path)
    assert names_in(tmp_path) == {"locked", "identity.json", "serial"}
    assert (tmp_path / "serial").read_text() == "LB-0001\n" == identity.serial_number(tmp_path) + "\n"
    assembler = Assembler()
    (message,) = filter(None, map(assembler.add, Decoder().feed((tmp_path / "locked").read_bytes())))
    assert message.id == 0 and json.loads(message.text)["digest"] == ONE.digest


def test_somebody_answers_on_the_line_whenever_it_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script goes on only while one of the two is there."""

    def watch(standing: Standing) -> None:
        steps = []
        real, remove = flow.files.write, Path.unlink

        def write(path: Path, data: bytes) -> None:
            real(path, data)
            steps.append(names_in(tmp_path))

        def unlink(path: Path, missing_ok: bool = False) -> None:
            remove(path, missing_ok=missing_ok)
            steps.append(names_in(tmp_path))

        monkeypatch.setattr(flow.files, "write", write)
        monkeypatch.setattr(Path, "unlink", unlink)
        flow.publish(standing, directory=tmp_path)
        monkeypatch.undo()
        assert steps and all(names & {"open", "locked"} for names in steps)

    flow.publish(Standing(), directory=tmp_path)
    watch(Standing(ONE, ONE.digest))
    watch(Standing(ONE, ONE.digest, "2026-11-28T09:00:00Z"))


def test_a_node_without_a_partition_has_nobody_on_the_line(tmp_path: Path) -> None:
    flow.publish(Standing(has_partition=False), directory=tmp_path)
    assert names_in(tmp_path) == set()
    assert identity.serial_number(tmp_path) == ""


def test_the_host_name_and_the_zone_are_those_of_the_identity_unless_config_rc_says_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from firmware.rc import document
    from firmware.services.definition import Context

    def commands(text: str) -> list[list[str]]:
        config = document.parse(text, "config.rc")
        return system.setup(Context.of(SERVICE, config.blocks[0], config))

    monkeypatch.setattr(identity, "known_identity", lambda: ONE)
    assert names.identity_name() == "lb1"
    assert commands("service system\n") == [
        ["hostname", "lb1"],
        ["ln", "-sfn", f"{clocks.ZONES}/Europe/Paris", clocks.LOCAL],
    ]
    own = commands("service system\n\thostname other\n\ttimezone Asia/Tokyo\n")
    assert own == [["hostname", "other"], ["ln", "-sfn", f"{clocks.ZONES}/Asia/Tokyo", clocks.LOCAL]]
    monkeypatch.setattr(identity, "known_identity", lambda: None)
    assert commands("service system\n") == []
