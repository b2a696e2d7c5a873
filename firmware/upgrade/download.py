"""A bundle from a web server, piece by piece; where the connection breaks it goes on from there."""

import time
from collections.abc import Iterator
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from firmware.errors import Failure, Usage
from firmware.printable import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from http.client import HTTPResponse

#: seconds for each answer, how often it goes on where it broke, seconds before that
PATIENCE, TRIES, PAUSE = 30.0, 4, 1.0
_PIECE = 256 << 10


def is_url(word: str) -> bool:
    """Does a word name a place on the network?"""
    return word.lower().startswith(("http://", "https://"))


def open_download(url: str, pause: float = PAUSE) -> tuple[int | None, Iterator[bytes]]:
    """How many bytes there are, if the server says so, and they themselves. Failure if they cannot be had.

    Who sends them need not be believed: the bundle is signed. https is for who wants to keep to himself what he fetches."""
    if not is_url(url) or not urlsplit(url).hostname:
        raise Usage(f"{escape(url)}: it is no address that begins with http:// or https://")
    answer = _ask(url, 0)
    size = answer.headers.get("Content-Length", "")
    return (int(size) if size.isascii() and size.isdigit() else None), _pieces(url, answer, size, pause)


def _pieces(url: str, answer: "HTTPResponse", size: str, pause: float) -> Iterator[bytes]:
    whole = int(size) if size.isascii() and size.isdigit() else None
    at, tries = 0, TRIES
    while True:
        try:
            with answer:
                while piece := answer.read(_PIECE):
                    at += len(piece)
                    yield piece
            if whole is None or at >= whole:
                return
            raise HTTPException(f"it ended after {at} of {whole} bytes")
        except (OSError, HTTPException) as error:
            if not tries:
                raise Failure(f"{escape(url)}: {_why(error)}, after {at} bytes", "try again") from None
        tries -= 1
        time.sleep(pause)
        answer = _ask_again(url, at, tries)


def _ask_again(url: str, at: int, tries: int) -> "HTTPResponse":
    answer = _ask(url, at)
    if answer.status != 206:
        raise Failure(f"{escape(url)}: it broke off after {at} bytes, and the server sends no parts", "try again")
    return answer


def _ask(url: str, at: int) -> "HTTPResponse":
    from urllib import request

    # Only these: urllib's own opener would also follow a redirection to ftp, and proxies that the environment names.
    opener = request.OpenerDirector()
    for handler in (
        request.HTTPHandler, request.HTTPSHandler, request.HTTPRedirectHandler, request.HTTPErrorProcessor,
        request.HTTPDefaultErrorHandler, request.UnknownHandler,
    ):  # fmt: skip
        opener.add_handler(handler())
    headers = {"Range": f"bytes={at}-"} if at else {}
    try:
        return opener.open(request.Request(url, headers=headers), timeout=PATIENCE)  # type: ignore[no-any-return]
    except HTTPError as error:
        raise Failure(f"{escape(url)}: the server answers {error.code} {escape(str(error.reason))}") from None
    except (OSError, HTTPException, ValueError) as error:
        raise Failure(f"{escape(url)}: {_why(error)}") from None


def _why(error: Exception) -> str:
    reason = error.reason if isinstance(error, URLError) else error
    return escape(str(getattr(reason, "strerror", None) or reason or type(error).__name__))
