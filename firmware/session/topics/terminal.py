"""A login shell in the browser."""

import select
import threading
from dataclasses import dataclass
from typing import Any

from firmware.errors import Refused, Usage
from firmware.frames import DATA, Frame
from firmware.operations.login_shell import LoginShell
from firmware.session.conversation import Conversation
from firmware.session.endpoint import ADMIN, Call, Channel, Endpoint

#: bytes that may be on their way to a screen that has not drawn them yet
AHEAD = 128 << 10
#: terminals of one session
MOST = 8
#: bytes that are shown at most of what is left once the shell has ended
_LAST = 1 << 20

_places = threading.BoundedSemaphore(MOST)


@dataclass(frozen=True, slots=True)
class Size:
    """Of the terminal."""

    columns: int = 80
    rows: int = 24


def terminal(call: Call, talk: Conversation, query: Size) -> None:
    """Bytes both ways. The browser sends {resize: [columns, rows]}, and {ack: bytes} once it has drawn so many; what is typed
    and nobody there reads is {discarded: bytes}. Before the end comes {ended: how}. What was started in it ends with it."""
    if not _places.acquire(blocking=False):
        raise Refused(f"{MOST} terminals are open in this session", "close one")
    try:
        shell = LoginShell(query.columns, query.rows, call.who)
        try:
            _relay(shell, talk)
        finally:
            how = shell.end()
        talk.tell({"ended": how})
    finally:
        _places.release()


def _relay(shell: LoginShell, talk: Conversation) -> None:
    """Until the shell ends, with what it has said until then."""
    ahead = 0
    while not shell.has_ended():
        wanted: list[Any] = [talk, shell.process, *([shell] if ahead < AHEAD else [])]
        ready, room, _ = select.select(wanted, [shell] if shell.is_typing else [], [])
        if room:
            shell.type()
        if shell in ready:
            shown = shell.read()
            ahead += len(shown)
            talk.tell_bytes(shown)
            if not shown:  # nobody has its other side open: there is nothing to wait for but the end
                shell.has_ended(0.05)
        if talk in ready and (frame := talk.hear(0)) is not None:
            ahead = max(0, ahead - _obey(frame, shell, talk))
    left = _LAST
    while left > 0 and (shown := shell.read()):
        talk.tell_bytes(shown)
        left -= len(shown)


def _obey(frame: Frame, shell: LoginShell, talk: Conversation) -> int:
    """What the browser says; returns how many bytes more it has drawn."""
    if frame.kind == DATA:
        if not shell.type(frame.content):
            talk.tell({"discarded": len(frame.content)})
        return 0
    match frame.body:
        case {"ack": int(count)} if count >= 0:
            return count
        case {"resize": [int(columns), int(rows)]}:
            shell.resize(columns, rows)
            return 0
    raise Usage("the terminal: it takes bytes, resize and ack")


ENDPOINTS: tuple[Endpoint, ...] = ()
CHANNELS = (Channel("/terminal", ADMIN, "a login shell", terminal, keeps_awake=True),)
