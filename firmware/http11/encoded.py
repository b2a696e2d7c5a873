"""A body that is encoded while it is sent. Who says what is sent needs nothing else of HTTP."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Encoded:
    """A body that is encoded while it is sent, as often as it is sent: its bytes, None where they are not known before; what
    makes the pieces; and its media type."""

    size: int | None
    pieces: Callable[[], Iterator[bytes]]
    type: str = "application/json"
