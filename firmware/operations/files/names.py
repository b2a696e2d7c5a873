"""How paths are spelled between a browser and this node: as text, with the bytes that text cannot have, or that would be
obeyed, as a backslash and three octal digits.

Both ways it is one rule: `caf\\351` is the name with that byte, `a\\134b` the one with a backslash in it, `a\\012b` the one
with a newline. Whoever gets a name may show it as it is, and sends it back as it is.
"""

import os
import re

from firmware.errors import Usage
from firmware.printable import quote_word

_BYTE = re.compile(r"\\([0-3][0-7]{2})")
#: bytes of a path and of a name that the kernel takes
_LONGEST_PATH, _LONGEST_NAME = 4095, 255


def spell(name: str) -> str:
    """A name or path of this node for a browser."""
    if name.isprintable() and "\\" not in name:
        return name
    return "".join(
        char if char.isprintable() and char != "\\" else "".join(f"\\{byte:03o}" for byte in os.fsencode(char))
        for char in name
    )


def parse_name(text: str) -> str:
    """The name of a file that a browser wrote; Usage if nothing can have it."""
    name = _unspell(text)
    if name in ("", ".", "..") or "/" in name or len(os.fsencode(name)) > _LONGEST_NAME:
        raise Usage(f"{quote_word(text)}: no file can have this name")
    return name


def parse_path(text: str) -> str:
    """The path below / (without that slash, "" for / itself) that a browser wrote; Usage if it is not an absolute one."""
    if not text.startswith("/"):
        raise Usage(f"{quote_word(text)}: not an absolute path", "it begins with /")
    parts = [parse_name(part) for part in text.split("/") if part]
    path = "/".join(parts)
    if len(os.fsencode(path)) >= _LONGEST_PATH:
        raise Usage(f"{quote_word(text)}: the path is too long")
    return path


def _unspell(text: str) -> str:
    plain = _BYTE.sub("", text)
    try:
        data = b"".join(
            bytes([int(part, 8)]) if number % 2 else part.encode() for number, part in enumerate(_BYTE.split(text))
        )
    except UnicodeEncodeError:
        raise Usage(f"{quote_word(text)}: not text") from None
    if "\\" in plain or b"\0" in data:
        raise Usage(
            f"{quote_word(text)}: no file can have this name", "a backslash is written \\134, another byte likewise"
        )
    return os.fsdecode(data)
