"""What haproxy.cfg says, as far as we have to know it. Run as a program with its path it is haproxy's checker: first
what `haproxy -c` does not see, then `haproxy -c`. Further words, SERVICE=ADDRESS:PORT, are the node's own ports.

haproxy starts as an account of its own that may bind low ports and nothing else. Where its file wants to change the
account or the root directory, `haproxy -c` finds nothing wrong, but every worker would die after it has taken over.
"""

import errno
import os
import re
import stat
import sys
from collections.abc import Iterator

SECTIONS = frozenset(
    (
        "global", "defaults", "frontend", "backend", "listen", "userlist", "peers", "resolvers", "mailers", "ring", "cache",
        "program", "http-errors", "fcgi-app", "log-forward", "crt-store", "log-profile", "traces", "acme",
    )
)  # fmt: skip

#: global keyword → the only values with which a worker starts
ACCOUNT = {"user": ("haproxy",), "group": ("haproxy",), "uid": (), "gid": (), "chroot": ()}

#: how haproxy begins a line, what it says about itself, and the places that it names
_HEAD = r"\[(ALERT|WARNING|DIAG)\]\s+(?:[\d/]+\s+)?(?:\(\d+\) : )?(?:config : )?"
_ABOUT = r"\[NOTICE\].*: (?:haproxy version|path to executable) is "
_PLACE_FIRST = r"(?:[Pp]arsing )?\[([^\[\]]+:\d+)\] ?: ?|(/[^:]+:\d+): "
_PLACE_WITHIN = r"\[(/[^\[\]:]+:\d+)\]|(?:^| )(/[^ :]+:\d+): "

#: how addresses begin that are no TCP ports
NO_TCP = ("unix", "abns", "fd", "sockpair", "quic", "udp", "rhttp")
_ADDRESS = frozenset("0123456789abcdefABCDEF.:*")


def account_problems(path: str) -> list[str]:
    """The lines of the global section that would stop every worker, as FILE:LINE: …"""
    return [
        f"{path}:{number}: '{words[0]}': haproxy runs as an account of its own; leave it out"
        for number, section, words in _lines_with_words(path)
        if section == "global" and words[0] in ACCOUNT and not _is_startable(words)
    ]


def node_port_problems(path: str, node_ports: list[str]) -> list[str]:
    """The lines that would bind a port by which the node is administered or reached by its peer, as FILE:LINE: …

    It does not see a port that stands in a variable, nor what Lua or a program binds. These find the port taken.
    """
    owned = []
    for word in node_ports:
        owner, _, place = word.partition("=")
        address, _, port = place.rpartition(":")
        owned.append((owner, address, int(port)))
    return [
        f"{path}:{number}: port {port} of this node belongs to service {owner}: bind another one"
        for number, address, ports in _named_ports(path)
        for owner, owned_address, port in owned
        if port in ports and _overlap(address, owned_address)
    ]


def occupied_addresses(path: str, loaded: str) -> list[str]:
    """The addresses that the file binds, the one that is loaded does not, and somebody else has.

    A reload would find that out, too, but only while the old worker pauses, which refuses its clients for two seconds.
    Addresses that cannot be understood without haproxy are left to it.
    """
    own = {port for _, _, port in _bound_addresses(loaded)}
    found = []
    for number, address, port in _bound_addresses(path) if own else ():
        if port not in own and (problem := _bind_problem(address, port)):
            found.append(f"{path}:{number}: cannot bind {address}:{port}: {problem}")
    return found


def with_places(words: str, *, failed: bool) -> str:
    """haproxy's words, with FILE:LINE: before each line that names a place instead of severity and pid.

    Where it failed, its version and path are left out.
    """
    lines = words.splitlines()
    if failed:
        lines = [line for line in lines if not re.match(_ABOUT, line)]
    return "\n".join(map(_with_place, lines))


def _with_place(line: str) -> str:
    """One line: `… : config : parsing [FILE:LINE] : TEXT`, or a TEXT that names the place somewhere."""
    head = re.match(_HEAD, line)
    if not head:
        return line
    text = line[head.end() :]
    warning = "warning: " if head[1] == "WARNING" else ""
    if first := re.match(_PLACE_FIRST, text):
        return f"{first[1] or first[2]}: {warning}{text[first.end() :]}"
    within = re.search(_PLACE_WITHIN, text)
    return f"{within[1] or within[2]}: {warning}{text}" if within else line


