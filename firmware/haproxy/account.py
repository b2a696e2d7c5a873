"""Lines of haproxy.cfg about its process that files of elsewhere have, and that the node decides here: account and
root directory.

haproxy runs as an account of its own and cannot become another one. What a file says of it first counts, and later words
are passed over. So a few lines that are read before the file take the place of those in it that could not be obeyed.
"""

from firmware.haproxy.configuration import Line, read_lines

_STAYS = "haproxy runs as account haproxy"
#: keyword → what is put in its place, the values that need nothing, and what to say of others
_REPLACED = {
    "user": ("user haproxy", ("haproxy", "root"), _STAYS),
    "uid": ("user haproxy", ("0",), _STAYS),
    "group": ("group haproxy", ("haproxy", "root"), _STAYS),
    "gid": ("group haproxy", ("0",), _STAYS),
    "chroot": ("chroot /", (), "haproxy stays in the node's root directory, of which it sees only what it needs"),
}


def prelude(path: str) -> str:
    """What is to be read before that file."""
    lines = dict.fromkeys(_REPLACED[line.words[0]][0] for line in _lines(path) if _is_replaced(line))
    return "\n".join(["global", *(f"    {line}" for line in lines)]) + "\n"


def asks_for_chroot(path: str) -> bool:
    """Does the file have a line `chroot`? Whoever reads one has to do it, be it to the root directory that it has."""
    return any(line.words[0] == "chroot" for line in _lines(path))


def account_warnings(path: str) -> list[str]:
    """What happens instead of what the file says, as FILE:LINE: warning: …"""
    return [
        f"{line.place}: warning: '{' '.join(line.words[:2])}' is passed over: {_REPLACED[line.words[0]][2]}"
        for line in _lines(path)
        if _is_replaced(line) or line.words[1] in ("root", "0")
    ]


def _lines(path: str) -> list[Line]:
    found = (line for line in read_lines(path) if line.section == "global" and line.words[0] in _REPLACED)
    return [line for line in found if len(line.words) > 1]


def _is_replaced(line: Line) -> bool:
    keyword, value = line.words[:2]
    return value not in _REPLACED[keyword][1]
