"""A message from a peer: the one place where what it sent becomes values of ours, each of its type and within its bounds.

Nobody else looks into a peer's JSON. What is for people becomes printable here, so that it may go anywhere from here on:
into the log, the trail and messages; what is not as it should be is an error that names the part, and never repeats it.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from firmware.errors import Failure, from_status
from firmware.printable import escape, shorten

DIGEST = re.compile(r"xxh3-128:[0-9a-f]{32}")
SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
#: the number of a push
PUSH = re.compile(r"[0-9a-f]{32}")
#: the name of a service, with or without an instance
TITLE = re.compile(r"[A-Za-z0-9][\w-]{0,63}(\.[A-Za-z0-9][\w.:@-]{0,63})?", re.ASCII)
MODE = re.compile(r"[0-7]{4}")
#: characters of words for people on one line, of what a program said, and of a name · bytes of a path
MAX_WORDS, MAX_OUTPUT, MAX_NAME, MAX_PATH = 2000, 20_000, 64, 4096

T = TypeVar("T")
_NONE: Any = object()


@dataclass(frozen=True, slots=True)
class Message:
    """The body of a message, or an object in it. `what` begins each error about it; `error` is the kind of error that such a
    message is, and `hint` says what to do about it."""

    body: Mapping[str, Any]
    what: str = ""
    error: type[Failure] = Failure
    hint: str = ""

    def complaint(self, key: str, why: str = "malformed") -> Failure:
        """What to raise about that part."""
        return self.error(": ".join(filter(None, (self.what, key, why))), self.hint)

    def text(self, key: str, most: int, absent: str = _NONE) -> str:
        """Text as it came, such as a block."""
        value = self.body.get(key, absent)
        if not isinstance(value, str):
            raise self.complaint(key, "missing, or not text")
        if len(value) > most:
            raise self.complaint(key, f"longer than {most} characters")
        return value

    def words(self, key: str, absent: str = _NONE, most: int = MAX_WORDS) -> str:
        """Words for people: printable, on one line, as many as people read."""
        lines = self._string(key, absent)[: 4 * most].splitlines()
        return shorten(escape("; ".join(line.strip() for line in lines if line.strip())), most)

    def output(self, key: str) -> str:
        """What a program said: printable, line by line, as much as people read."""
        return shorten(escape(self._string(key, _NONE)[: 4 * MAX_OUTPUT], keep="\n\t"), MAX_OUTPUT)

    def _string(self, key: str, absent: str) -> str:
        return self.text(key, 1 << 25, absent)

    def name(self, key: str, most: int = MAX_NAME, absent: str = _NONE) -> str:
        """A short printable text, such as an address or a version."""
        value = self.text(key, most, absent)
        if not value.isprintable():
            raise self.complaint(key)
        return value

    def token(self, key: str, shape: re.Pattern[str], absent: str = _NONE) -> str:
        """A text of that shape, or ""."""
        value = self.body.get(key, absent)
        if not isinstance(value, str) or (value and not shape.fullmatch(value)):
            raise self.complaint(key)
        return value

    def title(self, key: str) -> str:
        """The name of a service, with or without an instance."""
        if not (found := self.token(key, TITLE)):
            raise self.complaint(key)
        return found

    def path(self, key: str) -> str:
        """A path, as names on a file system can be: control characters are not written out in it."""
        value = self.text(key, MAX_PATH)
        try:
            is_too_long = len(os.fsencode(value)) > MAX_PATH
        except UnicodeEncodeError:
            raise self.complaint(key) from None
        if is_too_long:
            raise self.complaint(key)
        return value

    def number(self, key: str, low: int = 0, high: int = (1 << 31) - 1, absent: int = _NONE) -> int:
        """A whole number from `low` to `high`."""
        value = self.body.get(key, absent)
        if type(value) is not int or not low <= value <= high:
            raise self.complaint(key, "not a whole number, or out of bounds")
        return value

    def flag(self, key: str, absent: bool = _NONE) -> bool:
        """True or false."""
        value = self.body.get(key, absent)
        if not isinstance(value, bool):
            raise self.complaint(key, "neither true nor false")
        return value

    def part(self, key: str) -> "Message":
        """An object in it."""
        value = self.body.get(key)
        if not isinstance(value, dict):
            raise self.complaint(key, "not an object")
        return Message(value, ": ".join(filter(None, (self.what, key))), self.error, self.hint)

    def optional(self, key: str, read: Callable[["Message"], T]) -> T | None:
        """An object in it, read by that function; None where there is none."""
        return None if self.body.get(key) is None else read(self.part(key))

    def each(
        self, key: str, read: Callable[["Message", str], T], most: int, *, cut: bool = False, absent: Any = _NONE
    ) -> tuple[T, ...]:
        """A list in it, of at most so many; of more, the first ones with `cut`. `read` is what reads one of them, such as
        `Message.path`."""
        values = self.body.get(key, absent)
        if not isinstance(values, list | tuple) or (len(values) > most and not cut):
            raise self.complaint(key, f"not a list of at most {most}")
        return tuple(read(Message({key: value}, self.what, self.error, self.hint), key) for value in values[:most])

    def table(self, key: str, most: int) -> list[tuple[str, "Message"]]:
        """The first so many objects of an object, by titles of services."""
        inner = self.part(key)
        for title in inner.body:
            if not TITLE.fullmatch(title):
                raise self.complaint(key)
        return [(title, inner.part(title)) for title in list(inner.body)[:most]]


def parse_refusal(content: Mapping[str, Any], peer: str) -> Failure:
    """What that peer says where it does not do what it was asked for, as the error that it is."""
    message = Message(content, f"the answer of {peer}: it is malformed")
    words = message.words("error", absent="it refuses it, and does not say why")
    status = content.get("exit")
    return from_status(status if type(status) is int else Failure.status, f"{peer}: {words}", message.words("hint", ""))
