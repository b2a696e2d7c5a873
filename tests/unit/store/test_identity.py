"""The identity partition: written once, read back, locked; whatever is damaged fails closed."""

from pathlib import Path

import pytest

from firmware import records
from firmware.errors import Damaged, Failure, NewerFormat, Refused
from firmware.identity import Identity, parse
from firmware.store import flash, identity
from firmware.store.paths import Paths

ONE = Identity("LB-0001", "LB 100", "lb1", "", {"eth0": "02:00:5e:00:00:01"})
OTHER = Identity("LB-0002", "LB 100", "lb2", "", {})
NOW = "2026-11-28T09:00:00Z"


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    (tmp_path / "identity").mkdir()
    return Paths(tmp_path / "etc", tmp_path / "factory", tmp_path / "identity", tmp_path / "run")


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def test_a_record_is_the_same_whenever_it_is_written() -> None:
    twice = (
        Identity("A", "m", "h", "", {"eth1": "b", "eth0": "a"}),
        Identity("A", "m", "h", "", {"eth0": "a", "eth1": "b"}),
    )
    assert twice[0].dump() == twice[1].dump() and parse(twice[0].dump(), "x") == twice[0]


def test_it_is_written_once_then_locked(paths: Paths, lock: Path) -> None:
    assert identity.standing(paths, lock=lock) == identity.Standing()
    done = identity.write(ONE, paths, lock=lock)
    assert (done.identity, done.digest, done.is_locked) == (ONE, ONE.digest, False)
    with pytest.raises(Refused, match="LB-0001"):
        identity.write(OTHER, paths, lock=lock)
    assert identity.close("LB-0001", ONE.digest, NOW, paths, lock=lock).locked_at == NOW
    assert identity.close("LB-0001", ONE.digest, "later", paths, lock=lock).locked_at == NOW
    with pytest.raises(Refused, match="for good"):
        identity.write(OTHER, paths, replaces="LB-0001", lock=lock)
    assert identity.write(ONE, paths, lock=lock).is_locked, "the same again changes nothing"
    assert not identity.open_again(paths, lock=lock).is_locked
    assert identity.write(OTHER, paths, replaces="LB-0001", lock=lock).identity == OTHER


@pytest.mark.parametrize("left", [".identity.json.new", ".lock.json.new"])
def test_what_a_power_cut_left_counts_for_nothing(paths: Paths, lock: Path, left: str) -> None:
    (paths.flash / left).write_bytes(OTHER.dump()[:40])
    assert identity.standing(paths, lock=lock).identity is None
    assert identity.write(ONE, paths, lock=lock).identity == ONE
    assert not (paths.flash / left).exists()


def test_a_write_that_does_not_arrive_is_said_and_leaves_nothing(
    paths: Paths, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flash, "_is_there", lambda path, pieces: False)
    with pytest.raises(Failure, match="what was read back is not what was written"):
        identity.write(ONE, paths, lock=lock)
    assert list(paths.flash.iterdir()) == []


DAMAGED = {
    "half of the identity": lambda paths: (paths.flash / "identity.json").write_bytes(ONE.dump()[:50]),
    "another identity under the lock": lambda paths: (paths.flash / "identity.json").write_bytes(OTHER.dump()),
    "no identity under the lock": lambda paths: (paths.flash / "identity.json").unlink(),
    "half of the lock": lambda paths: (paths.flash / "lock.json").write_bytes(b'{"format": 1, "dig'),
    "a lock of a newer firmware": lambda paths: (paths.flash / "lock.json").write_bytes(records.dump({}, 9)),
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_damage_fails_closed(paths: Paths, lock: Path, damage: object) -> None:
    identity.write(ONE, paths, lock=lock)
    identity.close("LB-0001", ONE.digest, NOW, paths, lock=lock)
    damage(paths)  # type: ignore[operator]
    for act in (lambda: identity.standing(paths, lock=lock), lambda: identity.write(ONE, paths, lock=lock)):
        with pytest.raises((Damaged, NewerFormat)):
            act()


@pytest.mark.parametrize("damage", list(DAMAGED.values())[:4], ids=list(DAMAGED)[:4])
def test_the_console_gets_a_damaged_unit_back_to_the_factory(paths: Paths, lock: Path, damage: object) -> None:
    identity.write(ONE, paths, lock=lock)
    identity.close("LB-0001", ONE.digest, NOW, paths, lock=lock)
    damage(paths)  # type: ignore[operator]
    left = identity.open_again(paths, lock=lock)
    assert not left.is_locked
    serial = left.identity.serial if left.identity else ""
    assert identity.write(ONE, paths, replaces=serial, lock=lock).identity == ONE


def test_only_what_is_there_is_locked(paths: Paths, lock: Path) -> None:
    with pytest.raises(Refused, match="none"):
        identity.close("LB-0001", ONE.digest, NOW, paths, lock=lock)
    identity.write(ONE, paths, lock=lock)
    with pytest.raises(Refused, match="not LB-0002"):
        identity.close("LB-0002", OTHER.digest, NOW, paths, lock=lock)
    with pytest.raises(Refused, match="not locked"):
        identity.open_again(paths, lock=lock)


def test_a_node_without_a_partition_has_no_identity(tmp_path: Path, lock: Path) -> None:
    found = identity.standing(Paths(flash=tmp_path / "none"), device=tmp_path / "no-device", lock=lock)
    assert (found.has_partition, found.identity, found.is_locked) == (False, None, False)
