"""Ancestors: what both nodes had of a service after their last sync, for each peer and service.

A receiver that is no longer at the ancestor has changed since, and refuses. The file lies below /etc and is saved with it,
so that a node which loses an unsaved push at its reboot goes back to the ancestor that belongs to what it has then.
"""

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from firmware import files
from firmware.locks import ANCESTORS, hold

FILE = Path("/etc/firmware/ancestors.json")


@dataclass(frozen=True, slots=True)
class Ancestor:
    """The state after a sync: the service's digest, its files' digests, when (epoch seconds), and which node pushed."""

    digest: str
    files: tuple[str, ...]
    time: float
    pushed_by: int


def find(peer: int, title: str, path: Path = FILE) -> Ancestor | None:
    """The ancestor that this node shares with that peer, or None if there was no sync."""
    found = _read(path).get(str(peer), {}).get(title)
    return Ancestor(found["digest"], tuple(found["files"]), found["time"], found["pushed_by"]) if found else None


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
    """Both nodes have the same now."""
    with hold(lock):
        table = _read(path)
        table.setdefault(str(peer), {})[title] = asdict(
            Ancestor(digest, tuple(sorted(set(digests))), time.time(), pushed_by)
        )
        path.parent.mkdir(mode=0o755, exist_ok=True)
        files.write(path, json.dumps(table, indent=1).encode() + b"\n", mode=0o600)


def _read(path: Path) -> dict[str, Any]:
    try:
        table = json.loads(path.read_bytes())
        return table if isinstance(table, dict) else {}
    except (FileNotFoundError, ValueError):
        # Without it every service counts as never synced: a push is then refused rather than something overwritten.
        return {}
