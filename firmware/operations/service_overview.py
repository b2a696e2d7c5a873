"""All services as an operator sees them: how each is, which files are edited, whether it may be pushed, and why not."""

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from firmware import directory
from firmware.operations.files.names import spell
from firmware.operations.push_problems import push_problems
from firmware.operations.service_list import ServiceRow, list_services
from firmware.patterns import PathPatterns
from firmware.services import catalog, confirmation
from firmware.services.definition import Service
from firmware.store.confidential import secret_kind
from firmware.sync import keys

#: files that are named of a service, and bytes of one at which it is looked
MOST_FILES, MOST_BYTES = 200, 1 << 20


@dataclass(frozen=True, slots=True)
class ServiceEntry:
    """A service: its row, what it is, its files that may be edited as text, those that it has besides (certificates, binary
    files), whether it may be pushed now, and if not, why. `confirmable`: it can be applied so that it has to be confirmed;
    `waits` are the seconds that are left for that."""

    row: ServiceRow
    summary: str
    files: tuple[str, ...]
    other_files: tuple[str, ...]
    may_push: bool
    reasons: tuple[str, ...]
    node_specific: str
    confirmable: bool
    waits: int | None

    def json(self) -> dict[str, Any]:
        """As the API has it: the row and the rest, side by side."""
        rest = {key: value for key, value in asdict(self).items() if key != "row"}
        return {"title": self.row.title, **self.row.json(), **rest}


def list_entries() -> tuple[ServiceEntry, ...]:
    """Every service in file order, then what runs without a block in config.rc."""
    return tuple(map(find_entry, list_services()))


def find_entry(row: ServiceRow) -> ServiceEntry:
    """All that there is to say of the service of a row."""
    service = catalog.find(row.name)
    if service is None:
        unknown = f"there is no service {row.name} in this firmware"
        return ServiceEntry(row, "", (), (), False, (unknown,), "", False, None)
    reasons = tuple(_reasons(row, service))
    waiting = confirmation.pending(row.name) if service.confirmable else None
    left = round(waiting.seconds_left) if waiting else None
    confirmable = service.confirmable is not None
    files, others = (tuple(map(spell, found)) for found in owned_files(service))
    return ServiceEntry(
        row, service.summary, files, others, not reasons, reasons, service.node_specific, confirmable, left
    )


def _reasons(row: ServiceRow, service: Service) -> Iterator[str]:
    """Why it may not be pushed now."""
    if service.node_specific:
        yield f"it is never pushed: {service.node_specific}"
        return
    if row.needs_apply:
        yield "it needs apply"
    if not has_peer():
        yield "no other node is known here: exchange keys first"
    yield from (str(problem) for problem in push_problems(row.title))


def has_peer(directory: Path = keys.DIRECTORY) -> bool:
    """Are the keys of another node trusted here?"""
    try:
        return bool((directory / keys.KNOWN_HOSTS).read_bytes().strip())
    except OSError:
        return False


def owned_files(service: Service, *, root: Path = Path("/")) -> tuple[list[str], list[str]]:
    """The files that it owns and that are edited as text, the one of its own name first, and the others: those with secrets, and
    what is no text. None that the node or the daemon makes by itself."""
    top = root / service.owns.lstrip("/")
    if not service.owns or not top.is_dir() or top.is_symlink():
        return _first_file(service), []
    left_out = PathPatterns((*service.makes, *service.follows, *service.private))
    texts: list[str] = []
    others: list[str] = []
    with directory.descriptor(top) as handle:
        for path, place, names in directory.walk(handle, lambda path: left_out.match(f"{service.owns}/{path}")):
            for name in sorted(names):
                (texts if _is_text(name, place) else others).append(os.path.join(service.owns, path, name))
    own = f"{service.owns}/{service.name}."
    texts = texts or _first_file(service)
    return sorted(texts[:MOST_FILES], key=lambda path: (not path.startswith(own), path)), sorted(others[:MOST_FILES])


def _first_file(service: Service) -> list[str]:
    """What is to be written first where there is none yet: the file that it reads unless its block names another."""
    defaults = [one.default for one in service.directives if one.key == "config"]
    return [path for path in defaults if service.owns and path.startswith(f"{service.owns}/")]


def _is_text(name: str, place: int) -> bool:
    try:
        handle = directory.open_file(name, place)
    except OSError:
        return False
    with os.fdopen(handle, "rb") as file:
        data = file.read(MOST_BYTES + 1)
    if name.endswith(".pub") or len(data) > MOST_BYTES or b"\0" in data or secret_kind(name, data):
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
