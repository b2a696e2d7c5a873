"""Attempts to log in: whoever guesses is slowed, by address and account, and by account, and nobody is locked out for long.

An attempt counts as failed from when it begins, so that many at once gain nothing. From one address an account may be tried a
few times; then the wait doubles with each failure, up to a minute. An account that is tried very often from many addresses is
tried at most every few seconds, but for those addresses from which somebody has logged in to it since the node booted.
"""

import ipaddress
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from firmware import files
from firmware.errors import Refused
from firmware.locks import ATTEMPTS, hold

FILE = Path("/run/firmware/wui-attempts.json")
#: failures of an account from one address, of all accounts from one address, and of an account from anywhere, that cost nothing
FREE, FREE_OF_ADDRESS, FREE_OF_ACCOUNT = 3, 12, 60
#: the longest wait; what is forgotten after so many seconds; how far apart attempts are on an account that is tried often
LONGEST, FORGOTTEN, APART = 60.0, 600.0, 5.0
#: entries that are kept
MOST = 2000


class Slowed(Refused):
    """Too many attempts: the next one counts after so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = max(1, round(seconds + 0.5))
        super().__init__(
            f"too many attempts to log in: the next one counts in {self.seconds} s",
            "wait, or log in from another address",
        )


@dataclass(frozen=True, slots=True)
class Tries:
    """How often something has failed, and when it was last tried (seconds since the node booted)."""

    count: int = 0
    last: float = 0.0


@dataclass(frozen=True, slots=True)
class Attempts:
    """The failures by what they were: `place` (account and address), `address`, `account`; `known` places have logged in."""

    tries: dict[str, Tries] = field(default_factory=dict)
    known: tuple[str, ...] = ()


def seconds_since_boot() -> float:
    """A clock that nobody sets."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def begin(account: str, address: str, *, path: Path = FILE, lock: Path = ATTEMPTS, now: float | None = None) -> None:
    """Count an attempt on that account (one that there is, or "") from that address; Slowed if it comes too early."""
    moment = seconds_since_boot() if now is None else now
    _change(lambda old: _after_begin(old, account, network(address), moment), path, lock)


def note_success(account: str, address: str, *, path: Path = FILE, lock: Path = ATTEMPTS) -> None:
    """That attempt was no failure."""
    _change(lambda old: _after_success(old, account, network(address)), path, lock)


def network(address: str) -> str:
    """The address; of IPv6 the 64 bits that one subscriber has."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        found = found.ipv4_mapped or ipaddress.ip_address(int(found) >> 64 << 64)
    return str(found)


def _after_begin(old: Attempts, account: str, address: str, now: float) -> Attempts:
    tries = {key: found for key, found in old.tries.items() if now - found.last < FORGOTTEN}
    place, whole = _keys(account, address)
    waits = [_wait(tries.get(place), FREE, now), _wait(tries.get(address), FREE_OF_ADDRESS, now)]
    if place not in old.known:
        often = tries.get(whole, Tries())
        waits.append(often.last + APART - now if often.count >= FREE_OF_ACCOUNT else 0.0)
    if max(waits) > 0:
        raise Slowed(max(waits))
    for key in (place, address, whole):
        before = tries.pop(key, Tries())  # what was tried last stands at the end
        tries[key] = Tries(before.count + 1, now)
    return replace(old, tries=dict([*tries.items()][-MOST:]))


def _after_success(old: Attempts, account: str, address: str) -> Attempts:
    place, whole = _keys(account, address)
    tries = dict(old.tries)
    tries.pop(place, None)
    for key in (address, whole):
        found = tries.get(key, Tries(1))
        tries[key] = replace(found, count=max(0, found.count - 1))
    return Attempts(tries, (*(one for one in old.known if one != place), place)[-MOST:])


def _wait(found: Tries | None, free: int, now: float) -> float:
    """Seconds until the next attempt counts."""
    if found is None or found.count < free:
        return 0.0
    return found.last + min(2.0 ** min(found.count - free, 10), LONGEST) - now


def _keys(account: str, address: str) -> tuple[str, str]:
    return f"{account} {address}", f"account {account}"


def _change(edit: Callable[[Attempts], Attempts], path: Path, lock: Path) -> None:
    with hold(lock):
        new = edit(_read(path))
        body = json.dumps(asdict(new)).encode()
        files.write(path, body, mode=0o600, owner=(os.getuid(), os.getgid()))


def _read(path: Path) -> Attempts:
    """What is known; nothing where that is not what was written: it lasts minutes, and keeps nobody out."""
    try:
        body = json.loads(path.read_bytes())
        tries = {str(key): Tries(int(one["count"]), float(one["last"])) for key, one in body["tries"].items()}
        return Attempts(tries, tuple(map(str, body["known"])))
    except (FileNotFoundError, LookupError, TypeError, ValueError, AttributeError):
        return Attempts()
