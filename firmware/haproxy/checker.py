"""haproxy's checker, as a program of its own. It says what is wrong as FILE:LINE: …, on standard error.

`start` starts it for a moment (see `trial`), and looks for what haproxy does not know or does not mind; `check` runs
`haproxy -c` in the node's own network. Both start haproxy first, and load what they need to look at it meanwhile: that
takes about as long, and a push waits for it.
"""

import os
import sys
from io import TextIOWrapper

#: exit statuses of `start`: it does not start, perhaps for want of names; something else is wrong; it lacks names alone · of
#: both: haproxy is not on this node, as a shell says it
FAILED, WRONG, NEEDS_NAMES, NO_PROGRAM = 1, 2, 75, 127
_PROGRAM = "haproxy"
_OF_ITS_OWN = ("-p", "/run/haproxy/haproxy.pid", "-S", "/run/haproxy/master.sock,mode,600")


def main(verb: str, *words: str) -> int:
    """Do what `verb` says, and return the exit status."""
    try:
        return {"start": start, "check": check}[verb](*words)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and error.filename == _PROGRAM:
            print(f"{_PROGRAM}: {error.strerror}", file=sys.stderr)
            return NO_PROGRAM
        print(f"haproxy could not be started to check the file: {error.strerror}", file=sys.stderr)
        return FAILED


def start(base: str, path: str, *node_ports: str) -> int:
    """Start it in the private network that we are in; `base` is read before the file. Further words, SERVICE=ADDRESS:PORT, are
    the node's own ports. Names that have no address there are written to standard output, a line each."""
    with _words_file() as words:
        pid = _spawn(words, "-W", "-db", "-dr", *_OF_ITS_OWN, "-f", base, "-f", path)
        from firmware.haproxy import trial
        from firmware.haproxy.words import messages

        tried = trial.observe(pid, words)
    wrong = _problems(base, path, node_ports, tried.ports)
    if not tried.listens:
        wrong.append(f"{path}:1: it listens nowhere: no section has a line `bind` that counts")
    said = messages(tried.words, path, failed=not tried.has_started)
    _tell(*wrong, *said.errors, *_own_warnings(base, path), *said.warnings)
    _write(sys.stdout.fileno(), *tried.unresolved)
    if not tried.has_started:
        return FAILED
    return WRONG if wrong or said.is_fatal else NEEDS_NAMES if tried.unresolved else 0


def check(base: str, path: str, *words: str) -> int:
    """Run `haproxy -c`. Words as for `start`; after the word --resolve come names whose addresses are written to standard
    output, as in /etc/hosts, if nothing is wrong."""
    at = words.index("--resolve") if "--resolve" in words else len(words)
    with _words_file() as said:
        pid = _spawn(said, "-W", "-c", "-f", base, "-f", path)
        from firmware.haproxy.words import messages

        wrong = _problems(base, path, words[:at])
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        said.seek(0)
        found = messages(said.read(), path, failed=status != 0)
    _tell(*wrong, *found.errors, *_own_warnings(base, path), *found.warnings)
    if status or wrong:
        return 128 - status if status < 0 else status or FAILED
    _write(sys.stdout.fileno(), *(f"{address} {name}" for name in words[at + 1 :] for address in _addresses(name)))
    return 0


def _problems(
    base: str, path: str, node_ports: tuple[str, ...], listening: tuple[tuple[str, int], ...] = ()
) -> list[str]:
    """What haproxy does not find wrong."""
    from firmware.haproxy.addresses import node_port_problems
    from firmware.haproxy.transparent import transparent_problems
    from firmware.haproxy.variables import unknown_variables

    return [
        *unknown_variables(path, base),
        *transparent_problems(path, base),
        *node_port_problems(path, node_ports, listening),
    ]


def _own_warnings(base: str, path: str) -> list[str]:
    """What works in another way than the file says, or only here."""
    from firmware.haproxy.account import account_warnings
    from firmware.haproxy.outside import left_behind
    from firmware.haproxy.transparent import transparent_warnings

    return [*account_warnings(path), *transparent_warnings(path, base), *left_behind(path)]


def _words_file() -> TextIOWrapper:
    return open(os.memfd_create("words"), "r+", encoding="utf-8", errors="surrogateescape")


def _spawn(words: TextIOWrapper, *argv: str) -> int:
    to_words = [(os.POSIX_SPAWN_DUP2, words.fileno(), 2)]
    return os.posix_spawnp(_PROGRAM, [_PROGRAM, *argv], os.environ, file_actions=to_words)


def _addresses(name: str) -> list[str]:
    """The addresses of a name; none if nobody knows it."""
    import socket

    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(place[0]) for *_, place in found]


def _tell(*lines: str) -> None:
    _write(sys.stderr.fileno(), *lines)


def _write(handle: int, *lines: str) -> None:
    """A name that is no UTF-8 leaves as it came: whoever reads it spells it."""
    os.write(handle, "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))
