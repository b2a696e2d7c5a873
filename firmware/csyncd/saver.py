"""Saving for a peer: in a process of its own where much is saved, for all of it lies in memory meanwhile."""

import json
import sys
from typing import Any

from firmware.errors import Failure, from_status, from_system
from firmware.flows.save import save
from firmware.run import filter_bytes
from firmware.sync import space
from firmware.sync.space import Space

#: what is saved within csyncd: what may be pushed takes no more than that, in bytes, files and characters of paths
FEW = Space(4 << 20, 2000, 1 << 20)
#: seconds that the process may take
MOST_SECONDS = 55.0


def save_for_peer(name: str) -> dict[str, Any]:
    """Save what runs for that peer; returns what it is told. Failure as `flows.save` has it."""
    if space.taken_space().fits_in(FEW):
        return dict(_save(name))
    command = [sys.executable, "-m", "firmware", "csyncd", "save", name]
    said = json.loads(filter_bytes(command, b"", documents=(), timeout=MOST_SECONDS))
    if "error" in said:
        raise from_status(said["exit"], said["error"], said["hint"])
    return dict(said)


def main(name: str) -> int:
    """The process: it prints what the peer is told, or why nothing was saved."""
    try:
        print(json.dumps(_save(name)))
    except (Failure, OSError) as raised:
        error = from_system(raised) if isinstance(raised, OSError) else raised
        print(json.dumps({"exit": error.status, "error": str(error), "hint": error.hint}))
    return 0


def _save(name: str) -> dict[str, Any]:
    saved = save(f"saved by {name}", who=name)
    return {**saved.json(), "digest": saved.digest}
