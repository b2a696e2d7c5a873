"""Files that haproxy.cfg names and that do not belong to service haproxy: a push leaves them behind."""

import itertools
import os
import re
from collections.abc import Iterator

from firmware.haproxy.configuration import Line, read_lines

OWNED = "/etc/haproxy/"
#: what every node has, or has for the time it runs
_EVERYWHERE = (
    "/usr/", "/bin/", "/sbin/", "/dev/", "/proc/", "/sys/", "/run/", "/var/run/", "/etc/ssl/certs/", "/etc/ssl/cert.pem/",
    "/etc/resolv.conf/", "/etc/hosts/",
)  # fmt: skip
#: options with a file or directory after them, anywhere in a line
_OPTIONS = (
    "crt", "ca-file", "ca-verify-file", "ca-sign-file", "crl-file", "crt-list", "tls-ticket-keys", "file", "lf-file", "errorfile",
    "-f", "ocsp", "issuer", "sctl", "key",
)  # fmt: skip
#: keywords at the beginning of a line, and which word is a file
_KEYWORDS = {
    "lua-load": 1, "lua-load-per-thread": 1, "errorfile": 2, "ssl-dh-param-file": 1, "load": 2,
}  # fmt: skip
_BASES = {"crt": "crt-base", "crt-list": "crt-base", "key": "key-base"}
_CA_BASE = ("ca-file", "ca-verify-file", "crl-file")
_MAP = re.compile(r"\bmap(?:_\w+)?\(([^,)]+)")


def left_behind(path: str) -> list[str]:
    """The files outside of the service's directory that are named, as FILE:LINE: warning: …"""
    lines = list(read_lines(path))
    bases = {line.words[0]: line.words[1] for line in lines if line.words[0].endswith("-base") and line.words[1:]}
    return [f"{line.place}: warning: {_advice(name)}" for line in lines for name in _foreign_files(line, bases)]


def _foreign_files(line: Line, bases: dict[str, str]) -> Iterator[str]:
    named = dict.fromkeys(os.path.normpath(name) for name in _files_of(line, bases) if name.startswith("/"))
    yield from (name for name in named if not f"{name}/".startswith((OWNED, *_EVERYWHERE)))


def _files_of(line: Line, bases: dict[str, str]) -> Iterator[str]:
    words = line.words
    at = _KEYWORDS.get(words[0], 0)
    if at and len(words) > at:
        yield words[at]
    for option, name in itertools.pairwise(words):
        if option in _OPTIONS and not name.startswith("@"):
            base = bases.get("ca-base" if option in _CA_BASE else _BASES.get(option, ""), "")
            yield name if name.startswith("/") or not base else f"{base}/{name}"
    yield from (name.strip() for word in words for name in _MAP.findall(word))


def _advice(name: str) -> str:
    lost = "" if name.startswith("/etc/") else "; it is gone after a reboot, too"
    return f"{name} is not below {OWNED[:-1]}, so it is not pushed{lost}: move it there"
