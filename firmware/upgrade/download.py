"""A bundle on a web server: all of it piece by piece, or a part of it; where the connection breaks it goes on from there."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException

from firmware.errors import Failure
from firmware.printable import escape
from firmware.upgrade import web_request
from firmware.upgrade.web_request import Answer, is_url

__all__ = ["Download", "find", "is_url", "part", "pieces"]

#: how often it goes on where it broke, seconds before that
TRIES, PAUSE = 4, 1.0
_PIECE = 256 << 10
_CONTENT_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15}|\*)")


@dataclass(frozen=True, slots=True)
class Download:
    """A file on a server, where it was found in the end: its bytes, None where the server does not say; whether the server sends
    parts; `tag` is what the server calls this content, "" for nothing."""

    url: str
    size: int | None
    sends_parts: bool
    tag: str = ""


def find(url: str) -> Download:
    """Look at a file on a server. Failure if it cannot be had; Usage if that is no address."""
    with _first_answer(url) as answer:
        tag = answer.header("ETag")
        tag = "" if tag.startswith("W/") else tag
        found = _CONTENT_RANGE.fullmatch(answer.header("Content-Range"))
        if answer.response.status == 206 and found and found[3] != "*":
            return Download(answer.url, int(found[3]), True, tag)
        size = answer.header("Content-Length") if answer.response.status == 200 else ""
        return Download(answer.url, int(size) if re.fullmatch(r"[0-9]{1,15}", size) else None, False, tag)


def part(source: Download, at: int, size: int, pause: float = PAUSE) -> bytes:
    """So many bytes from there on. Failure if they cannot be had."""
    return b"".join(pieces(source, at, size, pause=pause))


def pieces(source: Download, at: int = 0, size: int | None = None, *, pause: float = PAUSE) -> Iterator[bytes]:
    """What stands there from `at` on: `size` bytes, or all. Whatever a server sends beyond is not taken."""
    end = at + size if size is not None else source.size
    tries = TRIES
    while True:
        begun = at
        try:
            with _open(source, at, end) as answer:
                while (end is None or at < end) and (
                    piece := answer.read(_PIECE if end is None else min(_PIECE, end - at))
                ):
                    at += len(piece)
                    yield piece
            if end is None or at >= end:
                return
            raise HTTPException(f"it ended after {at} of {end} bytes")
        except (OSError, HTTPException, ValueError) as error:
            if not tries:
                raise Failure(f"{escape(source.url)}: {_why(error)}, after {at} bytes", "try again") from None
        tries = TRIES if at - begun > _PIECE else tries - 1
        time.sleep(pause)


def _open(source: Download, at: int, end: int | None) -> Answer:
    """Have a server send what stands there; all of it where it begins at the beginning and has no known end."""
    if not at and end == source.size:
        return web_request.ask(source.url)
    answer = web_request.ask(source.url, f"{at}-{'' if end is None else end - 1}", source.tag)
    found = _CONTENT_RANGE.fullmatch(answer.header("Content-Range"))
    if answer.response.status == 206 and found and int(found[1]) == at:
        return answer
    with answer:
        what = "no parts, or something else stands there now" if source.sends_parts else "no parts"
        raise Failure(f"{escape(source.url)}: it broke off after {at} bytes, and the server sends {what}", "try again")


def _first_answer(url: str) -> Answer:
    try:
        return web_request.ask(url, "0-0")
    except (OSError, HTTPException, ValueError) as error:
        raise Failure(f"{escape(url)}: {_why(error)}") from None


def _why(error: Exception) -> str:
    return escape(str(getattr(error, "strerror", None) or str(error) or type(error).__name__))
