"""How far a push is: what of it has been sent, as it is told to who waits for it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

SENDING, WAITING = "sending", "waiting for the other node"


@dataclass(frozen=True, slots=True)
class Progress:
    """Bytes before they are compressed, and files, of those that have to be sent; and the phase, in words."""

    bytes: int
    bytes_total: int
    files: int
    files_total: int
    phase: str = SENDING

    def json(self) -> dict[str, Any]:
        """As commands and the web UI get it."""
        return asdict(self)


Tell = Callable[[Progress], None]


def tell_nobody(progress: Progress) -> None:
    """For who does not want to know."""
