"""A body that is encoded while it is sent. Who says what is sent needs nothing else of HTTP."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Encoded:
    """A JSON object that is encoded while it is sent, as often as it is sent: its bytes, and what makes the pieces."""

    size: int
    pieces: Callable[[], Iterator[bytes]]
