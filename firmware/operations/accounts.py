"""Who may use the web UI and its API: what `account list|add|password|del|token|code` do.

Whoever loses an account or its password is logged out at once.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from firmware.accounts import passwords, register, sessions, setup_code, tokens
from firmware.accounts.register import Account, Accounts, Token
from firmware.errors import Usage
from firmware.sync import audit
from firmware.sync.audit import Who

#: characters that the label of a token may have
MAX_LABEL = 64


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token by its label, and when it was made (seconds since the epoch)."""

    label: str
    since: float


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account, its role, its tokens, and how often it is logged in now."""

    name: str
    role: str
    tokens: tuple[TokenRow, ...]
    sessions: int

    def json(self) -> dict[str, Any]:
        """One element of what `account list --json` prints."""
        return {**asdict(self), "tokens": [asdict(one) for one in self.tokens]}


def list_accounts() -> tuple[AccountRow, ...]:
    """All accounts, by name."""
    live = [one.session.account for one in sessions.live_sessions()]
    return tuple(_row(one, live.count(one.name)) for one in register.read())


def _row(account: Account, count: int) -> AccountRow:
    rows = tuple(TokenRow(token.label, token.since) for token in account.tokens)
    return AccountRow(account.name, account.role, rows, count)


def add(name: str, role: str, password: str, *, who: Who) -> None:
    """Add an account. Refused if it is there, Usage for a name, a role or a password that is none. The first one has the role
    admin: there would be nobody to add others."""
    require_addable(name, role)
    passwords.require_acceptable(password)
    new = Account(name, role, passwords.hash_password(password))
    _change(lambda old: register.add(new, old), "account add", who, account=name, role=role)
    setup_code.forget()


def require_addable(name: str, role: str) -> None:
    """Usage or Refused if there can be no such new account: before somebody thinks of a password for it."""
    if role not in register.ROLES:
        raise Usage(f"{role[:40]!r}: a role is one of {', '.join(register.ROLES)}")
    accounts = register.read()
    register.add(Account(name, role, ""), accounts)
    if not accounts and role != register.ADMIN:
        raise Usage(f"account {name}: the first account has the role {register.ADMIN}", f"account add {name}")


def require_known(name: str) -> None:
    """Failure if there is no such account."""
    register.require(name, register.read())


def set_password(
    name: str, password: str, *, who: Who, keep: str = "", announce: Callable[[Account], None] = lambda _: None
) -> None:
    """Give an account another password, and end its sessions but the one that is named; its tokens stay. `announce` is told
    of the account as it will be, before it is so."""
    require_known(name)
    passwords.require_acceptable(password)
    made = passwords.hash_password(password)

    def edit(old: Accounts) -> Accounts:
        new = replace(register.require(name, old), password=made)
        announce(new)
        return register.update(new, old)

    _change(edit, "account password", who, account=name)
    sessions.end_all(name, but=keep)


def delete(name: str, *, who: Who) -> None:
    """Delete an account with its tokens, and end its sessions. Refused for the last one with role admin."""
    _change(lambda old: register.delete(name, old), "account del", who, account=name)
    sessions.end_all(name)


def make_token(name: str, label: str, *, who: Who) -> str:
    """A new token of that account; nobody will be able to read it again."""
    if not label.strip() or len(label) > MAX_LABEL or not label.isprintable():
        raise Usage(f"the label of a token: up to {MAX_LABEL} printable characters")
    token = tokens.make()
    new = Token(label, tokens.digest(token), round(time.time(), 3))
    _change(lambda old: register.add_token(name, new, old), "account token", who, account=name, label=label)
    return token


def delete_token(name: str, label: str, *, who: Who) -> None:
    """Have a token count no more, and end the sessions of it."""
    _change(lambda old: register.delete_token(name, label, old), "account token del", who, account=name, label=label)
    for one in sessions.live_sessions():
        if (one.session.account, one.session.token) == (name, label):
            sessions.end(one.session.id)


def first_code() -> str:
    """The setup code with which the first password is chosen in the browser. Refused once there is one."""
    return setup_code.setup_code()


def _change(edit: register.Edit, event: str, who: Who, **about: Any) -> None:
    details: Mapping[str, Any] = about
    register.change(edit)
    audit.note(event, who=who, result="done", **details)
