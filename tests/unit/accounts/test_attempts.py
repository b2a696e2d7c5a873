"""Attempts to log in: guessing is slowed, and nobody is locked out for long."""

from pathlib import Path

import pytest

from firmware.accounts import attempts
from firmware.accounts.attempts import APART, FREE, FREE_OF_ACCOUNT, FREE_OF_ADDRESS, LONGEST, Slowed

HERE, ELSEWHERE = "192.0.2.7", "192.0.2.8"


class Door:
    """Where somebody tries to log in, with a clock that the test sets."""

    def __init__(self, place: Path) -> None:
        self.file, self.lock, self.now = place / "attempts.json", place / "lock", 1000.0

    def fail(self, account: str = "admin", address: str = HERE) -> float:
        """Try once; returns the seconds to wait, 0 if it counted."""
        try:
            attempts.begin(account, address, path=self.file, lock=self.lock, now=self.now)
        except Slowed as error:
            return error.seconds
        return 0.0

    def succeed(self, account: str = "admin", address: str = HERE) -> None:
        assert self.fail(account, address) == 0
        attempts.note_success(account, address, path=self.file, lock=self.lock)

    def guesses_within(self, seconds: float, address: str = HERE) -> int:
        """How many guesses count of one who tries every second."""
        end, count = self.now + seconds, 0
        while self.now < end:
            count += self.fail(address=address) == 0
            self.now += 1
        return count


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


def test_a_few_mistakes_cost_nothing(door: Door) -> None:
    assert [door.fail() for _ in range(FREE)] == [0] * FREE
    assert door.fail() > 0


def test_the_wait_doubles_and_ends_at_a_minute(door: Door) -> None:
    waits = []
    for _ in range(12):
        while (wait := door.fail()) == 0:
            pass
        waits.append(wait)
        door.now += wait
    assert waits == sorted(waits)
    assert waits[0] <= 2 and waits[-1] >= LONGEST
    assert max(waits) <= LONGEST + 1


def test_ten_thousand_passwords_take_days_from_one_address(door: Door) -> None:
    assert door.guesses_within(1200) < 30


def test_a_correct_password_after_the_wait_works_and_ends_the_slowing(door: Door) -> None:
    while not (wait := door.fail()):
        pass
    door.now += wait
    door.succeed()
    assert [door.fail() for _ in range(FREE)] == [0] * FREE


def test_another_address_still_gets_in(door: Door) -> None:
    door.guesses_within(600)
    assert door.fail(address=ELSEWHERE) == 0


def test_who_tries_many_accounts_is_slowed_by_address(door: Door) -> None:
    counted = sum(door.fail(account=f"user{number}") == 0 for number in range(100))
    assert counted == FREE_OF_ADDRESS


def test_many_addresses_try_one_account_every_few_seconds_at_most(door: Door) -> None:
    counted = 0
    for number in range(1000):
        counted += door.fail(address=f"10.0.{number // 250}.{number % 250}") == 0
        door.now += 0.1
    assert counted <= FREE_OF_ACCOUNT + 100 / APART + 1


def test_meanwhile_an_address_that_has_logged_in_before_gets_in_at_once(door: Door) -> None:
    door.succeed(address=HERE)
    for number in range(500):
        door.fail(address=f"10.0.{number // 250}.{number % 250}")
    assert door.fail(address=HERE) == 0
    assert door.fail(address=ELSEWHERE) > 0, "a stranger waits"


def test_many_at_once_gain_nothing(door: Door) -> None:
    """An attempt counts from its beginning, not from its end."""
    assert sum(door.fail() == 0 for _ in range(50)) == FREE


def test_what_is_long_ago_is_forgotten(door: Door) -> None:
    door.guesses_within(120)
    door.now += attempts.FORGOTTEN + 1
    assert [door.fail() for _ in range(FREE)] == [0] * FREE


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("x" * 5000, "unknown"),
        ("", "unknown"),
    ],
)
def test_addresses_of_one_subscriber_are_one(address: str, counted_as: str) -> None:
    assert attempts.network(address) == counted_as


def test_what_is_kept_is_bounded(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "MOST", 20)
    for number in range(40):
        door.now += APART
        door.fail(account="a" * 20, address=f"10.1.{number // 250}.{number % 250}")
    assert door.file.read_text().count('"count"') == 20


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"tries": 1, "known": []}'])
def test_a_damaged_file_keeps_nobody_out(door: Door, damage: str) -> None:
    door.file.write_text(damage)
    assert door.fail() == 0
