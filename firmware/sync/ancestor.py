"""Ancestors: what both nodes had of a service after their last sync, for each peer and service.

A peer is who holds its key: a sync with the one that had another key before says nothing about the one of now, which may be
a node that was reset since, or another machine in its place.

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
from firmware.sync.keys import KnownPeer

FILE = Path("/etc/firmware/ancestors.json")
#: 2 added the key
FORMAT = 2
REMEDY = f"move {FILE} away; then look at csync diff of each service, and csync push --force where it is right"


@dataclass(frozen=True, slots=True)
class Ancestor:
    """The state after a sync: the service's digest, its files' digests, when (epoch seconds), which node pushed, and the
    fingerprint of the key that the peer had ("" where older firmware did not note it: whichever it has)."""

    digest: str
    files: tuple[str, ...]
    time: float
    pushed_by: int
    key: str = ""


@dataclass(frozen=True, slots=True)
class Ancestors:
    """The ancestors that this node shares with one peer, by title; and why the file cannot be read, None if it can."""

    by_title: Mapping[str, Ancestor]
    problem: Failure | None = None


def load(peer: KnownPeer, path: Path = FILE) -> Ancestors:
    """All of that peer, as long as it has had its present key. Where the file cannot be read, every service counts as never
    synced: a push is then refused rather than something overwritten."""
    try:
        known = _read(path).get(str(peer.node), {})
        return Ancestors({title: one for title, one in known.items() if one.key in ("", peer.key)})
    except Failure as error:
        return Ancestors({}, error)


def find(peer: KnownPeer, title: str, path: Path = FILE) -> Ancestor | None:
    """The ancestor of a service that this node shares with that peer; None if there was no sync, or if that is not known."""
    return load(peer, path).by_title.get(title)


def record(
    peer: KnownPeer,
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
        new = Ancestor(digest, tuple(sorted(set(digests))), time.time(), pushed_by, peer.key)
        known = table.setdefault(str(peer.node), {}).get(title)
        if known is not None and replace(known, time=new.time) == new:
            return
        table[str(peer.node)][title] = new
        _write(table, path)


def forget(node: int | None = None, title: str = "", path: Path = FILE, lock: Path = ANCESTORS) -> None:
    """No sync with that node, or with any, lies behind the service of that title, or behind any. What cannot be read is left
    alone: nothing counts as synced then anyway."""
    with hold(lock):
        try:
            table = _read(path)
        except Failure:
            return
        left = {
            peer: {name: one for name, one in known.items() if (node and peer != str(node)) or title not in ("", name)}
            for peer, known in table.items()
        }
        if left != table:
            _write(left, path)


def _write(table: Mapping[str, Mapping[str, Ancestor]], path: Path) -> None:
    body = {node: {name: asdict(one) for name, one in services.items()} for node, services in table.items() if services}
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
        records.typed_value(body, "pushed_by", int), records.typed_value({"key": "", **body}, "key", str),
    )  # fmt: skip
