"""The body of a request while it comes in. A large one lies beside our memory until there is a place for it: how long it takes to
come is up to who sends it, and there may be one from each client.
"""

import os
from types import TracebackType

from firmware.http11.quota import LARGE_BODY

#: bytes that are moved at a time
_PIECE = 1 << 20


class Spool:
    """A body that comes in, of a length that is known. `take` gives it, once; or it is read in its `file`."""

    def __init__(self, length: int, *, as_file: bool = False) -> None:
        needs_file = as_file or length > LARGE_BODY
        self._handle = os.memfd_create("body", os.MFD_CLOEXEC) if needs_file else -1
        self._small = bytearray()
        #: the bytes that have come
        self.size = 0

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle >= 0:
            os.close(self._handle)

    def write(self, data: bytes) -> None:
        """Take what comes next."""
        self.size += len(data)
        if self._handle < 0:
            self._small += data
            return
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._handle, rest) :]

    @property
    def is_file(self) -> bool:
        """Does it lie in a file?"""
        return self._handle >= 0

    @property
    def file(self) -> int:
        """The descriptor of the file in which it lies, as long as this is open; for one that was made with `as_file`."""
        return self._handle

    def take(self) -> bytearray:
        """All of it. It goes piece by piece, from its end, so that it lies nowhere twice."""
        if self._handle < 0:
            return self._small
        body = bytearray(self.size)
        with memoryview(body) as view:
            for start in reversed(range(0, self.size, _PIECE)):
                os.preadv(self._handle, [view[start : start + _PIECE]], start)
                os.ftruncate(self._handle, start)
        return body
