"""Lines with which haproxy takes the addresses of others: of its clients towards servers (`source … usesrc`), of servers
towards clients (`bind … transparent`). The kernel lets it only with a capability that an operator of this node gives it.
"""

import os

from firmware.haproxy.configuration import Line, read_lines

#: a file beside those that are read before haproxy.cfg: it is there if haproxy has the capability
ALLOWED = "transparent_source"
_REMEDY = "config set system transparent_source on"
_ROOT = ("root", "0")


def transparent_problems(path: str, base: str) -> list[str]:
    """The lines with which no connection to a server would come about, as FILE:LINE: …; `base` has the file ALLOWED or not."""
    lines = list(read_lines(path))
    using = [line for line in lines if "usesrc" in line.words]
    if using and os.path.exists(f"{base}/{ALLOWED}"):
        return [
            f"{line.place}: '{line.words[0]}' does not go with 'usesrc': leave it out"
            for line in lines
            if _names_account(line)
        ]
    return [
        f"{line.place}: 'usesrc' is not allowed on this node: {_REMEDY}, if you trust who writes this file"
        for line in using
    ]


def transparent_warnings(path: str, base: str) -> list[str]:
    """The lines that bind an address, but take nothing that is for another one, as FILE:LINE: warning: …"""
    if os.path.exists(f"{base}/{ALLOWED}"):
        return []
    binding = [line for line in read_lines(path) if line.words[0] == "bind" and "transparent" in line.words]
    return [f"{line.place}: warning: 'transparent' takes only what is for this address ({_REMEDY})" for line in binding]


def _names_account(line: Line) -> bool:
    keyword, *values = line.words
    return line.section == "global" and keyword in ("user", "uid") and values[:1] != [] and values[0] not in _ROOT
