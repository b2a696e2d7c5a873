"""Whether a credential still counts: as the accounts are now, whatever their file's time stamps say."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from firmware.accounts import register
from firmware.accounts.register import Account, Token
from firmware.accounts.standing import Standing
from firmware.errors import Damaged

NIGHT = Account("night", "monitor", "scrypt$night")
EVE = Account("eve", "admin", "scrypt$one", (Token("a", "aa", 1.0), Token("b", "bb", 1.0)))


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(*accounts: Account) -> Path:
        path = tmp_path / "accounts.json"
        register.change(lambda old: accounts, path=path, lock=tmp_path / "lock")
        return path

    return write


def test_a_token_counts_as_long_as_the_account_has_it_under_whatever_label(write: Callable[..., Path]) -> None:
    standing = Standing(EVE, "aa", write(NIGHT, EVE))
    assert standing.counts()
    write(NIGHT, replace(EVE, password="scrypt$two", tokens=(Token("c", "aa", 2.0),)))
    assert standing.counts() and not standing.is_lost()
    write(NIGHT, replace(EVE, tokens=(Token("a", "cc", 1.0),)))
    assert not standing.counts() and standing.is_lost()


def test_a_password_counts_whatever_becomes_of_tokens_and_other_accounts(write: Callable[..., Path]) -> None:
    standing = Standing(EVE, EVE.password, write(NIGHT, EVE))
    write(replace(EVE, tokens=()))
    assert standing.counts()
    write(replace(EVE, password=""), replace(NIGHT, password=EVE.password, role="admin"))
    assert not standing.counts()


def test_who_changes_their_own_password_goes_on_with_it_and_nobody_else(write: Callable[..., Path]) -> None:
    path = write(EVE)
    own, other = Standing(EVE, EVE.password, path), Standing(EVE, EVE.password, path)
    new = replace(EVE, password="scrypt$two")
    own.accept_password(new)
    assert own.counts()
    write(new)
    assert (own.counts(), other.counts()) == (True, False)
    write(replace(new, role="monitor"))
    assert not own.counts()


def test_what_did_not_count_once_never_does_again(write: Callable[..., Path]) -> None:
    standing = Standing(EVE, EVE.password, write(EVE))
    write().unlink()
    assert not standing.counts()
    write(EVE)
    assert not standing.counts() and standing.is_lost()


def test_accounts_that_cannot_be_read_say_nothing(write: Callable[..., Path]) -> None:
    path = write(EVE)
    standing = Standing(EVE, EVE.password, path)
    whole = path.read_bytes()
    path.write_bytes(b"")
    assert not standing.is_lost()
    with pytest.raises(Damaged):
        standing.counts()
    path.write_bytes(whole)
    assert standing.counts()
