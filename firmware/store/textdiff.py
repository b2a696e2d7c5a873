"""Differences as text for people. Binary content is not shown, and private keys and password hashes never are."""

import hashlib
import re
from itertools import accumulate

from firmware.printable import quote_path

_PRIVATE = re.compile(
    rb"-{4,5} ?BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY|PuTTY-User-Key-File-[0-9]|\A\s*[A-Za-z0-9+/]{43}=\s*\Z"
)
#: keys that stand in one line of a file: WireGuard's, in its own files and in config.rc
_SECRET = re.compile(
    rb"(?im)^([ \t]*(?:[a-z]+[ \t]+)?(?:private_?key|preshared_?key)(?:[ \t]*=[ \t]*|[ \t]+))([^\s#]+)"
)
#: files of password hashes, by name
_HASHES = ("shadow", "shadow-", "gshadow", "gshadow-")
#: characters of a difference that are shown
LIMIT = 100_000
#: lines beyond which no shortest difference is looked for: that can take forever
_MANY = 4000
_CONTEXT = 3


def holds_private_key(data: bytes) -> bool:
    """Is there a private key in it (PEM of any kind, OpenSSH, PGP, PuTTY, or nothing but a WireGuard key)?"""
    return _PRIVATE.search(data) is not None


def secret_kind(path: str, *versions: bytes | None) -> str:
    """What there is in a file that is not for anybody's eyes, in words; "" if there is nothing."""
    if path.rpartition("/")[2] in _HASHES:
        return "password hashes"
    return "private key" if any(holds_private_key(data) for data in versions if data) else ""


def unified_diff(path: str, old: bytes | None, new: bytes | None, *, coarse: bool = False) -> str | None:
    """The unified difference, "" if there is none; `old` or `new` is None where there is no file. With `coarse` it is fast
    for any text, and not the shortest.

    None if either is binary, or holds a secret (`secret_kind`). Secrets that stand in one line are shown as a hash, so that
    one still sees that they changed. What goes beyond LIMIT is left out; the last line then says how much that is.
    """
    if secret_kind(path, old, new):
        return None
    before, after = _lines(old), _lines(new)
    if before is None or after is None:
        return None
    names = ["/dev/null" if data is None else prefix + path for prefix, data in (("a", old), ("b", new))]
    return _limit(
        [_with_ending(line) for line in _compare(before, after, [quote_path(name) for name in names], coarse)]
    )


def _lines(data: bytes | None) -> list[str] | None:
    """The lines with their ends, secrets hidden; None for what is no text."""
    try:
        text = _SECRET.sub(_hide_secret, data or b"").decode("utf-8")
    except UnicodeDecodeError:
        return None
    *whole, last = text.split("\n")
    return None if "\0" in text else [line + "\n" for line in whole] + [last] * bool(last)


def _hide_secret(match: re.Match[bytes]) -> bytes:
    return match[1] + b"(not shown, sha256 " + hashlib.sha256(match[2]).hexdigest()[:12].encode() + b")"


def _compare(before: list[str], after: list[str], names: list[str], coarse: bool) -> list[str]:
    if not coarse and len(before) + len(after) <= _MANY:
        import difflib  # which takes longer to load than most differences to find

        return list(difflib.unified_diff(before, after, names[0], names[1], n=_CONTEXT))
    return _compare_coarsely(before, after, names)


def _compare_coarsely(before: list[str], after: list[str], names: list[str]) -> list[str]:
    """Without looking for common lines between the first and the last difference."""
    if before == after:
        return []
    shortest = min(len(before), len(after))
    head = next((at for at in range(shortest) if before[at] != after[at]), shortest)
    tail = next((at for at in range(shortest - head) if before[-1 - at] != after[-1 - at]), shortest - head)
    start, kept = max(0, head - _CONTEXT), min(tail, _CONTEXT)
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    lead, trail = before[start:head], before[len(before) - tail :][:kept]
    spans = [_span(start, len(lead) + len(part) + len(trail)) for part in (old, new)]
    title = [f"--- {names[0]}\n", f"+++ {names[1]}\n", f"@@ -{spans[0]} +{spans[1]} @@\n"]
    rows = ((" ", lead), ("-", old), ("+", new), (" ", trail))
    return title + [mark + line for mark, part in rows for line in part]


def _span(start: int, length: int) -> str:
    return f"{start + bool(length)},{length}"


def _with_ending(line: str) -> str:
    return line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"


def _limit(lines: list[str]) -> str:
    fitting = sum(size <= LIMIT for size in accumulate(map(len, lines)))
    more = len(lines) - fitting
    return "".join(lines[:fitting]) + (f"... {more} more line{'s' * (more > 1)}, not shown\n" if more else "")
