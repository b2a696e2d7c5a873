"""Passwords: how they are kept and compared. One hash takes 16 MB and a moment, so one is worked out at a time."""

import hashlib
import hmac
import os
from pathlib import Path

from firmware.errors import Usage
from firmware.locks import PASSWORD, hold

#: of scrypt: cost, block size, parallelism; 16 MB (n times r times 128)
N, R, P = 1 << 14, 8, 1
#: characters that a password needs at least, and bytes that it may have
LEAST, MOST = 8, 1024


def require_acceptable(password: str) -> None:
    """Usage for what is too short to be a password, or too long."""
    if len(password) < LEAST:
        raise Usage(f"the password: it needs {LEAST} characters at least")
    if len(password.encode("utf-8", "surrogatepass")) > MOST:
        raise Usage(f"the password: it may have {MOST} bytes at most")


def hash_password(password: str, *, lock: Path = PASSWORD) -> str:
    """The password as it is kept: scrypt, its parameters, its salt."""
    salt = os.urandom(16)
    return "$".join(("scrypt", str(N), str(R), str(P), salt.hex(), _scrypt(password, salt, N, R, P, lock).hex()))


def is_password(password: str, kept: str, *, lock: Path = PASSWORD) -> bool:
    """Is it the one that is kept so? It takes the same time where it is not, and where nothing is kept."""
    kind, n, r, p, salt, digest = kept.split("$") if kept.count("$") == 5 else _NOBODYS
    made = _scrypt(password, bytes.fromhex(salt), int(n), int(r), int(p), lock)
    return hmac.compare_digest(made, bytes.fromhex(digest)) and kind == "scrypt"


_NOBODYS = ("none", str(N), str(R), str(P), "00" * 16, "00" * 32)


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int, lock: Path) -> bytes:
    data = password.encode("utf-8", "surrogatepass")
    with hold(lock):
        return hashlib.scrypt(data, salt=salt, n=n, r=r, p=p, maxmem=1 << 26, dklen=32)
