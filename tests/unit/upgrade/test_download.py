"""A bundle from a web server that breaks off."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from firmware.errors import Failure, Usage
from firmware.upgrade import download

DATA = bytes(range(256)) * 4096


class Server(BaseHTTPRequestHandler):
    """Sends a part each time; /whole sends all, /stubborn knows no ranges, /moved leads elsewhere."""

    def do_GET(self) -> None:
        at = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "ftp://127.0.0.1/bundle")
            self.end_headers()
            return
        if self.path == "/missing":
            self.send_error(404)
            return
        partial = at and self.path != "/stubborn"
        self.send_response(206 if partial else 200)
        body = DATA[at:] if partial else DATA
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if self.path == "/whole" else body[: len(DATA) // 3])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_all_of_it_comes(site: str) -> None:
    size, pieces = download.open_download(f"{site}/whole")
    assert size == len(DATA) and b"".join(pieces) == DATA


def test_where_it_breaks_off_it_goes_on(site: str) -> None:
    size, pieces = download.open_download(f"{site}/breaks", pause=0.0)
    assert size == len(DATA) and b"".join(pieces) == DATA


def test_a_server_that_sends_no_parts_is_named(site: str) -> None:
    _, pieces = download.open_download(f"{site}/stubborn", pause=0.0)
    with pytest.raises(Failure, match=r"stubborn: it broke off after \d+ bytes, and the server sends no parts"):
        list(pieces)


@pytest.mark.parametrize(("path", "words"), [("missing", "answers 404"), ("moved", "ftp")])
def test_what_cannot_be_had_is_said(path: str, words: str, site: str) -> None:
    with pytest.raises(Failure, match=words):
        download.open_download(f"{site}/{path}")


def test_a_server_that_is_not_there_is_said() -> None:
    with pytest.raises(Failure, match="refused"):
        download.open_download("http://127.0.0.1:1/bundle")


@pytest.mark.parametrize("word", ["ftp://x/y", "file:///etc/shadow", "http://", "bundle.raucb"])
def test_only_http_is_an_address(word: str) -> None:
    with pytest.raises(Usage):
        download.open_download(word)
