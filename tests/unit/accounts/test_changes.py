"""Which accounts of the web UI come with a configuration, go or change, in words; no digest is among them."""

import json
from dataclasses import asdict, replace

import pytest

from firmware import records
from firmware.accounts import register
from firmware.accounts.changes import account_changes
from firmware.accounts.register import Account, Token

ADMIN = Account("admin", "admin", "scrypt$one", (Token("backup", "d1", 1.0),))
EVE = Account("eve", "monitor", "scrypt$eve")


def written(*accounts: Account) -> bytes:
    return records.dump({"accounts": [asdict(one) for one in accounts]}, register.FORMAT)


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ((ADMIN, EVE), []),
        ((ADMIN,), ["eve: gone"]),
        ((ADMIN, EVE, replace(EVE, name="mal", role="admin", tokens=ADMIN.tokens)), ["mal: added, role admin, with 1 token"]),
        ((ADMIN, replace(EVE, role="admin")), ["eve: role admin, before monitor"]),
        ((ADMIN, replace(EVE, password="scrypt$x")), ["eve: another password"]),
        ((replace(ADMIN, tokens=(Token("backup", "d2", 1.0),)), EVE), ["admin: token 'backup': added", "admin: token 'backup': gone"]),
        ((replace(ADMIN, tokens=()), EVE), ["admin: token 'backup': gone"]),
        ((replace(ADMIN, tokens=(Token("night", "d1", 2.0),)), EVE), []),
    ],
)  # fmt: skip
def test_each_account_that_came_went_or_changed_is_named(new: tuple[Account, ...], said: list[str]) -> None:
    found = list(account_changes(written(ADMIN, EVE), written(*new)))
    assert found == [f"account of the web UI {line}" for line in said]
    assert not [word for word in ("scrypt", "d1", "d2") if word in json.dumps(found)]


@pytest.mark.parametrize("new", [b"", written()])
def test_that_none_is_left_is_said(new: bytes) -> None:
    first, *others = account_changes(written(ADMIN), new)
    assert "none is left" in first and "setup code" in first and others == ["account of the web UI admin: gone"]


def test_accounts_that_cannot_be_read_are_said_to_be_so() -> None:
    (line,) = account_changes(written(ADMIN), b"{")
    assert "cannot be read" in line
    assert list(account_changes(b"{", written(EVE))) == ["account of the web UI eve: added, role monitor"]
    assert list(account_changes(b"", b"")) == list(account_changes(b"{", b"{")) == []
