"""A program whose words are shown as they come, and that ends when nobody looks any more: ping, traceroute."""

import ipaddress
import os
import re
import select
import signal
from collections.abc import Sequence
from contextlib import suppress

from firmware.errors import Usage
from firmware.printable import escape, quote_word, shorten
from firmware.run import start_on
from firmware.services.definition import Account
from firmware.services.run_scripts import command_as_account

#: who sends packets for others: nobody, who may do just that
_SENDER = Account("nobody", ("net_raw",))
#: packets that are sent at most, and hops that are looked for
MOST_PACKETS, _HOPS = 100, 30

_PIECE, _LONGEST_LINE = 1 << 16, 500
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")


class LiveProgram:
    """One that runs. `fileno()` has something to read when it says something, or has ended."""

    def __init__(self, argv: Sequence[str], *, errors: int = -1, passed: Sequence[int] = ()) -> None:
        """`errors`: where its errors go, if not among its words. It has those that are `passed` from number 3 on."""
        self._words, output = os.pipe()
        nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._rest = b""
        self._is_over = False
        try:
            self.pid = start_on(
                argv, stdin=nothing, output=output, errors=output if errors < 0 else errors, passed=passed
            )
        except BaseException:
            os.close(self._words)
            raise
        finally:
            os.close(output)
            os.close(nothing)

    def fileno(self) -> int:
        """Where its words come."""
        return self._words

    @property
    def is_over(self) -> bool:
        """Has it said all that it will?"""
        return self._is_over

    def read_lines(self, seconds: float = 0.0) -> list[str]:
        """The lines that it has said, once it has, within so many seconds; printable. The last one need not have an end."""
        if not select.select([self._words], [], [], seconds)[0]:
            return []
        data = os.read(self._words, _PIECE)
        self._is_over = not data
        *lines, self._rest = (self._rest + data).split(b"\n")
        if self._rest and (self._is_over or len(self._rest) > _PIECE):
            lines.append(self._rest)
            self._rest = b""
        return [shorten(escape(line.decode("utf-8", "surrogateescape"), keep="\t"), _LONGEST_LINE) for line in lines]

    def interrupt(self) -> None:
        """Ask it to come to its end, and to say what there is to say."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGINT)

    def end(self) -> int:
        """End it, if it has not; returns its exit status (negative: the signal)."""
        os.close(self._words)
        if not self._is_over:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def start_ping(address: str, packets: int = 10) -> LiveProgram:
    """Send so many echo requests to an address or a name, one a second."""
    if not 1 <= packets <= MOST_PACKETS:
        raise Usage(f"{packets}: between 1 and {MOST_PACKETS} packets")
    argv = ["busybox", "ping", "-c", str(packets), "--", _require_host(address)]
    return LiveProgram(command_as_account(_SENDER, argv))


def start_traceroute(address: str) -> LiveProgram:
    """Find the way to an address or a name."""
    argv = ["busybox", "traceroute", "-m", str(_HOPS), "-q", "2", "-w", "2", "--", _require_host(address)]
    return LiveProgram(command_as_account(_SENDER, argv))


def _require_host(word: str) -> str:
    """An address, perhaps with the name of an interface, or a name; Usage for anything else."""
    address, _, zone = word.partition("%")
    with suppress(ValueError):
        ipaddress.ip_address(address)
        if re.fullmatch(r"[A-Za-z0-9_.@-]{0,15}", zone):
            return word
    if not _NAME.fullmatch(word) or len(word) > 253:
        raise Usage(f"{quote_word(word)}: neither an address nor the name of a host")
    return word
