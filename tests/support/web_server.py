"""Web servers for tests, such as an operator may have, and such as nobody should: with a certificate of any kind, and answers that
break off, lead elsewhere, are too long or never end."""

import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass(slots=True)
class Site:
    """What is served at each path, and how; `asked` has the ranges that were asked for, "" for all, `paths` where. A server that
    is not there says so with that status, and asks to be left alone for so long; a private place wants that header."""

    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    status: int = 503
    retry_after: str = ""
    authorization: str = ""
    url: str = ""
    ended: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    """The first word of a path says how: /whole/NAME, /breaks/, /stubborn/ (no parts), /longer/ (more than it says), /slow/,
    /silent/, /changed/ (another tag each time), /to/ADDRESS (leads there), /round/, /tired/ (breaks off, and is then not there for
    one request), /away/ (is not there), /late/ (is not there at first, and says nothing then), /signed/ (leads to where it can be had once, and breaks off), /grows/ (breaks off, and
    has more bytes then), /shrinks/ (or less), /swapped/ (breaks off, and has another tag then),
    /odd/ (breaks off; its tag is none). A user is asked for at /private/."""

    site: Site

    def do_GET(self) -> None:
        _, how, name = self.path.split("/", 2)
        self.site.asked.append(self.headers["Range"] or "")
        self.site.paths.append(self.path)
        if how == "private" and self.headers["Authorization"] != self.site.authorization:
            self.send_error(401)
        elif how == "late" and len(self.site.asked) == 2:
            self.close_connection = True
        elif (
            how == "away"
            or (how == "late" and len(self.site.asked) == 1)
            or (how == "tired" and len(self.site.asked) % 2 == 0)
        ):
            self._say_not_now()
        elif how == "signed":
            self._redirect(f"/ticket-{len(self.site.asked)}/{name}?signature=secret")
        elif how.startswith("ticket-") and self.path in self.site.paths[:-1]:
            self.send_error(403)
        elif how in ("to", "round"):
            self._redirect(name if how == "to" else self.path)
        elif how == "silent":
            self.site.ended.wait(60)
        elif name.partition("?")[0] not in self.site.files:
            self.send_error(404)
        else:
            self._send(how, self.site.files[name.partition("?")[0]])

    def _say_not_now(self) -> None:
        self.send_response(self.site.status)
        if self.site.retry_after:
            self.send_header("Retry-After", self.site.retry_after)
        self.end_headers()

    def _send(self, how: str, data: bytes) -> None:
        begin, end = self._range(len(data)) if not how.startswith("stubborn") else (0, len(data))
        if begin and how == "shrinks":
            self.send_error(416)
            return
        self._head(how, begin, end, len(data))
        self._body(how, data[begin:end], len(data))

    def _range(self, size: int) -> tuple[int, int]:
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers["Range"] or "bytes=0-")
        assert found
        return int(found[1]), min(int(found[2] or size - 1) + 1, size)

    def _head(self, how: str, begin: int, end: int, size: int) -> None:
        partial = self.headers["Range"] and not how.startswith("stubborn")
        self.send_response(206 if partial else 200)
        if partial:
            more = how == "grows" and begin > 0
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{size + more}")
        if how != "unsaid":
            self.send_header("Content-Length", str(end - begin))
        is_other = how == "changed" or (how == "swapped" and begin > 0)
        self.send_header("ETag", f'"{time.monotonic_ns() if is_other else 1}"' if how != "odd" else '"1\r\n 2"')
        self.end_headers()

    def _body(self, how: str, body: bytes, size: int) -> None:
        if how in ("breaks", "stubborn-breaks", "tired", "grows", "swapped", "shrinks", "odd") or how.startswith(
            "ticket-"
        ):
            body = body[: max(1, size // 3)]
        if how == "slow":
            for byte in body:
                self.wfile.write(bytes([byte]))
                if self.site.ended.wait(0.05):
                    return
        self.wfile.write(body + b"and more" * (how == "longer"))

    def _redirect(self, place: str) -> None:
        self.send_response(302)
        self.send_header("Location", place)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serve(files: dict[str, bytes], certificate: Path | None = None, host: str = "127.0.0.1") -> Iterator[Site]:
    """Serve files at this host, by its address; with a certificate (and its key in the same file) over TLS."""
    site = Site(files)

    class Own(Handler):
        pass

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    Own.site = site
    server = Server((host, 0), Own)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # who is asked breaks off, too
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    place = f"[{host}]" if ":" in host else host
    site.url = f"{'https' if certificate else 'http'}://{place}:{server.server_port}"
    thread = threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.ended.set()
        server.shutdown()
        server.server_close()


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA in a directory (ca.pem), as OpenSSL makes one if nothing more is asked for."""

    place: Path

    @classmethod
    def make(cls, place: Path) -> "Authority":
        place.mkdir(parents=True)
        words = ("-x509", "-subj", "/CN=a CA of its own", "-days", "3650")
        openssl("req", *NEW_KEY, "-keyout", place / "ca.key", "-out", place / "ca.pem", *words)
        return cls(place)

    def make_intermediate(self) -> "Authority":
        """Another CA, whose certificate is of this one."""
        place = self.place / "intermediate"
        place.mkdir(exist_ok=True)
        request, key = place / "ca.csr", place / "ca.key"
        openssl("req", *NEW_KEY, "-keyout", key, "-out", request, "-subj", "/CN=a CA between")
        self._sign(request, place / "ca.pem", 3650, "basicConstraints=critical,CA:TRUE\n")
        return Authority(place)

    def issue(self, name: str, *, place: str = "IP:127.0.0.1", days: int = 3650) -> Path:
        """A certificate for a server at that place, and its key, in one file; with 0 days it has expired."""
        request, path = self.place / f"{name}.csr", self.place / f"{name}.pem"
        openssl("req", *NEW_KEY, "-keyout", self.place / f"{name}.key", "-out", request, "-subj", f"/CN={name}")
        self._sign(request, path, days, f"subjectAltName={place}\nbasicConstraints=CA:FALSE\n")
        path.write_text(path.read_text() + (self.place / f"{name}.key").read_text())
        return path

    def _sign(self, request: Path, path: Path, days: int, extensions: str) -> None:
        (file := request.with_suffix(".ext")).write_text(extensions)
        authority = ("-CA", self.place / "ca.pem", "-CAkey", self.place / "ca.key", "-CAcreateserial")
        openssl("x509", "-req", "-in", request, *authority, "-days", days, "-extfile", file, "-out", path)


NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def openssl(*words: object) -> None:
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
