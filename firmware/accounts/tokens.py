"""Tokens of the API: random texts of which only the SHA-256 is kept."""

import hashlib
import hmac
import secrets

from firmware.accounts.register import Account, Accounts

#: how each begins, so that who finds one knows what it is
PREFIX = "csyncd_"


def make() -> str:
    """A new token, of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What is kept of it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def owner(token: str, accounts: Accounts) -> Account | None:
    """Whose it is; None if it is nobody's."""
    wanted = digest(token)
    found = [one for one in accounts for kept in one.tokens if hmac.compare_digest(kept.digest, wanted)]
    return found[0] if found else None
