"""The file manager, and what a service's checker says of text while it is typed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from firmware.operations import typed_check
from firmware.operations.files import browse, change, content, names
from firmware.operations.files.browse import FileView
from firmware.operations.files.content import FileWritten
from firmware.operations.places import Place
from firmware.session.endpoint import ADMIN, Call, Channel, Download, Endpoint


@dataclass(frozen=True, slots=True)
class AtPath:
    """A path, spelled as the answers spell it: `\\ooo` is a byte that no text has."""

    path: str


@dataclass(frozen=True, slots=True)
class AtDirectory:
    """The same; /etc unless it is given."""

    path: str = "/etc"


@dataclass(frozen=True, slots=True)
class Writing:
    """With `check`, the checker of the service that owns the path sees the text first, and nothing is written if it says no."""

    path: str
    check: bool = False


@dataclass(frozen=True, slots=True)
class Uploading:
    """With `replace`, a file of that name is replaced."""

    path: str
    replace: bool = False


@dataclass(frozen=True, slots=True)
class ToUpload:
    """The same, and how many bytes it has."""

    path: str
    size: int
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Removing:
    """With `recursive`, a directory goes with all that is in it."""

    path: str
    recursive: bool = False


@dataclass(frozen=True, slots=True)
class FileText:
    """The text of a file, and the digest of what was opened; null for a file that is new."""

    text: str
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Moving:
    """What is to have another path."""

    path: str
    to: str


@dataclass(frozen=True, slots=True)
class Mode:
    """Mode (octal digits), owner and group (names or numbers); what is left out stays."""

    path: str
    mode: str | None = None
    owner: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class TypedTexts:
    """Texts by the paths of a service's files, and the text of its block in config.rc, where they are being edited."""

    files: Mapping[str, str]
    block: str | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """What the checker says, place by place; nothing if all is well."""

    places: tuple[Place, ...]


def read(query: AtDirectory) -> FileView:
    """A directory with its entries, or a file with its text."""
    return browse.view(query.path)


def write(call: Call, query: Writing, body: FileText) -> FileWritten:
    """Replace the text that was opened."""
    warnings = typed_check.require_valid_file(_plain(query.path), body.text) if query.check else ()
    return replace(content.write_text(query.path, body.text, body.digest, who=call.who), warnings=warnings)


def download(query: AtPath) -> Download:
    """The bytes of a file."""
    found = content.send(query.path)
    return Download(found.pieces, found.name)


def upload(call: Call, query: Uploading, stream: Iterator[bytes]) -> FileWritten:
    """A file as it comes."""
    return content.receive(query.path, stream, size=call.length, replace=query.replace, who=call.who)


def require_upload(query: ToUpload) -> None:
    """Whether an upload would be taken, before anybody sends a gigabyte."""
    content.require_receivable(query.path, query.size, replace=query.replace)


def remove(call: Call, query: Removing) -> None:
    """Remove a file, a link, or a directory."""
    change.remove(query.path, recursive=query.recursive, who=call.who)


def move(call: Call, body: Moving) -> None:
    """Give it another path."""
    change.move(body.path, body.to, who=call.who)


def set_mode(call: Call, body: Mode) -> None:
    """Give it a mode, an owner, a group."""
    change.set_mode(body.path, body.mode, body.owner, body.group, who=call.who)


def make_directory(call: Call, body: AtPath) -> None:
    """Make a directory."""
    change.make_directory(body.path, who=call.who)


def try_texts(title: str, body: TypedTexts) -> Findings:
    """Check texts that are not written yet."""
    texts = {_plain(path): text for path, text in body.files.items()}
    return Findings(typed_check.check_typed(title, texts, body.block))


def _plain(path: str) -> str:
    """A path that a browser wrote, as this node has it."""
    return f"/{names.parse_path(path)}"


_CONFIGURATION = "global\n    maxconn 100\n"

ENDPOINTS = (
    Endpoint("GET", "/files", ADMIN, "a directory with its entries, or a file with its text", read),
    Endpoint(
        "PUT", "/files", ADMIN, "write the text of a file, if it is still the one that was opened", write,
        example={"text": "Welcome.\n", "digest": None},
    ),
    Endpoint("DELETE", "/files", ADMIN, "remove a file, a link, or a directory", remove),
    Endpoint("GET", "/files/content", ADMIN, "download a file", download),
    Endpoint("PUT", "/files/content", ADMIN, "upload a file: the body is its bytes", upload),
    Endpoint("GET", "/files/room", ADMIN, "whether an upload of so many bytes would be taken", require_upload),
    Endpoint(
        "POST", "/files/move", ADMIN, "give a file another name or place", move,
        example={"path": "/etc/motd", "to": "/etc/motd.old"},
    ),
    Endpoint(
        "POST", "/files/mode", ADMIN, "set mode, owner and group", set_mode, example={"path": "/etc/motd", "mode": "0644"}
    ),
    Endpoint("POST", "/files/directory", ADMIN, "make a directory", make_directory, example={"path": "/etc/haproxy/maps"}),
    Endpoint(
        "POST", "/services/{title}/try", ADMIN, "have a service's checker look at texts that are not written", try_texts,
        example={"files": {"/etc/haproxy/haproxy.cfg": _CONFIGURATION}},
    ),
)  # fmt: skip
CHANNELS: tuple[Channel, ...] = ()
