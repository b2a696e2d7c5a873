"""Whether what a session was opened with still counts. Accounts change in many ways: by `account`, by a rollback, a restore or a
reset, by hand; so a session asks the file itself, each time, and believes no time stamp: a restore sets those back, too.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from firmware.accounts import register
from firmware.accounts.register import Account
from firmware.errors import Failure


class Standing:
    """A credential (the hash of a password, or the digest of a token) as its account had it at the login, with its role."""

    def __init__(self, account: Account, credential: str, path: Path = register.FILE) -> None:
        self._name, self._path = account.name, path
        self._proofs = {_proof(account.role, credential)}

    def counts(self) -> bool:
        """Does the account have it now, with the role of then? Once it has not, it never counts again. Damaged or OSError where
        the accounts cannot be read."""
        account = register.find(self._name, register.read(self._path))
        if account is None or self._proofs.isdisjoint(_all_proofs(account)):
            self._proofs.clear()
        return bool(self._proofs)

    def is_lost(self) -> bool:
        """Is it known that it does not count? Accounts that cannot be read say nothing; whoever edits them may be in the
        middle of it."""
        try:
            return not self.counts()
        except (Failure, OSError):
            return False

    def accept_password(self, account: Account) -> None:
        """Have it count for the account as it is about to be, too: who changes their own password stays logged in."""
        self._proofs.add(_proof(account.role, account.password))


def _all_proofs(account: Account) -> Iterator[str]:
    for credential in (account.password, *(token.digest for token in account.tokens)):
        yield _proof(account.role, credential)


def _proof(role: str, credential: str) -> str:
    return hashlib.sha256(f"{role}\0{credential}".encode()).hexdigest()
