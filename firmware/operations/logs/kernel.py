"""What the kernel says, record by record."""

import os
import re
import time

DEVICE = "/dev/kmsg"
#: bytes of a record, and records that are read in one go
_LONGEST, _MOST = 8192, 5000

_RECORD = re.compile(rb"\d+,\d+,(\d+),[^;]*;([^\n]*)")


class KernelLog:
    """`read_new` gives what came since the last call, as pairs of a time (seconds since the epoch) and a text. Nothing where
    nobody may read it, as in a container."""

    def __init__(self, device: str = DEVICE) -> None:
        self._handle = -1
        try:
            self._handle = os.open(device, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return

    def close(self) -> None:
        """Read no more."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def read_new(self) -> list[tuple[float, str]]:
        """What it said since."""
        began = time.time() - time.monotonic()
        found = []
        for _ in range(_MOST if self._handle >= 0 else 0):
            try:
                record = os.read(self._handle, _LONGEST)
            except BrokenPipeError:  # some were lost, for they came too fast
                continue
            except OSError:
                break
            if match := _RECORD.match(record):
                found.append((began + int(match[1]) / 1e6, match[2].decode("utf-8", "surrogateescape")))
        return found
