"""What was synced last of each service, as a table: so that a push sends the difference to it, and no more.

It is kept in memory (/run), by the digest of the content that it belongs to, and only spares bytes: which digest the peer has is
asked elsewhere. Where it is missing or damaged, as after a boot, the next push sends the whole table.
"""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path

from firmware import files, log
from firmware.manifest import Entry
from firmware.sync.proposal_body import Known

DIRECTORY = Path("/run/firmware/synced")
_FIELDS = tuple(Entry.__slots__)


def keep(title: str, digest: str, entries: Mapping[str, Entry], top: Path = DIRECTORY) -> None:
    """Both nodes have this of the service now. Where there is no room for that, it is not kept."""
    rows = [[getattr(entry, name) for name in _FIELDS] for entry in entries.values()]
    data = zlib.compress(json.dumps([digest, rows]).encode("ascii"), 1)
    try:
        top.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write(top / title, data, mode=0o600)
    except OSError as error:
        log.line(f"{top / title}: {error.strerror}; the next push of service {title} sends more than it would have to")


def find(title: str, top: Path = DIRECTORY) -> Known | None:
    """What was synced last; None if that is not known."""
    try:
        digest, rows = json.loads(zlib.decompress((top / title).read_bytes()))
        entries = [Entry(*row) for row in rows]
        return Known(digest, {entry.path: entry for entry in entries})
    except (OSError, ValueError, TypeError, zlib.error):
        return None
