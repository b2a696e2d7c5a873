"""Logging in: passwords, tokens, the setup code, and what is kept of them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from firmware.accounts import login, passwords, register, setup_code, tokens
from firmware.accounts.attempts import Slowed
from firmware.accounts.login import Denied, Places
from firmware.accounts.register import ADMIN, MONITOR, Account, Token
from firmware.errors import Damaged, Failure, Refused, Usage

HERE = "192.0.2.7"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    names = ("accounts.json", "code", "attempts.json", "a.lock", "p.lock", "t.lock")
    return Places(*(tmp_path / name for name in names))


@pytest.fixture
def admin(places: Places) -> Account:
    account = Account("admin", ADMIN, passwords.hash_password("correct horse", lock=places.password_lock))
    change(places, account)
    return account


def change(places: Places, *accounts: Account) -> None:
    register.change(lambda _: accounts, path=places.accounts, lock=places.accounts_lock)


def test_the_password_of_an_account_lets_in(places: Places, admin: Account) -> None:
    assert login.by_password("admin", "correct horse", HERE, places) == admin


@pytest.mark.parametrize(
    ("name", "password"),
    [("admin", "correct horsf"), ("admin", ""), ("nobody", "correct horse"), ("", ""), ("admin", "x" * 100_000), ("admin", "\ud800")],
)  # fmt: skip
def test_anything_else_does_not_and_does_not_say_which_is_wrong(
    places: Places, admin: Account, name: str, password: str
) -> None:
    with pytest.raises(Denied, match="wrong user or password"):
        login.by_password(name, password, HERE, places)


def test_guessing_is_slowed_and_the_password_works_from_another_address(places: Places, admin: Account) -> None:
    said = [_refusal(places, "wrong") for _ in range(6)]
    assert said[0] is Denied and said[-1] is Slowed
    assert login.by_password("admin", "correct horse", "192.0.2.99", places) == admin
    with pytest.raises(Slowed):
        login.by_password("admin", "correct horse", HERE, places)


def _refusal(places: Places, password: str) -> type[Failure]:
    with pytest.raises(Failure) as raised:
        login.by_password("admin", password, HERE, places)
    return type(raised.value)


def test_no_password_is_kept(places: Places, admin: Account) -> None:
    text = places.accounts.read_text()
    assert "horse" not in text and "scrypt$16384$8$1$" in text
    assert places.accounts.stat().st_mode & 0o777 == 0o600


def test_a_token_lets_in_and_only_its_digest_is_kept(places: Places, admin: Account) -> None:
    token = tokens.make()
    change(places, replace(admin, tokens=(Token("backup", tokens.digest(token), 1.0),)))
    account, label = login.by_token(token, HERE, places)
    assert (account.name, label) == ("admin", "backup")
    assert token not in places.accounts.read_text()
    with pytest.raises(Denied):
        login.by_token(token[:-1], HERE, places)
    with pytest.raises(Denied):
        login.by_token(tokens.digest(token), HERE, places)


def test_the_setup_code_makes_the_first_account_once(places: Places) -> None:
    code = setup_code.setup_code(path=places.code, accounts=places.accounts, lock=places.accounts_lock)
    with pytest.raises(Denied):
        login.by_setup_code("aaaa-aaaa-aaaa", "a new password", HERE, places)
    with pytest.raises(Usage, match="8 characters"):
        login.by_setup_code(code, "short", HERE, places)

    first = login.by_setup_code(code.upper().replace("-", " "), "a new password", HERE, places)

    assert (first.name, first.role) == ("admin", ADMIN)
    assert not places.code.exists()
    with pytest.raises(Refused):
        login.by_setup_code(code, "another password", HERE, places)
    assert login.by_password("admin", "a new password", HERE, places).name == "admin"


def test_damaged_accounts_are_no_reason_to_begin_anew(places: Places) -> None:
    """Who damages the file must not get a setup code for it."""
    for damage in ("{", '{"format": 1}', '{"format": 1, "accounts": [{"name": "../x"}]}'):
        places.accounts.write_text(damage)
        with pytest.raises(Damaged):
            setup_code.setup_code(path=places.code, accounts=places.accounts, lock=places.accounts_lock)
        with pytest.raises(Damaged):
            login.by_password("admin", "x", HERE, places)


def test_guessing_the_setup_code_is_slowed(places: Places) -> None:
    said = []
    for _ in range(6):
        with pytest.raises(Failure) as raised:
            login.by_setup_code("aaaa", "a new password", HERE, places)
        said.append(type(raised.value))
    assert said[-1] is Slowed


def test_the_last_admin_cannot_be_deleted() -> None:
    accounts = (Account("admin", ADMIN, ""), Account("night", MONITOR, ""))
    with pytest.raises(Refused, match="the last one"):
        register.delete("admin", accounts)
    assert register.delete("night", accounts) == accounts[:1]


@pytest.mark.parametrize("name", ["", "Admin", "../x", "a b", "-x", "a" * 33, "ä", "a\n"])
def test_names_that_no_account_can_have(name: str) -> None:
    with pytest.raises(Usage):
        register.add(Account(name, ADMIN, ""), ())


def test_a_file_of_a_newer_firmware_is_left_alone(places: Places) -> None:
    places.accounts.write_text(json.dumps({"format": 99, "accounts": []}))
    with pytest.raises(Failure, match="newer firmware"):
        register.read(places.accounts)
