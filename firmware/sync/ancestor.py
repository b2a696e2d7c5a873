"""Ancestors: what both nodes had of a service after their last sync, for each peer and service.

A receiver that is no longer at the ancestor has changed since, and refuses. The file lies below /etc and is saved with it,
so that a node which loses an unsaved push at its reboot goes back to the ancestor that belongs to what it has then.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from firmware import files, log, records
from firmware.errors import Damaged, Failure, system_hint
from firmware.locks import ANCESTORS, hold

FILE = Path("/etc/firmware/ancestors.json")
FORMAT = 1
REMEDY = f"move {FILE} away; then look at csync diff of each service, and csync push --force where it is right"


@dataclass(frozen=True, slots=True)
class Ancestor:
    """The state after a sync: the service's digest, its files' digests, when (epoch seconds), and which node pushed."""

    digest: str
    files: tuple[str, ...]
    time: float
    pushed_by: int


@dataclass(frozen=True, slots=True)
class Ancestors:
    """The ancestors that this node shares with one peer, by title; and why the file cannot be read, None if it can."""

    by_title: Mapping[str, Ancestor]
    problem: Failure | None = None


def load(peer: int, path: Path = FILE) -> Ancestors:
    """All of that peer. Where the file cannot be read, every service counts as never synced: a push is then refused rather
    than something overwritten."""
    try:
        return Ancestors(_read(path).get(str(peer), {}))
    except Failure as error:
        return Ancestors({}, error)


def find(peer: int, title: str, path: Path = FILE) -> Ancestor | None:
    """The ancestor of a service that this node shares with that peer; None if there was no sync, or if that is not known."""
    return load(peer, path).by_title.get(title)


def record(
    peer: int,
    title: str,
    digest: str,
    digests: Iterable[str],
    *,
    pushed_by: int,
    path: Path = FILE,
    lock: Path = ANCESTORS,
) -> None:
    """Both nodes have the same now. Where that is known already nothing is written: a push that changes nothing is no change
    that asks to be saved. A damaged file is begun anew; one that a newer firmware wrote stays as it is, and it is
    said in the log that the sync was not noted. OSError where there is no room."""
    with hold(lock):
        try:
            table = _read(path)
        except Damaged as error:
            log.line(f"{error}; it is begun anew")
            table = {}
        except Failure as error:
            log.line(f"{error}; a sync of service {title} was not noted")
            return
        new = Ancestor(digest, tuple(sorted(set(digests))), time.time(), pushed_by)
        known = table.setdefault(str(peer), {}).get(title)
        if known is not None and replace(known, time=new.time) == new:
            return
        table[str(peer)][title] = new
        body = {node: {name: asdict(one) for name, one in services.items()} for node, services in table.items()}
        path.parent.mkdir(mode=0o755, exist_ok=True)
        files.write(path, records.dump(body, FORMAT, indent=1) + b"\n", mode=0o600)


def _read(path: Path) -> dict[str, dict[str, Ancestor]]:
    """What was synced with each peer, by its node's number, and there by the title of the service."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}", system_hint(error) or REMEDY) from None
    body = records.load(data, FORMAT, str(path), unmarked=1, hint=REMEDY)
    with records.interpreting(str(path), REMEDY):
        return {
            peer: {title: _parse(one) for title, one in records.typed_value(body, peer, dict).items()} for peer in body
        }


def _parse(body: Mapping[str, Any]) -> Ancestor:
    digests = records.typed_value(body, "files", list)
    if not all(isinstance(digest, str) for digest in digests):
        raise TypeError("files is no list of digests")
    return Ancestor(
        records.typed_value(body, "digest", str), tuple(digests), float(records.typed_value(body, "time", int, float)),
        records.typed_value(body, "pushed_by", int),
    )  # fmt: skip
