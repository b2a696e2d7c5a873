"""A service is checked by starting it for a moment, alone: what passes does start.

The trial runs in a network of its own (see `private_network`), where nothing that the node has is in its way, and where no
name server can be asked. Only if it cannot do without one, or fails, the service's checker is asked in the node's network.
"""

import ipaddress
import re
import time
from collections.abc import Mapping
from pathlib import Path

from firmware import files
from firmware.run import Result
from firmware.services import checker, permissions, run_scripts
from firmware.services.definition import Account, Argv, Context, Outcome, Service

HOSTS, PASSWD = Path("/etc/hosts"), Path("/etc/passwd")
TOP = Path("/run/firmware")
#: exit statuses of a trial after which the checker is asked: it did not start; it did, but not with all names that it needs
FAILED, NEEDS_NAMES = 1, 75
#: names that are looked up at most
MOST_NAMES = 64

_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}"


def check_by_start(service: Service, context: Context, words: Argv, overlays: Mapping[Path, Path]) -> Outcome:
    """Start it with these words after the arguments of both programs; the outcome has the words of who decided it, warnings
    among them. `overlays` as for `checker.run_checker`."""
    assert service.check is not None
    deadline = time.monotonic() + checker.SECONDS
    with files.scratch_directory("trial", TOP) as stand_ins:
        seen = {**overlays, PASSWD: _write(stand_ins / "passwd", _passwd_of_checker(service.account))}
        started = _start(service, context, words, seen, deadline)
        if started.status not in (FAILED, NEEDS_NAMES):
            return _outcome(started.status, started.stderr)
        names = [name for name in started.stdout.split() if re.fullmatch(_NAME, name)][:MOST_NAMES]
        looking = [*service.check(context), *words, "--resolve", *names]
        asked = checker.run_confined(service, looking, overlays, seconds=_seconds_left(deadline))
        if asked.status or started.status == NEEDS_NAMES:
            return _outcome(asked.status, asked.stderr)
        found = _found_hosts(asked.stdout, names)
        if not found or not HOSTS.is_file():
            return _outcome(started.status, started.stderr)
        hosts = _write(stand_ins / "hosts", "\n".join([HOSTS.read_text(errors="surrogateescape"), *found, ""]))
        again = _start(service, context, words, {**seen, HOSTS: hosts}, deadline)
        return _outcome(0 if again.status == NEEDS_NAMES else again.status, again.stderr)


def _start(service: Service, context: Context, words: Argv, overlays: Mapping[Path, Path], deadline: float) -> Result:
    assert service.trial is not None
    argv = [*service.trial(context), *words]
    more = run_scripts.requests_more(service, context, overlays.get(Path(service.owns)))
    return checker.run_confined(service, argv, overlays, seconds=_seconds_left(deadline), alone=True, more=more)


def _outcome(status: int, words: str) -> Outcome:
    return Outcome(status, words.strip()[: checker.LONGEST])


def _seconds_left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 1.0)


def _found_hosts(text: str, names: list[str]) -> list[str]:
    """The lines that give one of these names an address: what the checker said may be anything."""
    found = []
    for line in text.splitlines():
        address, _, name = line.partition(" ")
        try:
            ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            continue
        if name in names:
            found.append(f"{address} {name}")
    return found


def _passwd_of_checker(account: Account) -> str:
    """The accounts of the node, but the service's has the number of its checker's: it can become that one."""
    uid, _ = permissions.account_ids(account.checker)
    rows = PASSWD.read_text(errors="surrogateescape").splitlines()
    return "".join(re.sub(rf"^({re.escape(account.user)}:[^:]*:)\d+:", rf"\g<1>{uid}:", row) + "\n" for row in rows)


def _write(path: Path, text: str) -> Path:
    path.write_text(text, errors="surrogateescape")
    path.chmod(0o644)
    return path
