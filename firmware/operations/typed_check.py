"""What a service's own checker says of text that somebody is typing: nothing of it is written where the service has its files.

The checker sees a copy of the service's directory with the typed text in it, at the final paths, as it sees a push.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from firmware import files
from firmware.errors import Failure, Invalid, Refused, Usage
from firmware.locks import hold, service_lock
from firmware.operations.places import Place, find_places
from firmware.operations.service_list import find_context, require_context, require_service
from firmware.printable import quote_word
from firmware.rc import check as rc_check
from firmware.rc import document, edit
from firmware.rc.title import Title
from firmware.services import catalog, content, directories, lifecycle, permissions
from firmware.services.definition import Context, Outcome, Service

#: where the copies lie, for as long as a check takes
TOP = Path("/run/firmware")
#: bytes of a service's files that are copied for a check
MOST_BYTES = 64 << 20


def check_typed(title: str, texts: Mapping[str, str], block: str | None = None) -> tuple[Place, ...]:
    """What is wrong, and what the checker warns of, if the service had these texts by their paths, and that block in config.rc;
    without one, its own. Busy while somebody else is at work on the service, or checks it."""
    service = require_service(title)
    with hold(service_lock(title), wait=False):
        try:
            found = _check(service, _context(title, block), texts)
        except Invalid as error:
            found = Outcome(error.status, "\n".join(error.problems or (str(error),)))
    return find_places(found.output.splitlines(), "error" if found.status else "warning")


def require_valid_file(path: str, text: str) -> tuple[str, ...]:
    """Invalid, with every problem, if the service that owns the path could not be started with that text, or config.rc has
    errors then. Returns what its checker warns of; nothing where no service in config.rc owns the path."""
    if path == document.PATH:
        return _require_valid_config(text)
    said: list[str] = []
    for title in _owning_titles(path):
        service = require_service(title)
        with hold(service_lock(title)):
            found = _check(service, require_context(title), {path: text})
        if found.status:
            raise Invalid(f"service {title}: its configuration is invalid", problems=found.output.splitlines())
        said += found.output.splitlines()
    return tuple(said)


def _check(service: Service, context: Context, texts: Mapping[str, str]) -> Outcome:
    if not service.owns:
        _refuse_foreign(service, texts)
        return lifecycle.check(service, context)
    with _copy_with(service, texts) as staged:
        return lifecycle.check(service, context, staged=staged)


@contextmanager
def _copy_with(service: Service, texts: Mapping[str, str]) -> Iterator[Path]:
    """A copy of the service's directory that has these texts, readable for its checker."""
    _refuse_foreign(service, texts)
    _refuse_large(service)
    with files.scratch_directory("typed", TOP) as root:
        owns = service.owns.lstrip("/")
        (root / owns).parent.mkdir(parents=True)
        if Path(service.owns).is_dir():
            directories.copy(Path(service.owns), root / owns)
        else:
            (root / owns).mkdir(mode=0o755)
        for path, text in texts.items():
            _write_text(files.safe_join(root / owns, os.path.relpath(path, service.owns)), text)
        permissions.grant_read_access(service, root=root)
        yield root / owns


def _write_text(path: Path, text: str) -> None:
    """In the copy, which nobody else reaches; a link there is replaced."""
    if path.is_symlink():
        path.unlink()
    if not path.parent.is_dir() or path.is_dir():
        raise Failure(f"{quote_word(path.name)}: there can be no file of this name in its directory")
    try:
        files.write(path, text.encode())
    except UnicodeEncodeError:
        raise Usage(f"{path.name}: what is to be checked is not text") from None


def _refuse_foreign(service: Service, texts: Mapping[str, str]) -> None:
    for path in texts:
        if not service.owns or not path.startswith(f"{service.owns}/") or os.path.normpath(path) != path:
            where = f"its files lie below {service.owns}" if service.owns else "it has no files of its own"
            raise Usage(f"{quote_word(path)}: not a file of service {service.name}", where)


def _refuse_large(service: Service) -> None:
    size = sum(entry.size for entry in content.owned_entries(service, Path(service.owns)).values())
    if size > MOST_BYTES:
        raise Refused(f"{service.owns}: more than {MOST_BYTES >> 20} MiB: too much to be checked while one types")


def _context(title: str, block: str | None) -> Context:
    """With that block, or its own; with one that says nothing where config.rc has none: its files are checked all the same."""
    if block is None and (known := find_context(title)):
        return known
    named = Title.parse(title)
    config = edit.replace_block(document.read_tolerant(), named, block or f"service {named.service} {named.instance}\n")
    typed = config.find_unique(Title.parse(title))
    if typed is None:
        raise Failure(f"{title}: the text has no block of this service", f"it begins with: service {title}")
    return Context.of(require_service(title), typed, config)


def _owning_titles(path: str) -> list[str]:
    """The titles in config.rc whose service owns the path."""
    names = [one.name for one in catalog.services() if one.owns and path.startswith(f"{one.owns}/")]
    return [block.title for block in document.read_tolerant().first_blocks if block.name in names]


def _require_valid_config(text: str) -> tuple[str, ...]:
    path, names = document.PATH, catalog.names()
    if problems := rc_check.text_problems(text, path, catalog.find, names):
        raise document.invalid_document(path, problems)
    return tuple(rc_check.text_notes(text, path, catalog.find))