def _run_haproxy_check(path: str) -> int:
    """Run `haproxy -c`, pass on what it says, and return its exit status."""
    with open(os.memfd_create("words"), "r+", encoding="utf-8", errors="backslashreplace") as words:
        to_words = [(os.POSIX_SPAWN_DUP2, words.fileno(), 2)]
        try:
            pid = os.posix_spawnp("haproxy", ["haproxy", "-W", "-c", "-f", path], os.environ, file_actions=to_words)
        except OSError as error:
            print(f"haproxy could not be started to check the file: {error.strerror}", file=sys.stderr)
            return 1
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        words.seek(0)
        said = with_places(words.read(), failed=status != 0)
    if said:
        print(said, file=sys.stderr)
    return status if status >= 0 else 128 - status


def _lines_with_words(path: str) -> Iterator[tuple[int, str, list[str]]]:
    """The lines that hold words: number, section, words."""
    section = ""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", opener=_open_without_waiting) as file:
            lines = [line.split() for line in file]
    except OSError:
        return  # haproxy itself says so
    for number, words in enumerate(lines, 1):
        if words and not words[0].startswith("#"):
            section = words[0] if words[0] in SECTIONS else section
            yield number, section, words


def _open_without_waiting(path: str, flags: int) -> int:
    """Root reads it, too, when haproxy is reloaded: a FIFO in its place must not keep it for ever."""
    handle = os.open(path, flags | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is not a file", path)
    return handle


def _bound_addresses(path: str) -> Iterator[tuple[int, str, int]]:
    """The addresses that a file binds: line, address, port."""
    for number, _, words in _lines_with_words(path):
        if words[0] == "bind" and words[1:] and "transparent" not in words:
            for part in words[1].split(","):
                address, _, port = part.removeprefix("ipv4@").removeprefix("ipv6@").rpartition(":")
                address = address.strip("[]")
                if port.isdigit() and 0 < int(port) < 65536 and _ADDRESS.issuperset(address):
                    yield number, {"": "0.0.0.0", "*": "0.0.0.0"}.get(address, address), int(port)


def _named_ports(path: str) -> Iterator[tuple[int, str, range]]:
    """All that a file may bind: line, address, ports. Words may be quoted, also in part."""
    for number, section, quoted in _lines_with_words(path):
        words = [re.sub(r"[\"'\\]", "", word) for word in quoted]
        at = 1 if words[0] == "bind" else 2 if words[:2] == ["stats", "socket"] else 0
        at = 2 if section == "peers" and words[0] in ("peer", "server") else at
        for part in words[at].split(",") if at and len(words) > at else ():
            sort, _, place = part.rpartition("@")
            address, _, ports = place.rpartition(":")
            low, _, high = ports.partition("-")
            if len(ports) < 12 and low.isdecimal() and (high or low).isdecimal() and not sort.startswith(NO_TCP):
                yield number, address.strip("[]"), range(int(low), int(high or low) + 1)


def _overlap(one: str, other: str) -> bool:
    """Can two sockets not both be bound to these addresses? What is no plain address may be any."""
    return one.lower() == other.lower() or any(
        address in ("", "*", "0.0.0.0", "::") or not _ADDRESS.issuperset(address) for address in (one, other)
    )


def _bind_problem(address: str, port: int) -> str:
    """Why nobody can bind it, "" if it is free. Nothing listens, so no client ever gets to see this socket."""
    import socket

    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            return error.strerror or str(error)
    return ""


def _is_startable(words: list[str]) -> bool:
    return len(words) > 1 and words[1].strip("\"'") in ACCOUNT[words[0]]


if __name__ == "__main__":
    if wrong := [*account_problems(sys.argv[1]), *node_port_problems(sys.argv[1], sys.argv[2:])]:
        print("\n".join(wrong), file=sys.stderr)
        sys.exit(1)
    sys.exit(_run_haproxy_check(sys.argv[1]))
