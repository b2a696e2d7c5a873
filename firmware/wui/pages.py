"""The pages of the web UI, as files that were made with the firmware."""

import re
import stat
from collections.abc import AsyncIterator
from os import fstat
from pathlib import Path
from typing import BinaryIO

from firmware.wui import guard
from firmware.wui.request import HTML, Answer, Request, problem

#: where the pages are; what is not a page is below `assets`
DIRECTORY = Path("/usr/share/wui")
#: what a page has in the place of the word by which its style elements are allowed
NONCE = b"{{nonce}}"
PIECE = 65536

#: the names that anybody may read: those of the login page
_PUBLIC = re.compile(r"(login|style|icon)[-.]")
#: names of assets: nothing that could lead elsewhere
_ASSET = re.compile(r"/assets/((?:[A-Za-z0-9_-][A-Za-z0-9_.-]*/)*[A-Za-z0-9_-][A-Za-z0-9_.-]*)\Z")
#: a name with a digest of what is in the file, which therefore never changes
_HASHED = re.compile(r"-[A-Za-z0-9]{8,}\.")
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/vnd.microsoft.icon",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
}
_MISSING = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>No pages</title></head>
<body><h1>The pages of the web UI are missing</h1>
<p>This firmware was built without them: there is nothing in /usr/share/wui. The programs of the node
(service, config, csync) and the API below /api/v1 work.</p></body></html>
"""


class Pages:
    """The pages in one directory."""

    def __init__(self, directory: Path = DIRECTORY) -> None:
        self._directory = directory

    def page(self, name: str) -> Answer:
        """`login` or `app`, with a word of its own for style elements; a plain page where there are none at all."""
        nonce = guard.new_nonce()
        try:
            body = (self._directory / f"{name}.html").read_bytes().replace(NONCE, nonce.encode())
        except OSError:
            return Answer(503, _MISSING, HTML, guard.security_headers(nonce))
        return Answer(200, body, HTML, guard.security_headers(nonce))

    def asset(self, request: Request) -> Answer:
        """The file that a path names."""
        name = asset_name(request.path)
        packed = "gzip" in request.header("Accept-Encoding")
        for suffix in [".gz", ""] if packed else [""]:
            if name and (file := _open_file(self._directory / "assets" / f"{name}{suffix}")):
                return _file_answer(file, name, {"Content-Encoding": "gzip"} if suffix else {})
        return problem(404, "there is no such file")


def asset_name(path: str) -> str:
    """The name of the asset that a path means; "" if it means none."""
    found = _ASSET.match(path)
    return found[1] if found else ""


def is_public(path: str) -> bool:
    """Whether anybody may read that asset."""
    return _PUBLIC.match(asset_name(path)) is not None


def _open_file(path: Path) -> BinaryIO | None:
    try:
        file = path.open("rb")
    except OSError:
        return None
    if stat.S_ISREG(fstat(file.fileno()).st_mode):
        return file
    file.close()
    return None


def _file_answer(file: BinaryIO, name: str, headers: dict[str, str]) -> Answer:
    size = fstat(file.fileno()).st_size
    kept = {"Cache-Control": "max-age=31536000, immutable"} if _HASHED.search(name) else {}
    said = {"Content-Length": str(size), "Vary": "Accept-Encoding", **headers, **kept}
    return Answer(200, b"", _TYPES.get(Path(name).suffix, "application/octet-stream"), said, _pieces(file))


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece
