"""Differences as text for people. Binary content is not shown, and secrets never are.

busybox's diff finds them, in a process that may take so much memory and processor time and no more: a peer chooses both
what is compared and how alike it is. What it would take more for is too different for anybody to read.
"""

import codecs
import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from firmware.errors import Failure
from firmware.printable import quote_path
from firmware.run import Limits, run
from firmware.store.confidential import hide_secrets, secret_kind
from firmware.store.paths import CONFIG

#: characters of a difference that are shown
LIMIT = 100_000
#: of all differences in one answer: characters as JSON has them, and seconds in which they are worked out
ALL_CHARACTERS, ALL_SECONDS = 1_000_000, 10.0
#: what diff may take: two versions of 8 MiB with lines of 20 bytes and more fit
LIMITS, SECONDS = Limits(memory=40 << 20, seconds=5, output=1 << 20), 10.0
#: bytes of a file that is compared; beyond it, nothing is read into memory
LARGEST = 8 << 20
TOO_LARGE = f"... not shown: a file of more than {LARGEST >> 20} MiB\n"
TOO_DIFFERENT = "... not shown: too different\n"
ENOUGH = "... not shown: there is more than enough before it\n"
_DIFF = ("busybox", "diff", "-a", "-U", "3")
#: exit status: equal; they differ; ended because there is more output than is taken; there is no such program
_EQUAL, _DIFFERENT, _CUT, _NO_PROGRAM = 0, 1, -25, 127
_PIECE = 1 << 16

Read = Callable[[], bytes | None]


@dataclass(slots=True)
class Differences:
    """All differences that one answer shows, and what is left of what a person reads and waits for."""

    characters: int = ALL_CHARACTERS
    seconds: float = ALL_SECONDS

    def between(self, path: str, read_old: Read, read_new: Read, size: int = 0) -> str | None:
        """As `unified_diff`; ENOUGH, and nothing is read, once nothing is left, and TOO_LARGE where one of both has so many
        bytes that it is more than LARGEST."""
        if size > LARGEST:
            return TOO_LARGE
        if self.characters <= 0 or self.seconds <= 0:
            return ENOUGH
        began = time.monotonic()
        found = unified_diff(path, read_old(), read_new())
        self.seconds -= time.monotonic() - began
        self.characters -= len(json.dumps(found))
        return found


def unified_diff(path: str, old: bytes | None, new: bytes | None) -> str | None:
    """The unified difference, "" if there is none; `old` or `new` is None where there is no file. TOO_DIFFERENT if it is not
    to be had with LIMITS.

    None if either is binary, or holds a secret (`secret_kind`). Of secrets that stand in one line one only sees
    whether they changed (`hide_secrets`). What goes beyond LIMIT is left out; the last line then says how much that is.
    """
    if path == CONFIG:
        old, new = _readable(old), _readable(new)
    if secret_kind(path, old, new) or not (_is_text(old or b"") and _is_text(new or b"")):
        return None
    body = _compare(old, new) if old and new else _list_lines(old, new)
    if not body or body == TOO_DIFFERENT:
        return body
    names = [quote_path("/dev/null" if data is None else prefix + path) for prefix, data in (("a", old), ("b", new))]
    return f"--- {names[0]}\n+++ {names[1]}\n{body}"


def _readable(data: bytes | None) -> bytes | None:
    """config.rc with the bytes that are no UTF-8, which comments may hold, written out: it is text all the same."""
    return None if data is None else data.decode("utf-8", "backslashreplace").encode()


def _is_text(data: bytes) -> bool:
    if b"\0" in data:
        return False
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(data), _PIECE):
            decoder.decode(data[start : start + _PIECE])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _compare(old: bytes, new: bytes) -> str:
    try:
        done = run(_DIFF, documents=(old, new), limits=LIMITS, timeout=SECONDS, check=False)
    except Failure:  # it has not ended in time
        return TOO_DIFFERENT
    if done.status == _NO_PROGRAM:
        raise Failure(f"busybox diff: {done.output}", "this firmware is incomplete: install it again")
    if done.status == _EQUAL:
        return ""
    if done.status not in (_DIFFERENT, _CUT) or done.stderr:  # out of memory is status 1, too
        return TOO_DIFFERENT
    return _shorten(done.stdout.split("\n", 2)[-1], is_whole=done.status == _DIFFERENT)


def _list_lines(old: bytes | None, new: bytes | None) -> str:
    """The difference where there is nothing on one side."""
    data, mark = (old, "-") if old else (new or b"", "+")
    if not data:
        return ""
    count = data.count(b"\n") + (not data.endswith(b"\n"))
    span = f"1,{count}" if count > 1 else "1"
    shown = data[:LIMIT].decode("utf-8", "ignore")
    lines = f"\n{mark}".join(shown.removesuffix("\n").split("\n"))
    ending = "\n" if data.endswith(b"\n") else "\n\\ No newline at end of file\n"
    head = f"@@ -{span} +0,0 @@\n" if old else f"@@ -0,0 +{span} @@\n"
    return _shorten(f"{head}{mark}{lines}" + ending * (len(data) <= LIMIT), lines=count + 1)


def _shorten(text: str, *, is_whole: bool = True, lines: int = 0) -> str:
    """What is shown of a difference that has so many lines, or as many as the text, or more if it is not whole."""
    total = lines or text.count("\n")
    shown = text if len(text) <= LIMIT and text.endswith("\n") else text[: text.rfind("\n", 0, LIMIT) + 1]
    more = max(total - shown.count("\n"), not is_whole)
    amount = f"{more} more line{'s' * (more > 1)}" if is_whole else f"{more} more lines or more"
    return hide_secrets(shown) + f"... {amount}, not shown\n" * (more > 0)
