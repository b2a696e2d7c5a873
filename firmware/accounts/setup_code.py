"""The setup code: who sees it on the node's console, or is root there, may choose the first password of the web UI.

It is random and lasts until there is a password, or until the node boots again.
"""

import hmac
import os
import secrets
from pathlib import Path

from firmware import files
from firmware.accounts import register
from firmware.errors import Refused
from firmware.locks import ACCOUNTS, hold

FILE = Path("/run/firmware/wui/setup-code")
#: without those that look like others
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
#: groups of characters, and characters of a group: 59 bits
GROUPS, LENGTH = 3, 4


def is_wanted(*, accounts: Path = register.FILE) -> bool:
    """Is there no account yet? Damaged where nobody can tell."""
    return not register.read(accounts)


def setup_code(*, path: Path = FILE, accounts: Path = register.FILE, lock: Path = ACCOUNTS) -> str:
    """The code, made now if there is none. Refused once somebody has a password."""
    with hold(lock):
        if not is_wanted(accounts=accounts):
            raise Refused("there are accounts already: no setup code is needed", "account list; account password NAME")
        if not path.exists():
            path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            files.write(path, _make().encode(), mode=0o600, owner=(os.getuid(), os.getgid()))
        return path.read_text()


def is_code(word: str, code: str) -> bool:
    """Is it the code, however it is spelled?"""
    return hmac.compare_digest(_plain(word).encode(), _plain(code).encode())


def forget(path: Path = FILE) -> None:
    """It counts no more."""
    path.unlink(missing_ok=True)


def _plain(word: str) -> str:
    return "".join(letter for letter in word.lower()[:64] if letter in ALPHABET)


def _make() -> str:
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(LENGTH)) for _ in range(GROUPS))
