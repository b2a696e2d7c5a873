"""One request to a web server for a file, or a part of it: redirections, TLS, and an end to whoever keeps us waiting."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path

from firmware.errors import Failure, Refused
from firmware.printable import escape
from firmware.upgrade.web_address import WebAddress

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from http.client import HTTPResponse

#: seconds without a word · seconds in which an answer has to begin, and then so many bytes have to come each time
PATIENCE, PACE_SECONDS, PACE_BYTES = 30.0, 60.0, 64 << 10
#: seconds between two looks whether it is still wanted
LOOK_SECONDS = 0.2
MOST_REDIRECTIONS = 5
#: how a server says that it can answer soon, but not now · seconds that it may ask us to wait
PASSING, MOST_WAIT = (408, 429, 502, 503, 504), 60
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


#: says whether somebody does not want it any more; None where nobody can say so
CalledOff = Callable[[], bool] | None


class NotNow(HTTPException):
    """The server cannot answer now, and may soon; `seconds`: it asks us to wait for so long."""

    def __init__(self, words: str, seconds: int) -> None:
        super().__init__(words)
        self.seconds = seconds


@dataclass(slots=True)
class Answer:
    """A server's answer, at the address where it was found in the end. `read` gives what has come; the connection is closed at
    the end of the block."""

    address: WebAddress
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
            self._watchdog.require_uncut(self.address)
            raise
        self._watchdog.require_uncut(self.address)
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
    """Cuts a connection once its time is over, or once nobody wants it any more: a server that sends a byte now and then would
    else never be late."""

    def __init__(self, is_called_off: CalledOff) -> None:
        self._is_called_off, self._ended, self._end = is_called_off, threading.Event(), float("inf")
        self._connection: socket.socket | None = None
        self._is_late = self._is_unwanted = False
        threading.Thread(target=self._watch, daemon=True).start()

    def take(self, connection: socket.socket) -> socket.socket:
        """This is the one to cut, from here on; returns it."""
        self._connection = connection
        return connection

    def restart(self) -> None:
        """It has come far enough: there is time for more."""
        self._end = time.monotonic() + PACE_SECONDS

    def end(self) -> None:
        """Nothing is waited for any more."""
        self._ended.set()

    def require_uncut(self, address: WebAddress) -> None:
        """Failure if it was cut, and why."""
        if self._is_unwanted:
            raise refusal(address)
        if self._is_late:
            words = f"it comes too slowly: less than {PACE_BYTES >> 10} kB in {PACE_SECONDS:g} s"
            raise Failure(f"{address.public_form}: {words}", "try another server")

    def _watch(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            self._is_late = self._is_late or time.monotonic() >= self._end
            self._is_unwanted = self._is_unwanted or bool(self._is_called_off and self._is_called_off())
            if (self._is_late or self._is_unwanted) and self._connection:
                with suppress(OSError):  # it has just ended by itself, or is not there yet: then the next time
                    socket.socket.shutdown(self._connection, socket.SHUT_RDWR)


def refusal(address: WebAddress) -> Refused:
    """That somebody does not want it any more."""
    return Refused(f"{address.public_form}: it is not fetched any more: somebody has called it off")


def ask(address: WebAddress, part: str = "", unless_changed: str = "", is_called_off: CalledOff = None) -> Answer:
    """The answer to a GET, of a part (`0-99`) or of all. Failure unless it is 200 or 206, NotNow where it may be one soon;
    OSError, HTTPException where the connection breaks; Refused once it is called off.

    Who sends a bundle need not be believed: it is signed. https is for who wants to keep to himself what he fetches, so
    it does not lead to http."""
    headers = {"Range": f"bytes={part}"} if part else {}
    headers |= {"If-Range": unless_changed} if part and unless_changed else {}
    place = address
    for _ in range(MOST_REDIRECTIONS + 1):
        answer = _ask_once(place, headers, is_called_off)
        if answer.response.status in (200, 206):
            return answer
        with answer:
            place = _redirection(answer)
    raise Failure(f"{place.public_form}: it leads on and on: more than {MOST_REDIRECTIONS} redirections")


def _redirection(answer: Answer) -> WebAddress:
    status, reason = answer.response.status, escape(answer.response.reason or "")
    words, place = f"the server answers {status} {reason}".rstrip(), answer.header("Location")
    if status == 416:
        raise Failure(f"{answer.address.public_form}: {words}: there is less than was asked for", "try again")
    if status in PASSING:
        raise _not_now(answer, words)
    if status not in (301, 302, 303, 307, 308) or not place:
        hint = "give name and password in the address: https://NAME:PASSWORD@SERVER/PATH" if status == 401 else ""
        raise Failure(f"{answer.address.public_form}: {words}", hint)
    return answer.address.leads_to(place)


def _not_now(answer: Answer, words: str) -> Exception:
    asked = answer.header("Retry-After")
    seconds = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else 0
    if seconds <= MOST_WAIT:
        return NotNow(words, seconds)
    return Failure(f"{answer.address.public_form}: {words}", f"it asks for {seconds} s: try again then")


def _ask_once(address: WebAddress, headers: dict[str, str], is_called_off: CalledOff) -> Answer:
    if is_called_off and is_called_off():
        raise refusal(address)
    tls = _tls() if address.scheme == "https" else None
    watchdog, connection = _Watchdog(is_called_off), _new_connection(address, tls)
    known = {"Authorization": address.authorization} if address.user else {}
    try:
        _connect(connection, address, tls, watchdog)
        own = {"User-Agent": "csyncd", "Accept": "*/*"}
        connection.request("GET", address.target, headers={**own, **known, **headers})
        response = connection.getresponse()
    except BaseException:
        watchdog.end()
        connection.close()
        watchdog.require_uncut(address)
        raise
    watchdog.restart()
    return Answer(address, response, watchdog)


def _new_connection(address: WebAddress, tls: "ssl.SSLContext | None") -> HTTPConnection:
    if tls is None:
        return HTTPConnection(address.host, _port(address, HTTPConnection), timeout=PATIENCE)
    return HTTPSConnection(address.host, _port(address, HTTPSConnection), timeout=PATIENCE, context=tls)


def _connect(
    connection: HTTPConnection, address: WebAddress, tls: "ssl.SSLContext | None", watchdog: _Watchdog
) -> None:
    """Connect to the server, and greet it where it speaks TLS: what http.client does by itself, nobody could cut."""
    connection.sock = _open_socket(connection.host, connection.port, watchdog)
    watchdog.restart()
    if tls is not None:
        plain, name = connection.sock, address.host
        secure = tls.wrap_socket(plain, server_hostname=name, do_handshake_on_connect=False)
        connection.sock = watchdog.take(secure)
        _shake_hands(secure, address)


def _open_socket(host: str, port: int, watchdog: _Watchdog) -> socket.socket:
    """A connection to the first address of a server that takes one. OSError if none does."""
    last = OSError("it has no address")
    for family, kind, protocol, _, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            with ExitStack() as failing:
                connection = failing.enter_context(watchdog.take(socket.socket(family, kind, protocol)))
                connection.settimeout(PATIENCE)
                connection.connect(place)
                failing.pop_all()
                return connection
        except OSError as error:  # it may be of a family that the kernel does not even have
            last = error
    raise last


def _port(address: WebAddress, kind: type[HTTPConnection]) -> int:
    """http.client would look for it in an address of IPv6."""
    return kind.default_port if address.port is None else address.port


def _shake_hands(connection: "ssl.SSLSocket", address: WebAddress) -> None:
    from ssl import SSLCertVerificationError, SSLEOFError, SSLError

    try:
        connection.do_handshake()
    except SSLCertVerificationError as error:
        said = error.verify_message
        hint = next((hint for word, hint in _HINTS.items() if word in said), "")
        raise Failure(
            f"{address.public_form}: the server's certificate is not believed: {escape(said)}", hint
        ) from None
    except SSLEOFError:  # it broke off
        raise
    except SSLError as error:
        said = str(error.reason or error).lower().replace("_", " ")
        raise Failure(f"{address.public_form}: there is no TLS with this server: {escape(said)}") from None


def _tls() -> "ssl.SSLContext":
    import ssl

    context = ssl.create_default_context()
    # As curl does, whichever Python this is: from 3.13 on it refuses a CA without a key usage, such as `openssl req -x509` makes.
    context.verify_flags = context.verify_flags & ~ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    if OWN_AUTHORITIES.exists():
        try:
            context.load_verify_locations(OWN_AUTHORITIES)
        except (OSError, ssl.SSLError) as error:
            raise Failure(f"{OWN_AUTHORITIES}: it holds no certificates in PEM ({escape(str(error))})") from None
    return context
