"""One request to a web server for a file, or a part of it: redirections, TLS, and an end to whoever keeps us waiting."""

import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import SplitResult, urljoin, urlsplit

from firmware.errors import Failure, Usage
from firmware.printable import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from http.client import HTTPResponse

#: seconds without a word · seconds in which an answer has to begin, and then so many bytes have to come each time
PATIENCE, PACE_SECONDS, PACE_BYTES = 30.0, 60.0, 64 << 10
MOST_REDIRECTIONS = 5
#: certificates of CAs beside the public ones, if an operator has put some there
OWN_AUTHORITIES = Path("/etc/ssl/authorities.pem")
_CLOCK = "is the clock right (date)?"
#: what OpenSSL's words mean to an operator
_HINTS = {
    "local issuer": f"add the certificate of its CA to {OWN_AUTHORITIES}",
    "self-signed": f"add the certificate of its CA to {OWN_AUTHORITIES}",
    "self signed": f"add the certificate of its CA to {OWN_AUTHORITIES}",
    "Hostname mismatch": "use the name that its certificate is for",
    "IP address mismatch": "use the name that its certificate is for",
    "expired": _CLOCK,
    "not yet valid": _CLOCK,
}


@dataclass(slots=True)
class Answer:
    """A server's answer, at the address where it was found in the end. `read` gives what has come; the connection is closed at
    the end of the block."""

    url: str
    response: "HTTPResponse"
    _watchdog: "_Watchdog"
    _paced: int = field(default=0)

    def header(self, name: str) -> str:
        """A header, "" if it is missing."""
        return str(self.response.headers.get(name, ""))

    def read(self, most: int) -> bytes:
        """What has come, at most that much, nothing at the end. Failure if it comes too slowly; OSError, HTTPException if it
        breaks off."""
        try:
            piece = self.response.read1(most)
        except (OSError, HTTPException):
            self._watchdog.require_pace(self.url)
            raise
        self._watchdog.require_pace(self.url)
        self._paced += len(piece)
        if self._paced >= PACE_BYTES:
            self._paced = 0
            self._watchdog.restart()
        return piece

    def __enter__(self) -> "Answer":
        return self

    def __exit__(self, *_: object) -> None:
        self._watchdog.end()
        self.response.close()


class _Watchdog:
    """Cuts a connection once its time is over: a server that sends a byte now and then would else never be late."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._ended, self._end, self._is_late = connection, threading.Event(), 0.0, False
        self.restart()
        threading.Thread(target=self._watch, daemon=True).start()

    def restart(self) -> None:
        """It has come far enough: there is time for more."""
        self._end = time.monotonic() + PACE_SECONDS

    def end(self) -> None:
        """Nothing is waited for any more."""
        self._ended.set()

    def require_pace(self, url: str) -> None:
        """Failure if it was cut."""
        if self._is_late:
            words = f"it comes too slowly: less than {PACE_BYTES >> 10} kB in {PACE_SECONDS:g} s"
            raise Failure(f"{escape(url)}: {words}", "try another server")

    def _watch(self) -> None:
        while not self._ended.wait(max(0.0, self._end - time.monotonic())):
            if time.monotonic() >= self._end:
                self._is_late = True
                with suppress(OSError):  # it has just ended by itself
                    socket.socket.shutdown(self._connection, socket.SHUT_RDWR)
                return


def is_url(word: str) -> bool:
    """Does a word name a place on the network?"""
    return word.lower().startswith(("http://", "https://"))


def ask(url: str, part: str = "", unless_changed: str = "") -> Answer:
    """The answer to a GET, of a part (`0-99`) or of all. Failure unless it is 200 or 206; OSError, HTTPException where the
    connection breaks.

    Who sends a bundle need not be believed: it is signed. https is for who wants to keep to himself what he fetches, so
    it does not lead to http."""
    headers = {"Range": f"bytes={part}"} if part else {}
    headers |= {"If-Range": unless_changed} if part and unless_changed else {}
    for _ in range(MOST_REDIRECTIONS + 1):
        answer = _ask_once(url, headers)
        if answer.response.status in (200, 206):
            return answer
        with answer:
            url = _redirection(answer)
    raise Failure(f"{escape(url)}: it leads on and on: more than {MOST_REDIRECTIONS} redirections")


def _redirection(answer: Answer) -> str:
    status, reason = answer.response.status, escape(answer.response.reason or "")
    place = answer.header("Location")
    if status not in (301, 302, 303, 307, 308) or not place:
        raise Failure(f"{escape(answer.url)}: the server answers {status} {reason}")
    target = urljoin(answer.url, place)
    if not is_url(target) or (answer.url.lower().startswith("https:") and not target.lower().startswith("https:")):
        raise Failure(f"{escape(answer.url)}: it leads to {escape(target)}, which is not followed")
    return target


def split(url: str) -> SplitResult:
    """The parts of an address. Usage if it is none."""
    try:
        found = urlsplit(url)
        found.port  # noqa: B018 # which is looked at only now
    except ValueError:
        found = urlsplit("")
    if not is_url(url) or not found.hostname or not url.isprintable() or " " in url:
        raise Usage(f"{escape(url)}: it is no address that begins with http:// or https://")
    return found


def _ask_once(url: str, headers: dict[str, str]) -> Answer:
    place = split(url)
    connection = _connect(place, url)
    watchdog = _Watchdog(connection.sock)
    try:
        path = (place.path or "/") + (f"?{place.query}" if place.query else "")
        connection.request("GET", path, headers={"User-Agent": "csyncd", "Accept": "*/*", **headers})
        response = connection.getresponse()
    except (OSError, HTTPException, UnicodeError):
        watchdog.end()
        connection.close()
        watchdog.require_pace(url)
        raise
    watchdog.restart()
    return Answer(url, response, watchdog)


def _connect(place: SplitResult, url: str) -> HTTPConnection:
    from ssl import SSLCertVerificationError, SSLError

    host = str(place.hostname)
    secure = place.scheme.lower() == "https"
    connection = (
        HTTPSConnection(host, place.port, timeout=PATIENCE, context=_tls())
        if secure
        else HTTPConnection(host, place.port, timeout=PATIENCE)
    )
    try:
        connection.connect()
    except SSLCertVerificationError as error:
        said = error.verify_message
        hint = next((hint for word, hint in _HINTS.items() if word in said), "")
        raise Failure(f"{escape(url)}: the server's certificate is not believed: {escape(said)}", hint) from None
    except SSLError as error:
        said = str(error.reason or error).lower().replace("_", " ")
        raise Failure(f"{escape(url)}: there is no TLS with this server: {escape(said)}") from None
    except UnicodeError:
        raise Usage(f"{escape(url)}: no server can be called that") from None
    return connection


def _tls() -> "ssl.SSLContext":
    import ssl

    context = ssl.create_default_context()
    if OWN_AUTHORITIES.exists():
        try:
            context.load_verify_locations(OWN_AUTHORITIES)
        except (OSError, ssl.SSLError) as error:
            raise Failure(f"{OWN_AUTHORITIES}: it holds no certificates in PEM ({escape(str(error))})") from None
    return context
