"""The room that the peer had when it told last: csyncd notes it below /run, so that `service NAME check` and `apply` can say that
a push would not fit, without asking anybody.
"""

from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from firmware import files, records
from firmware.errors import Failure
from firmware.sync import space
from firmware.sync.message import Message
from firmware.sync.space import Room

FILE = Path("/run/firmware/csyncd/peer-room")
FORMAT = 1


@dataclass(frozen=True, slots=True)
class PeerRoom:
    """The number of the peer, and its room."""

    node: int
    room: Room


def note(told: PeerRoom, path: Path = FILE) -> None:
    """Note it, in the place of what was known before. Where there is no room for that, nothing is known."""
    with suppress(OSError):
        files.write(path, records.dump(asdict(told), FORMAT), mode=0o600)


def find(path: Path = FILE) -> PeerRoom | None:
    """It; None where it is not known."""
    with suppress(OSError, Failure):
        message = Message(records.load(path.read_bytes(), FORMAT, str(path)))
        return PeerRoom(message.number("node"), space.parse_room(message.part("room")))
    return None
