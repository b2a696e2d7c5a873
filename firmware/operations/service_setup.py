"""The block of a service in config.rc as a text that somebody edits: read, and put back if nobody else changed it meanwhile."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from firmware.errors import Failure, Invalid, system_hint
from firmware.locks import CONFIG, hold
from firmware.operations.config_file import require_block
from firmware.operations.service_list import require_service
from firmware.rc import check, document, edit
from firmware.rc.block import Block
from firmware.rc.document import Document
from firmware.rc.title import Title


@dataclass(frozen=True, slots=True)
class ServiceSetup:
    """The block of a service: where it stands, its text, and the digest of that."""

    title: str
    file: str
    line: int
    text: str
    digest: str


class SetupChanged(Failure):
    """The block is not any more what somebody began to edit; `now` is what it is, None if it is gone."""

    def __init__(self, title: str, now: ServiceSetup | None) -> None:
        what = "has been changed" if now else "has been removed"
        super().__init__(
            f"service {title}: its setup {what} meanwhile: nothing was written", "compare both, and write again"
        )
        self.now = now


def read(title: str, *, path: str = document.PATH) -> ServiceSetup:
    """The block as it is. Usage if there is no such service, Failure if config.rc has no block of it."""
    require_service(title)
    return _setup(require_block(document.read_tolerant(path), Title.parse(title)), path)


def write(title: str, text: str, digest: str, *, path: str = document.PATH, lock: Path = CONFIG) -> ServiceSetup:
    """Put the text in the place of the block whose digest that is. SetupChanged if it is another one by now; Invalid with every
    problem, at the lines that they would have in config.rc, if the text cannot be it. Nothing is written then."""
    service = require_service(title)
    try:
        with hold(lock):
            old = document.read_tolerant(path)
            block = old.find_unique(Title.parse(title))
            now = _setup(block, path) if block is not None else None
            if block is None or now is None or now.digest != digest:
                raise SetupChanged(title, now)
            new = _document_with(old, block, text)
            if problems := check.block_problems(new.require(Title.parse(title)), service, path, new):
                raise document.invalid_document(path, problems)
            edit.write(new, path)
    except OSError as error:
        raise Failure(f"{path}: not written: {error.strerror}", system_hint(error)) from None
    return read(title, path=path)


def _document_with(old: Document, block: Block, text: str) -> Document:
    """The document with that text for the block; Invalid where its form is wrong, with the lines that it would have."""
    first = block.lines[0].number
    typed, wrong = document.parse_tolerant("\n" * (first - 1) + text, old.path)
    if not wrong and not typed.blocks:
        wrong_lines = [f"{old.path}:{first}: it begins with: service {block.title.replace('.', ' ', 1)}"]
    else:
        wrong_lines = [f"{old.path}:{error.number}: {error.text}" for error in wrong]
    wrong_lines += [
        f"{old.path}:{one.lines[0].number}: the block of service {one.title} does not belong here"
        for one in typed.blocks
        if one.title != block.title
    ]
    if wrong_lines:
        raise document.invalid_document(old.path, wrong_lines)
    try:
        return edit.replace_block(old, Title.parse(block.title), text)
    except Invalid as error:
        raise document.invalid_document(old.path, [f"{old.path}:{first}: {error}"]) from None


def _setup(block: Block, path: str) -> ServiceSetup:
    data = block.text.encode("utf-8", "surrogateescape")
    text = data.decode("utf-8", "backslashreplace")
    return ServiceSetup(block.title, path, block.lines[0].number, text, f"sha256:{hashlib.sha256(data).hexdigest()}")
