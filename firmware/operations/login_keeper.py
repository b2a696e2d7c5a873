"""A keeper waits beside a terminal until the session that it belongs to has ended it, or was killed: then it ends all that was
started there. Until that happens it is a shell that reads, for a pipe tells it, and no Python.
"""

import os
import sys
from contextlib import suppress
from signal import SIGKILL

from firmware import processes
from firmware.run import start_on

#: it reads the end of the pipe once nobody has the other side any more
_WAIT = 'read -r _ <&3; exec "$@"'


class Keeper:
    """The keeper of one terminal: `session` is the pid of its shell, `mark` is in the environment of what is started there."""

    def __init__(self, session: int, mark: str) -> None:
        theirs, self._alive = os.pipe()
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        argv = ["setsid", "sh", "-c", _WAIT, "sh", sys.executable, "-m", __name__, str(session), mark]
        try:
            self._pid = start_on(argv, stdin=nothing, output=nothing, errors=nothing, passed=[theirs])
        except BaseException:
            os.close(self._alive)
            raise
        finally:
            os.close(theirs)
            os.close(nothing)

    def end(self) -> None:
        """The terminal has been ended: there is nothing left to keep."""
        with suppress(ProcessLookupError):
            os.kill(self._pid, SIGKILL)
        os.close(self._alive)
        os.waitpid(self._pid, 0)


if __name__ == "__main__":
    processes.end_marked(int(sys.argv[1]), sys.argv[2])
