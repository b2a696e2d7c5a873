"""Packets of an interface, as lines while they come and as a file of tcpdump's afterwards: bounded in number, bytes and time.

tcpdump runs as its own account. The file lies in memory and has no name: it goes with the session that wanted it.
"""

import os
import secrets
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from firmware.errors import Failure, Usage
from firmware.operations.live_program import LiveProgram
from firmware.printable import escape, quote_word, shorten
from firmware.services.definition import Account
from firmware.services.run_scripts import command_as_account
from firmware.sync import audit
from firmware.sync.audit import Who

INTERFACES = Path("/sys/class/net")
#: every interface
ANY = "any"
#: the most packets and seconds that may be asked for; bytes of a file, after which a capture ends; and of a packet
MOST_PACKETS, MOST_SECONDS, MOST_BYTES, _SNAPPED = 100_000, 3600, 16 << 20, 262_144
#: files that a session keeps, and characters of a filter
_KEPT, _LONGEST_FILTER = 4, 1000
_ACCOUNT = Account("tcpdump", ("net_raw",))


class Capture:
    """One capture: start it, read its lines, end it; then it is a file."""

    def __init__(self, interface: str, filter: str, packets: int, seconds: int, who: Who) -> None:
        _require_bounds(packets, seconds)
        _require_interface(interface)
        words = [_require_filter(filter)] if filter.strip() else []
        self.id = secrets.token_hex(8)
        self._said = os.memfd_create("words")
        self._file = os.memfd_create("packets")
        argv = ["prlimit", f"--fsize={MOST_BYTES + _SNAPPED + (1 << 16)}", "--core=0", "--"]
        argv += ["tcpdump", "-n", "-l", "-U", "--print", "-i", interface, "-c", str(packets), "-s", str(_SNAPPED)]
        argv += ["-w", "/proc/self/fd/3", "--", *words]
        self.program = LiveProgram(command_as_account(_ACCOUNT, argv), errors=self._said, passed=(self._file,))
        self._timer = threading.Timer(seconds, self.interrupt)
        self._timer.daemon = True
        self._timer.start()
        audit.note("capture", who=who, result="done", message=f"{interface}, {packets} packets, {seconds} s: {filter}")

    @property
    def size(self) -> int:
        """Bytes of its file."""
        return os.fstat(self._file).st_size

    def interrupt(self) -> None:
        """Have it come to its end."""
        self.program.interrupt()

    def end(self) -> str:
        """End it; returns tcpdump's summary. Failure, with its words, if it could not do what it was told to."""
        self._timer.cancel()
        status = self.program.end()
        words = os.pread(self._said, 1 << 16, 0).decode("utf-8", "surrogateescape")
        os.close(self._said)
        text = shorten(escape(words.strip().removeprefix("tcpdump: "), keep="\n"), 1000)
        if status and status not in (-signal.SIGINT, -signal.SIGKILL, -signal.SIGXFSZ):
            raise Failure(f"tcpdump: {text or f'exit status {status}'}")
        return text or "it ended before it began"

    def pieces(self) -> Iterator[bytes]:
        """Its file."""
        offset = 0
        while part := os.pread(self._file, 1 << 18, offset):
            offset += len(part)
            yield part

    def close(self) -> None:
        """Its file is not wanted any more."""
        with suppress(OSError):
            os.close(self._file)


class Captures:
    """The files of a session that can be fetched, the last ones."""

    def __init__(self) -> None:
        self._kept: dict[str, Capture] = {}
        self._changing = threading.Lock()

    def keep(self, capture: Capture) -> None:
        """Keep its file; the oldest one goes."""
        with self._changing:
            self._kept[capture.id] = capture
            while len(self._kept) > _KEPT:
                self._kept.pop(next(iter(self._kept))).close()

    def find(self, name: str) -> Capture | None:
        """The capture with that ID."""
        return self._kept.get(name)


def interfaces() -> list[str]:
    """What there is to capture from."""
    return [ANY, *sorted(path.name for path in INTERFACES.iterdir())]


def _require_bounds(packets: int, seconds: int) -> None:
    if not (1 <= packets <= MOST_PACKETS and 1 <= seconds <= MOST_SECONDS):
        raise Usage(
            f"a capture takes 1 to {MOST_PACKETS} packets and 1 to {MOST_SECONDS} s, not {packets} and {seconds}"
        )


def _require_interface(name: str) -> None:
    if name not in interfaces():
        raise Usage(f"{quote_word(name)}: there is no such interface", f"there are {', '.join(interfaces())}")


def _require_filter(text: str) -> str:
    if len(text) > _LONGEST_FILTER or not text.isprintable():
        raise Usage(f"the filter: one line of at most {_LONGEST_FILTER} characters", "such as: tcp port 80")
    return text
