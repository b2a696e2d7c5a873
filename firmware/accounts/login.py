"""Logging in: whose credential is it? The one place that says so, whoever asks."""

from dataclasses import dataclass
from pathlib import Path

from firmware import locks
from firmware.accounts import attempts, passwords, register, setup_code, tokens
from firmware.accounts.register import ADMIN, FIRST, Account
from firmware.errors import Failure, Refused


class Denied(Failure):
    """No account has this credential."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where accounts, setup code, attempts and their locks are."""

    accounts: Path = register.FILE
    code: Path = setup_code.FILE
    attempts: Path = attempts.FILE
    accounts_lock: Path = locks.ACCOUNTS
    password_lock: Path = locks.PASSWORD
    attempts_lock: Path = locks.ATTEMPTS


def by_password(name: str, password: str, address: str, places: Places = Places()) -> Account:
    """The account of that name, if this is its password; Denied, or Slowed. Whether there is such an account does not show."""
    account = register.find(name, register.read(places.accounts))
    known = account.name if account else ""
    _begin(known, address, places)
    kept = account.password if account else ""
    if not passwords.is_password(password[: passwords.MOST + 1], kept, lock=places.password_lock) or account is None:
        raise Denied("wrong user or password", "account list, on the node, names the accounts; account password NAME")
    _note_success(known, address, places)
    return account


def by_token(token: str, address: str, places: Places = Places()) -> tuple[Account, str]:
    """Whose token it is, and its label; Denied, or Slowed for who guesses."""
    account = tokens.owner(token, register.read(places.accounts))
    if account is None:
        _begin("token", address, places)
        raise Denied("the token is nobody's", "account token NAME, on the node, makes one")
    digest = tokens.digest(token)
    return account, next(one.label for one in account.tokens if one.digest == digest)


def by_setup_code(word: str, password: str, address: str, places: Places = Places()) -> Account:
    """Make the first account, with that password, if the word is the setup code; Denied, Slowed, Usage for a password that
    is none, Refused once there is an account."""
    code = setup_code.setup_code(path=places.code, accounts=places.accounts, lock=places.accounts_lock)
    _begin("setup code", address, places)
    if not setup_code.is_code(word, code):
        raise Denied("wrong setup code", "the console shows it; account code, on the node, too")
    _note_success("setup code", address, places)
    passwords.require_acceptable(password)
    first = Account(FIRST, ADMIN, passwords.hash_password(password, lock=places.password_lock))
    register.change(lambda old: _only(first, old), path=places.accounts, lock=places.accounts_lock)
    setup_code.forget(places.code)
    return first


def _only(first: Account, old: register.Accounts) -> register.Accounts:
    if old:
        raise Refused("somebody else has chosen the first password meanwhile", "log in")
    return (first,)


def _begin(account: str, address: str, places: Places) -> None:
    attempts.begin(account, address, path=places.attempts, lock=places.attempts_lock)


def _note_success(account: str, address: str, places: Places) -> None:
    attempts.note_success(account, address, path=places.attempts, lock=places.attempts_lock)
