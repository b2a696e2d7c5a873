"""The address of a file on a web server: as it is asked for, and as it may be shown. Names and passwords that stand in it, and
its query, are for that server alone: addresses of object stores are often signed there.
"""

import re
from base64 import b64encode
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from firmware.errors import Failure, Usage
from firmware.printable import escape, shorten

#: what a path and a query may hold as it is; what has a % is encoded already
_PLAIN = "!$%&'()*+,-./:;=?@[]_~"
#: a server by its name, which is ASCII by then, or by its address
_HOST = re.compile(r"[a-z0-9_.-]+|[0-9a-f]*:[0-9a-f:.]*(%[a-z0-9_.-]+)?")
#: letters that the name of a server may have, and one more · that are shown of an address
_MOST_NAME, _MOST_SHOWN = 254, 500
_HINT = "an address is https://SERVER/PATH, or http://; in a name and a password / ? # @ are %2F %3F %23 %40"
#: how it begins, server and who asks there, path, and the rest, of whatever somebody has written · a server and its port, of
#: which nothing can be a name, a password or an @ in disguise · what is shown of an address that may hold a secret anywhere
_PARTS = re.compile(r"\s*((?:(?i:https?):|[A-Za-z][A-Za-z0-9+.-]*:(?=[/\\]))?[/\\]*)([^/?#]*)([^?#]*)(.*)", re.DOTALL)
_SERVER = re.compile(r"(?:\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]+)?\]|[^:@%\\\[\]＠﹫]*)(?::[0-9]{0,5})?")
_HIDDEN = "…"


@dataclass(frozen=True, slots=True)
class WebAddress:
    """A place on a web server, in ASCII: `scheme` (http or https), `host`, `port` (None: the usual one), `path`, `query` ("" or
    with its ?), and `user`, which is "" or a name with its password as they stand before an @."""

    scheme: str
    host: str
    port: int | None
    path: str
    query: str = ""
    user: str = ""

    @property
    def origin(self) -> str:
        """The server: scheme, host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port is not None else "")

    @property
    def public_form(self) -> str:
        """What may be shown, logged and kept of it: server and path; neither where `public_part` has doubts."""
        return public_part(self.text)

    @property
    def text(self) -> str:
        """All of it: `parse` makes the same of it again."""
        server = self.origin.replace("://", f"://{self.user}@", 1) if self.user else self.origin
        return server + self.target

    @property
    def target(self) -> str:
        """What the server is asked for."""
        return self.path + self.query

    @property
    def authorization(self) -> str:
        """The header that says who asks; "" for nobody."""
        if not self.user:
            return ""
        name, _, password = self.user.partition(":")
        return "Basic " + b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode()

    def leads_to(self, place: str) -> "WebAddress":
        """Where a header `Location` leads from here; who asks is told to the same server only. Failure if that is no address, or
        leads out of https."""
        word = place.encode("latin-1", "replace").decode("utf-8", "surrogateescape")
        try:
            _require_printable(word)
            target = urljoin(self.origin + self.path, word)
        except ValueError:
            raise self._wrong_way(word, "which is no address") from None
        if not is_url(target) or (self.scheme == "https" and not target.lower().startswith("https:")):
            raise self._wrong_way(target, "which is not followed")
        try:
            found = parse(target)
        except Usage:
            raise self._wrong_way(target, "which is no address") from None
        return found if found.user or found.origin != self.origin else replace(found, user=self.user)

    def _wrong_way(self, word: str, why: str) -> Failure:
        hint = "the server is not set up as it should be: give the address of the bundle itself"
        return Failure(f"{self.public_form}: it leads to {public_part(word)}, {why}", hint)


def is_url(word: str) -> bool:
    """Does a word name a place on the network?"""
    return word.lower().startswith(("http://", "https://"))


def parse(url: str) -> WebAddress:
    """An address as somebody has written it: spaces and letters beyond ASCII in its path are encoded, a server's name in other
    letters is as the network's directory has it (IDNA). Usage if it is none."""
    try:
        word = url.strip(" ")
        _require_printable(word)
        found = urlsplit(word)
        port = found.port
    except ValueError:
        raise _no_address(url) from None
    if not is_url(word) or not found.hostname or "@" in found.fragment:
        raise _no_address(url)
    query = f"?{_encode(found.query)}" if found.query else ""
    host = _ascii_host(found.hostname, url)
    return WebAddress(found.scheme, host, port, _encode(found.path) or "/", query, _user(found))


def public_part(url: str) -> str:
    """What may be shown of an address, whatever it is: server and path. Where an @ is not where it belongs, it may be the end of
    a password that is not encoded as it should be, and what stands for a server may be a part of it: nothing is shown then."""
    found = _PARTS.fullmatch(url)
    assert found is not None  # it takes anything
    begin, server, path, rest = found.groups()
    is_begun, place = begin.endswith("://"), server.rpartition("@")[2]
    if "@" in (path + rest if is_begun else url) or not _SERVER.fullmatch(place):
        return begin * is_begun + _HIDDEN
    return shorten(escape(begin + place + path), _MOST_SHOWN)


def _no_address(url: str) -> Usage:
    return Usage(f"{public_part(url)}: it is no address that begins with http:// or https://", _HINT)


def _require_printable(word: str) -> None:
    """ValueError for a control character; a byte that is no UTF-8 is none."""
    if not all(letter.isprintable() or "\udc80" <= letter <= "\udcff" for letter in word):
        raise ValueError


def _encode(text: str) -> str:
    return quote(text, safe=_PLAIN, errors="surrogateescape")


def _user(found: SplitResult) -> str:
    return _encode(found.netloc.rpartition("@")[0])


def _ascii_host(name: str, url: str) -> str:
    try:
        host = name if ":" in name else name[:_MOST_NAME].encode("idna").decode().lower()
    except UnicodeError:
        host = ""
    if len(host) >= _MOST_NAME or not _HOST.fullmatch(host):
        raise Usage(f"{public_part(url)}: no server can be called that", _HINT)
    return host
