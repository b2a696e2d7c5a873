"""Content: what a service is at one moment, as one value with one digest: its block and the entries that it owns."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from firmware import directory, manifest, native
from firmware.manifest import Entry
from firmware.patterns import PathPatterns
from firmware.rc.block import Block
from firmware.services.definition import Context, Service

Statements = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Content:
    """The block's exact text and its statements (none: there is no block), the owned entries by path, and the digest.

    The digest covers the statements, not the text, and every entry: white space and comments in config.rc do not
    change it, any byte, mode or owner in the service's own files does.
    """

    block: str
    statements: Statements
    entries: Mapping[str, Entry]
    digest: str


def read(service: Service, block: Block | None, *, root: Path = Path("/")) -> Content:
    """What lies on disk now. A directory that is not there counts as an empty one. Failure if it cannot be read."""
    entries = owned_entries(service, root / service.owns.lstrip("/"))
    statements = block.statements if block else ()
    return Content(block.text if block else "", statements, entries, digest(block, entries))


def owned_entries(service: Service, top: Path) -> dict[str, Entry]:
    """The entries below `top`, by the paths that they have, or will have, where the service owns them."""
    if not service.owns:
        return {}
    return manifest.scan(top, named=Path(service.owns), leave_out=PathPatterns(service.follows))


def tree_digest(service: Service, block: Block | None, top: Path) -> str:
    """The digest of a block and what lies below `top`, a copy of the service's directory."""
    follows = PathPatterns(service.follows)
    found = manifest.lines(top, named=Path(service.owns), leave_out=follows) if service.owns else []
    return digest_of_lines(block, found)


def context_digest(service: Service, context: Context, digest: str) -> str:
    """The digest of all that a load depends on: the content with that digest, the blocks that the service reads, and what it
    generates. The content's own digest for a service that does neither."""
    if not service.reads and service.generates is None:
        return digest
    from firmware.services import generated

    read = [repr((words, [block.statements for block in blocks])) for words, blocks in context.reads.items()]
    lines = [digest, *read, *generated.digests(service, context)]
    return native.bytes_digest("\n".join(lines).encode("utf-8", "surrogateescape"))


def sha256(of: Content, service: Service, *, top: Path | None = None) -> str:
    """The same as SHA-256 over every byte, "sha256:HEX", for the audit trail. `top` holds the files, if not their place."""
    import hashlib

    def file_digest(path: str) -> bytes:
        found = hashlib.sha256()
        for piece in directory.pieces(top or Path(service.owns), os.path.relpath(path, service.owns)):
            found.update(piece)
        return found.digest()

    return sha256_by_files(of.statements, of.entries, file_digest)


def sha256_by_files(statements: Statements, entries: Mapping[str, Entry], file_digest: Callable[[str], bytes]) -> str:
    """The same, where it is known already what the SHA-256 of each file is, by its path."""
    import hashlib

    whole = hashlib.sha256(repr(statements).encode("utf-8", "surrogateescape"))
    for path, entry in sorted(entries.items()):
        facts = f"\n{entry.path!r} {entry.kind} {entry.mode:04o} {entry.owner} {entry.group} {entry.size}\n"
        whole.update(facts.encode("utf-8", "surrogateescape"))
        if entry.kind == "file":
            whole.update(file_digest(path))
    return "sha256:" + whole.hexdigest()


def digest(block: Block | None, entries: Mapping[str, Entry]) -> str:
    """The digest of a block and entries, "xxh3-128:HEX"."""
    return digest_of_lines(block, (entries[path].line for path in sorted(entries)))


def digest_of_lines(block: Block | None, lines: Iterable[bytes]) -> str:
    """The same, from the lines of the entries in the order of their paths."""
    words = [repr(words).encode("utf-8", "surrogateescape") for words in (block.statements if block else ())]
    text = bytearray()
    for line in chain(words, lines):
        text += line
        text += b"\n"
    del text[-1:]
    return native.bytes_digest(memoryview(text))
