"""The accounts of the web UI, as /etc/wui/accounts.json has them: a file that only root reads."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from firmware import files, records
from firmware.errors import Failure, Refused, Usage
from firmware.locks import ACCOUNTS, hold

ACCOUNT = re.compile(r"[a-z][a-z0-9._-]{0,31}", re.ASCII)
FILE = Path("/etc/wui/accounts.json")
#: of the record
FORMAT = 1
#: what the roles may: everything, or only look
ADMIN, MONITOR = "admin", "monitor"
ROLES = (ADMIN, MONITOR)
#: the account that the first password is for
FIRST = "admin"
#: how many there may be, and how many tokens each
MOST, MOST_TOKENS = 64, 16

_HINT = "config rollback N brings back an older one; rm /etc/wui/accounts.json, and account code, to begin anew"


@dataclass(frozen=True, slots=True)
class Token:
    """A token of the API: its label, the SHA-256 of it in hexadecimal digits, when it was made (seconds since the epoch)."""

    label: str
    digest: str
    since: float


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may log in: name, role, the hash of the password (see `passwords`), tokens."""

    name: str
    role: str
    password: str
    tokens: tuple[Token, ...] = ()


Accounts = tuple[Account, ...]


Edit = Callable[[Accounts], Accounts]


def read(path: Path = FILE) -> Accounts:
    """All accounts, by name; none where there is no such file. Damaged if it is not what was written."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return ()
    return parse(data, str(path))


def parse(data: bytes, what: str) -> Accounts:
    """The accounts in such a file, which `what` names in messages; Damaged if it is not what was written."""
    body = records.load(data, FORMAT, what, hint=_HINT)
    with records.interpreting(what, _HINT):
        return tuple(_account(one) for one in records.typed_value(body, "accounts", list))


def _account(body: Mapping[str, Any]) -> Account:
    name, role, password = (records.typed_value(body, key, str) for key in ("name", "role", "password"))
    if not ACCOUNT.fullmatch(name) or role not in ROLES:
        raise ValueError("a name or a role that there is not")
    tokens = (Token(**token) for token in records.typed_value(body, "tokens", list))
    return Account(name, role, password, tuple(tokens))


def change(edit: Edit, *, path: Path = FILE, lock: Path = ACCOUNTS) -> None:
    """Replace the accounts by what `edit` makes of them; nobody else changes them meanwhile."""
    with hold(lock):
        new = sorted(edit(read(path)), key=lambda one: one.name)
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        body = {"accounts": [asdict(one) for one in new]}
        files.write(path, records.dump(body, FORMAT, indent=1) + b"\n", mode=0o600, owner=(os.getuid(), os.getgid()))


def find(name: str, accounts: Accounts) -> Account | None:
    """The account of that name."""
    return next((one for one in accounts if one.name == name), None)


def require(name: str, accounts: Accounts) -> Account:
    """The same; Failure if there is none."""
    if (found := find(name, accounts)) is None:
        raise Failure(f"account {name}: there is no such account", "account list")
    return found


def add(new: Account, accounts: Accounts) -> Accounts:
    """With that one, too. Usage for a name that none can have, Refused if it is there already."""
    require_name(new.name)
    if find(new.name, accounts):
        raise Refused(f"account {new.name}: it is there already", f"account password {new.name}")
    if len(accounts) >= MOST:
        raise Refused(f"account {new.name}: there are {MOST} already", "account del NAME")
    return (*accounts, new)


def require_name(name: str) -> None:
    """Usage for a name that no account can have."""
    if not ACCOUNT.fullmatch(name):
        raise Usage(f"{name[:40]!r}: an account is named with a-z, 0-9, . _ -, up to 32 of them, a letter first")


def update(new: Account, accounts: Accounts) -> Accounts:
    """With that one in the place of the one of its name."""
    require(new.name, accounts)
    return tuple(new if one.name == new.name else one for one in accounts)


def delete(name: str, accounts: Accounts) -> Accounts:
    """Without that one. Refused for the last one that may do everything: nobody could log in and change something."""
    gone = require(name, accounts)
    left = tuple(one for one in accounts if one is not gone)
    if not any(one.role == ADMIN for one in left):
        raise Refused(
            f"account {name}: it is the last one with role {ADMIN}", "account add NAME makes another one first"
        )
    return left


def add_token(name: str, new: Token, accounts: Accounts) -> Accounts:
    """With one more token of that account; Refused if it has one of that label."""
    account = require(name, accounts)
    if any(token.label == new.label for token in account.tokens):
        raise Refused(f"account {name}: it has a token {new.label!r} already", "give it another label")
    if len(account.tokens) >= MOST_TOKENS:
        raise Refused(f"account {name}: it has {MOST_TOKENS} tokens already", "revoke one that nobody uses")
    return update(replace(account, tokens=(*account.tokens, new)), accounts)


def delete_token(name: str, label: str, accounts: Accounts) -> Accounts:
    """Without the token of that label; Failure if there is none."""
    account = require(name, accounts)
    left = tuple(token for token in account.tokens if token.label != label)
    if len(left) == len(account.tokens):
        raise Failure(f"account {name}: it has no token {label!r}", "account list --json names them")
    return update(replace(account, tokens=left), accounts)
