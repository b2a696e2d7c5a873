"""Who may use the web UI and its API."""

from dataclasses import dataclass
from typing import Literal

from firmware.accounts import login
from firmware.accounts.login import Denied
from firmware.accounts.register import Account
from firmware.errors import Failure, Refused
from firmware.operations import accounts
from firmware.operations.accounts import AccountRow, TokenRow
from firmware.session.endpoint import ADMIN, MONITOR, Call, Channel, Endpoint, NotFound
from firmware.session.problem import HttpProblem


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account that is to be."""

    name: str
    password: str
    role: Literal["admin", "monitor"] = "admin"


@dataclass(frozen=True, slots=True)
class NewPassword:
    """A new password; who changes their own gives the old one, too."""

    password: str
    old: str = ""


@dataclass(frozen=True, slots=True)
class NewToken:
    """The label of a token that is to be."""

    label: str


@dataclass(frozen=True, slots=True)
class MadeToken:
    """A token, which is shown this once."""

    label: str
    token: str


def list_all() -> list[AccountRow]:
    """All accounts."""
    return list(accounts.list_accounts())


def add(call: Call, body: NewAccount) -> AccountRow:
    """Add an account."""
    accounts.add(body.name, body.role, body.password, who=call.who)
    return AccountRow(body.name, body.role, (), 0)


def set_password(call: Call, name: str, body: NewPassword) -> None:
    """Give an account another password: one's own with the old one, another one as admin."""
    if name == call.session.account:
        try:
            login.by_password(name, body.old, call.address)
        except Denied:
            raise Refused("the old password is another one: nothing was changed") from None
    elif call.role != ADMIN:
        raise HttpProblem(403, "this is not your own account", "log in with an account of role admin")
    _require_known(name)
    accept = call.accept_password if name == call.session.account else _ignore
    accounts.set_password(name, body.password, who=call.who, keep=call.session.id, announce=accept)


def delete(call: Call, name: str) -> None:
    """Delete an account."""
    _require_known(name)
    accounts.delete(name, who=call.who)


def list_tokens(name: str) -> list[TokenRow]:
    """The tokens of an account, by their labels."""
    _require_known(name)
    return [token for row in accounts.list_accounts() if row.name == name for token in row.tokens]


def make_token(call: Call, name: str, body: NewToken) -> MadeToken:
    """Make a token."""
    _require_known(name)
    return MadeToken(body.label, accounts.make_token(name, body.label, who=call.who))


def delete_token(call: Call, name: str, label: str) -> None:
    """Have a token count no more."""
    if label not in [token.label for token in list_tokens(name)]:
        raise NotFound(f"account {name}: it has no token of that label")
    accounts.delete_token(name, label, who=call.who)


def _ignore(account: Account) -> None:
    """For another account's password, which is nothing to this session."""


def _require_known(name: str) -> None:
    try:
        accounts.require_known(name)
    except Failure as error:
        raise NotFound(str(error), error.hint) from None


ENDPOINTS = (
    Endpoint("GET", "/accounts", ADMIN, "all accounts", list_all),
    Endpoint(
        "POST", "/accounts", ADMIN, "add an account", add,
        {"name": "night", "role": "monitor", "password": "look but do not touch"},
    ),
    Endpoint(
        "PUT", "/accounts/{name}/password", MONITOR, "another password: one's own with the old one, any as admin",
        set_password, {"old": "what it was", "password": "what it is to be"},
    ),
    Endpoint("DELETE", "/accounts/{name}", ADMIN, "delete an account with its tokens; it is logged out", delete),
    Endpoint("GET", "/accounts/{name}/tokens", ADMIN, "the tokens of an account, by label", list_tokens),
    Endpoint("POST", "/accounts/{name}/tokens", ADMIN, "a new token, shown this once", make_token, {"label": "backup"}),
    Endpoint("DELETE", "/accounts/{name}/tokens/{label}", ADMIN, "have a token count no more", delete_token),
)  # fmt: skip
CHANNELS: tuple[Channel, ...] = ()
