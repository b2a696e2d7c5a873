"""What fits a unit, and what only by a flag."""

from dataclasses import replace

import pytest

from firmware.errors import Refused
from firmware.upgrade.bundle import Bundle
from firmware.upgrade.decision import Allowed, ThisUnit, is_newer, is_the_same, require_fit

UNIT = ThisUnit("pc", "1.10", slot_size=1000, peer=(1, 2))
BUNDLE = Bundle("pc", "1.11", (2, 3), 1, 1000, "0" * 64)


def refusal(bundle: Bundle, allowed: Allowed = Allowed(), unit: ThisUnit = UNIT) -> str:  # noqa: B008
    try:
        require_fit(bundle, unit, allowed)
    except Refused as error:
        return f"{error} ({error.hint})"
    return ""


def test_a_newer_version_for_this_model_fits() -> None:
    assert refusal(BUNDLE) == ""


@pytest.mark.parametrize(
    ("bundle", "allowed", "words"),
    [
        (replace(BUNDLE, model="arm"), Allowed(other_model=True), "--other-model"),
        (replace(BUNDLE, version="1.9"), Allowed(downgrade=True), "--downgrade"),
        (replace(BUNDLE, version="1.10"), Allowed(downgrade=True), "--downgrade"),
        (replace(BUNDLE, version="new"), Allowed(downgrade=True), "--downgrade"),
        (replace(BUNDLE, protocols=(3, 4)), Allowed(other_protocols=True), "--other-protocols"),
    ],
    ids=["model", "older", "the same", "no number", "protocols"],
)
def test_each_flag_allows_its_own_and_nothing_else(bundle: Bundle, allowed: Allowed, words: str) -> None:
    assert words in refusal(bundle)
    others = Allowed(not allowed.downgrade, not allowed.other_model, not allowed.other_protocols)
    assert words in refusal(bundle, others)
    assert refusal(bundle, allowed) == ""


def test_nothing_makes_a_slot_larger() -> None:
    assert "1001 bytes" in refusal(replace(BUNDLE, size=1001), Allowed(True, True, True))


def test_a_peer_that_is_not_known_is_in_nobodys_way() -> None:
    assert refusal(replace(BUNDLE, protocols=(9, 9)), unit=replace(UNIT, peer=None)) == ""


def test_the_version_that_runs_is_skipped_unless_it_is_asked_for() -> None:
    assert is_the_same(replace(BUNDLE, version="1.10"), UNIT, Allowed())
    assert not is_the_same(replace(BUNDLE, version="1.10"), UNIT, Allowed(downgrade=True))
    assert not is_the_same(BUNDLE, UNIT, Allowed())


@pytest.mark.parametrize(
    ("version", "than", "newer"),
    [("1.10", "1.9", True), ("1.9", "1.10", False), ("1.0", "1", False), ("2", "1.9.9", True), ("1.0rc1", "0.9", False),
     ("1", "x", False), ("0.3.1", "0.3.0", True)],
)  # fmt: skip
def test_versions_are_compared_by_their_numbers(version: str, than: str, newer: bool) -> None:
    assert is_newer(version, than) is newer
