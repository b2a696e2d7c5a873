"""A bundle on a web server: all of it piece by piece, or a part of it; where the connection breaks it goes on from there.

It is always asked for at the address that was given: where that leads to may be signed, and valid for a minute.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.client import BadStatusLine, HTTPException

from firmware.errors import Failure
from firmware.printable import escape, quote_word
from firmware.upgrade import web_address, web_request
from firmware.upgrade.web_address import WebAddress, is_url
from firmware.upgrade.web_request import LOOK_SECONDS, Answer, CalledOff, NotNow

__all__ = ["Download", "find", "is_url", "part", "pieces"]

#: how often it goes on where it broke, seconds before that
TRIES, PAUSE = 4, 1.0
#: seconds after which all of it has to be here: meanwhile nobody else can get or install a bundle
MOST_SECONDS = 3600.0
_PIECE = 256 << 10
_CONTENT_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15}|\*)")
_STRONG_TAG = re.compile(r'"[!#-~\x80-\xff]*"')
_OTHER = "something else stands there now"


@dataclass(frozen=True, slots=True)
class Download:
    """A file on a server, at the address that was given: its bytes, None where the server does not say; whether the server sends
    parts; `tag` is what the server calls this content, "" for nothing. Whatever is done with it is Refused once it is called
    off."""

    address: WebAddress
    size: int | None
    sends_parts: bool
    tag: str = ""
    is_called_off: CalledOff = field(default=None, compare=False)


def find(url: str, pause: float = PAUSE, is_called_off: CalledOff = None) -> Download:
    """Look at a file on a server. Failure if it cannot be had; Usage if that is no address."""
    address = web_address.parse(url)
    with _first_answer(address, pause, is_called_off) as answer:
        found = _CONTENT_RANGE.fullmatch(answer.header("Content-Range"))
        if answer.response.status == 206 and found and found[3] != "*":
            return Download(address, int(found[3]), True, _tag(answer), is_called_off)
        size = _length(answer) if answer.response.status == 200 else None
        return Download(address, size, False, _tag(answer), is_called_off)


def part(source: Download, at: int, size: int, pause: float = PAUSE) -> bytes:
    """So many bytes from there on. Failure if they cannot be had."""
    return b"".join(pieces(source, at, size, pause=pause))


def pieces(source: Download, at: int = 0, size: int | None = None, *, pause: float = PAUSE) -> Iterator[bytes]:
    """What stands there from `at` on: `size` bytes, or all. Whatever a server sends beyond is not taken."""
    end = at + size if size is not None else source.size
    tries, latest = TRIES, time.monotonic() + MOST_SECONDS
    while True:
        begun, wait = at, pause
        try:
            with _open(source, at, end) as answer:
                source = source if at else replace(source, tag=_tag(answer))
                while (end is None or at < end) and (
                    piece := answer.read(_PIECE if end is None else min(_PIECE, end - at))
                ):
                    _require_time(source, latest, at)
                    at += len(piece)
                    yield piece
            if end is None or at >= end:
                return
            raise HTTPException(f"it ended after {at} of {end} bytes")
        except (OSError, HTTPException, ValueError) as error:
            if not tries:
                raise Failure(f"{source.address.public_form}: {_why(error)}, after {at} bytes", "try again") from None
            wait = _seconds(error, pause)
        tries = TRIES if at - begun > _PIECE else tries - 1
        _pause(wait, source.is_called_off)


def _open(source: Download, at: int, end: int | None) -> Answer:
    """Have a server send what stands there; all of it where it begins at the beginning and has no known end. Failure if
    that is not what stood there before."""
    is_whole = not at and end == source.size
    words = "" if is_whole else f"{at}-{'' if end is None else end - 1}"
    answer = web_request.ask(source.address, words, source.tag, source.is_called_off)
    problem = _whole_problem(source, answer) if is_whole else _part_problem(source, answer, at)
    if not problem:
        return answer
    with answer:
        raise Failure(f"{source.address.public_form}: {problem}", "try again")


def _whole_problem(source: Download, answer: Answer) -> str:
    size = _length(answer)
    return _OTHER if None not in (size, source.size) and size != source.size else ""


def _part_problem(source: Download, answer: Answer, at: int) -> str:
    """What is wrong with an answer that has to go on from there, in words; "" for nothing."""
    found = _CONTENT_RANGE.fullmatch(answer.header("Content-Range"))
    if answer.response.status != 206 or not found or int(found[1]) != at:
        what = f"no parts, or {_OTHER}" if source.sends_parts else "no parts"
        return f"it broke off after {at} bytes, and the server sends {what}"
    tag, size = _tag(answer), found[3]
    is_other = bool(tag and source.tag and tag != source.tag)
    return _OTHER if is_other or (size != "*" and source.size not in (None, int(size))) else ""


def _tag(answer: Answer) -> str:
    """What the server calls the content; "" for a tag that other content may have, too."""
    tag = answer.header("ETag")
    return tag if _STRONG_TAG.fullmatch(tag) else ""


def _length(answer: Answer) -> int | None:
    size = answer.header("Content-Length")
    return int(size) if re.fullmatch(r"[0-9]{1,15}", size) else None


def _first_answer(address: WebAddress, pause: float, is_called_off: CalledOff) -> Answer:
    """A server that cannot be reached at all is not asked again: nothing has gone well there yet."""
    tries = TRIES
    while True:
        try:
            return web_request.ask(address, "0-0", is_called_off=is_called_off)
        except (OSError, HTTPException, ValueError) as error:
            if not tries or not isinstance(error, HTTPException | ConnectionResetError):
                hint = "try again" if isinstance(error, NotNow) else ""
                raise Failure(f"{address.public_form}: {_why(error)}", hint) from None
            wait = _seconds(error, pause)
        tries -= 1
        _pause(wait, is_called_off)


def _pause(seconds: float, is_called_off: CalledOff) -> None:
    """Leave a server alone for so long, or until it is called off: who asks then is told."""
    if is_called_off is None:
        time.sleep(seconds)
        return
    end = time.monotonic() + seconds
    while not is_called_off() and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, LOOK_SECONDS))


def _seconds(error: Exception, pause: float) -> float:
    """How long a server is left alone after an error."""
    return max(pause, error.seconds) if isinstance(error, NotNow) else pause


def _require_time(source: Download, latest: float, at: int) -> None:
    if time.monotonic() > latest:
        words = f"it comes too slowly: {at} bytes in {MOST_SECONDS / 60:g} minutes"
        raise Failure(f"{source.address.public_form}: {words}", "try another server")


def _why(error: Exception) -> str:
    if isinstance(error, BadStatusLine) and not isinstance(error, ConnectionResetError):
        return f"it does not answer as a web server does, but says {quote_word(str(error).strip())}"
    return escape(str(getattr(error, "strerror", None) or str(error) or type(error).__name__))
