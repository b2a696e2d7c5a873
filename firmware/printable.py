"""Text that somebody else wrote, for terminals, logs and messages: nothing in it is obeyed, and one line stays one line.

What a peer sends is made printable when it arrives (`sync.message`); whatever a command prints, and whatever is logged, once
more where it leaves (`commands.output`, `log`): to do it twice changes nothing.
"""

import re

#: a byte that is no UTF-8, as `repr` writes it
_BYTE = re.compile(r"(?<!\\)((?:\\\\)*)\\u(dc[89a-f][0-9a-f])")
_SURROGATE = re.compile("[\udc80-\udcff]")


def escape(text: str, keep: str = "") -> str:
    """The text with its control characters, but for those in `keep`, written out as Python escapes them, and bytes that are
    not UTF-8 as three octal digits, as in `caf\\351`: so `ls` and diffs spell the name of a file, too."""
    if text.isprintable():
        return text
    if "\n" in keep:
        return "\n".join(escape(line, keep.replace("\n", "")) for line in text.split("\n"))
    return "".join(letter if letter.isprintable() or letter in keep else _escape_letter(letter) for letter in text)


def _escape_letter(letter: str) -> str:
    if "\udc80" <= letter <= "\udcff":  # a byte, as the system's names and our own files have them
        return f"\\{ord(letter) - 0xDC00:03o}"
    return letter.encode("unicode_escape").decode()


def spell_bytes(data: bytes) -> str:
    """What a program wrote, as text; bytes that are not UTF-8 as `escape` spells them."""
    text = data.decode("utf-8", "surrogateescape")
    return text if text.isascii() else _SURROGATE.sub(lambda byte: _escape_letter(byte[0]), text)


def shorten(text: str, limit: int = 2000) -> str:
    """As much of the text as people read: `limit` characters, and then how many there are."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


def quote_word(word: str, limit: int = 60) -> str:
    """A word for a message: always quoted, as Python does it, but for bytes, which `escape` spells so, too; with at most
    `limit` of its characters."""
    quoted = _BYTE.sub(lambda byte: byte[1] + _escape_letter(chr(int(byte[2], 16))), repr(word[:limit]))
    return quoted if len(word) <= limit else f"{quoted}…"


def quote_path(path: str) -> str:
    """A path in the head of a diff, where its end has to be known: as it is, or quoted as C does it if it has other than
    plain characters. Anywhere else `escape` spells it."""
    if path.isprintable() and path == path.strip() and not set(path) & set('"\\'):
        return path
    quoted = "".join(
        char if char.isprintable() and char not in '"\\' else "".join(f"\\{byte:03o}" for byte in _encode(char))
        for char in path
    )
    return f'"{quoted}"'


def bracket_address(address: str) -> str:
    """An address as it stands before a port: one of IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
