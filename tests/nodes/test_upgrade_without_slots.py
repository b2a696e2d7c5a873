"""A node that was not started from a disk has no slots, and says so."""

import pytest
from lab_driver import Lab


@pytest.mark.parametrize("words", [("status",), ("status", "--json"), ("confirm",), ("rollback",)], ids=" ".join)
def test_a_lab_node_says_that_it_has_no_slots(lab: Lab, words: tuple[str, ...]) -> None:
    done = lab.run(1, "upgrade", *words, check=False)
    assert (done.status, done.stdout) == (1, "")
    assert done.stderr.startswith(f"upgrade {words[0]}: this node has no slots")


def test_the_program_names_its_verbs(lab: Lab) -> None:
    said = lab.run(1, "upgrade", "--help").stdout
    assert all(f"upgrade {verb}" in said for verb in ("status", "install", "confirm", "rollback"))


def test_its_help_says_what_each_flag_is_for(lab: Lab) -> None:
    said = lab.run(1, "upgrade", "install", "--help").stdout
    assert all(f"\n{flag}: " in said for flag in ("--downgrade", "--other-model", "--other-protocols", "--reboot"))
