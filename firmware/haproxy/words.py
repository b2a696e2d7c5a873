"""haproxy's words, with the places that they name in front."""

import re

#: how haproxy begins a line, what it says about itself, and the places that it names
_HEAD = r"\[(ALERT|WARNING|DIAG)\]\s+(?:[\d/]+\s+)?(?:\(\d+\) : )?(?:config : )?"
_ABOUT = r"\[NOTICE\].*: (?:haproxy version|path to executable) is "
_PLACE_FIRST = r"(?:[Pp]arsing )?\[([^\[\]]+:\d+)\] ?: ?|(/[^:]+:\d+): "
_PLACE_WITHIN = r"\[(/[^\[\]:]+:\d+)\]|(?:^| )(/[^ :]+:\d+): "


#: an address that the kernel did not let it bind
_NOT_HELD = r"Cannot assign requested address\) for \[(.*):\d+\]"


def not_held(address: str) -> str:
    """What helps where an address is not this node's (now), and the kernel was told to insist on that."""
    setting = f"net.ipv{6 if ':' in address else 4}.ip_nonlocal_bind"
    return (
        f"this node does not hold {address}, and {setting} is 0; a standby binds what the other node holds "
        f"with 1 (config add system sysctl {setting}=1, service system apply)"
    )


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
    if lost := re.search(_NOT_HELD, text):
        text = f"{text}: {not_held(lost[1])}"
    warning = "warning: " if head[1] == "WARNING" else ""
    if first := re.match(_PLACE_FIRST, text):
        return f"{first[1] or first[2]}: {warning}{text[first.end() :]}"
    within = re.search(_PLACE_WITHIN, text)
    return f"{within[1] or within[2]}: {warning}{text}" if within else line
