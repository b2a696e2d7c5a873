"""Applied: the content that a service's live process last loaded successfully, kept whole in /run/firmware/applied.

/run/firmware/applied/TITLE holds `block` (its text), `digest` and `files` (a copy of the owned directory), and
`warnings`, if its checker had any, and `sha256` of the content, if a push brought it. For a service that
reads other blocks or generates files there are `context` (the whole config.rc) and `context-digest`, too: what is applied
covers those, though they are no part of the content. A snapshot is taken before the process loads it and kept once it has: an
edit in between is then seen as not applied, never the other way round. All who change it hold the service's lock.
"""

import os
from collections.abc import Collection
from pathlib import Path

from firmware.errors import Refused
from firmware.manifest import Entry
from firmware.rc import document
from firmware.rc.block import Block
from firmware.rc.document import Document
from firmware.rc.title import Title
from firmware.services import content
from firmware.services.definition import APPLIED, Context, Service

STAGING = Path("/etc/.staging")


def digest(title: str, *, top: Path = APPLIED) -> str:
    """The digest of the applied content; "" if nothing is, or if that cannot be read: an apply makes it good again."""
    return _read_digest(top / title / "digest") or ""


def context_digest(title: str, *, top: Path = APPLIED) -> str:
    """The digest of the applied content together with all that its load depended on; "" if nothing is applied."""
    known = _read_digest(top / title / "context-digest")
    return digest(title, top=top) if known is None else known


def _read_digest(path: Path) -> str | None:
    """The digest in a file; None if there is none, "" if it is damaged."""
    try:
        return path.read_bytes().decode("ascii")
    except FileNotFoundError:
        return None
    except (IsADirectoryError, NotADirectoryError, UnicodeDecodeError):
        return ""


def needs_apply(service: Service, context: Context, *, top: Path = APPLIED, root: Path = Path("/")) -> bool:
    """Does what lies on disk, or what it depends on, differ from what is applied?"""
    return not is_applied(service, context, content.read(service, context.block, root=root).digest, top=top)


def is_applied(service: Service, context: Context, digest: str, *, top: Path = APPLIED) -> bool:
    """Is the content with that digest applied, and in this context?"""
    return context_digest(context.title, top=top) == content.context_digest(service, context, digest)


def context(service: Service, title: str, now: Document, *, top: Path = APPLIED) -> Context | None:
    """The context that is applied; None if nothing is. The document is the one of that time where the service depends on more
    than its content, and `now` with the applied block elsewhere."""
    old = block(title, top=top)
    if old is None:
        return None
    if (top / title / "context").exists():
        then = document.read_tolerant(top / title / "context")
    else:
        from firmware.rc import edit  # takes long to load, and `service list` does not need it

        then = edit.replace_block(now, Title(old.name, old.instance), old.text)
    return Context.of(service, old, then)


def block(title: str, *, top: Path = APPLIED) -> Block | None:
    """The applied block; None if nothing is applied."""
    if not (top / title / "block").exists():
        return None
    blocks = document.read_tolerant(top / title / "block").blocks
    return blocks[0] if blocks else None


def entries(service: Service, title: str, *, top: Path = APPLIED) -> dict[str, Entry]:
    """The applied entries by their final paths; their contents lie in `files_directory(title)`."""
    return content.owned_entries(service, files_directory(title, top=top))


def files_directory(title: str, *, top: Path = APPLIED) -> Path:
    """Where the copy of the applied files lies (absent where the service owned none)."""
    return top / title / "files"


def mark_applied(
    service: Service, context: Context, *, warnings: str = "", top: Path = APPLIED, root: Path = Path("/")
) -> None:
    """Note that what lies on disk now is applied; for who knows that nothing can have changed since it was loaded."""
    take_snapshot(service, context, warnings=warnings, top=top, root=root)
    promote_snapshot(context.title, top=top)


def warnings(title: str, *, top: Path = APPLIED) -> str:
    """What the checker warned of when what is applied was checked; "" if nothing is known."""
    try:
        return (top / title / "warnings").read_text(errors="replace")
    except OSError:
        return ""


def sha256(title: str, digest_now: str, *, top: Path = APPLIED) -> str:
    """The SHA-256 (`content.sha256`) of what is applied, if that has the digest and it is known; "" otherwise."""
    return (_read_digest(top / title / "sha256") or "") if digest(title, top=top) == digest_now else ""


def note_snapshot_sha256(title: str, sha256: str, *, top: Path = APPLIED) -> None:
    """Keep it with the last snapshot."""
    (_snapshot_of(title, top) / "sha256").write_text(sha256)


def snapshot_digest(title: str, *, top: Path = APPLIED) -> str:
    """The digest of the last snapshot."""
    return _read_digest(_snapshot_of(title, top) / "digest") or ""


def take_snapshot(
    service: Service,
    context: Context,
    *,
    warnings: str = "",
    same: Collection[str] = (),
    top: Path = APPLIED,
    root: Path = Path("/"),
) -> None:
    """Copy what lies on disk now, without calling it applied yet. `warnings`: what its checker warned of. `same`: paths of files
    below the service's directory that are believed to be as in what is applied, which then has one copy of each: whoever says so
    compares what lies on disk."""
    from firmware.services import directories

    new = _snapshot_of(context.title, top)
    directories.remove(new)
    top.mkdir(mode=0o700, parents=True, exist_ok=True)
    new.mkdir(mode=0o700)
    try:
        source = root / service.owns.lstrip("/")
        if service.owns and source.is_dir():
            twin = directories.Twin(files_directory(context.title, top=top), same)
            directories.copy(source, new / "files", twin=twin)
        _describe_snapshot(service, context, new)
        if warnings:
            (new / "warnings").write_text(warnings, errors="surrogateescape")
    except BaseException as error:
        directories.remove(new)
        if isinstance(error, OSError) and error.filename is None:  # the kernel does not say where there was no room
            raise OSError(error.errno, error.strerror, str(new)) from None
        raise


def _describe_snapshot(service: Service, context: Context, new: Path) -> None:
    block = context.block
    (new / "block").write_bytes(block.text.encode("utf-8", "surrogateescape"))
    digest = content.tree_digest(service, block, new / "files")
    (new / "digest").write_text(digest)
    if service.reads or service.generates:
        (new / "context").write_bytes(context.document.text.encode("utf-8", "surrogateescape"))
        (new / "context-digest").write_text(content.context_digest(service, context, digest))


def promote_snapshot(title: str, *, top: Path = APPLIED) -> None:
    """The last snapshot is what the process has loaded now; nothing if there is none any more."""
    from firmware.services import directories

    if _snapshot_of(title, top).exists():
        directories.put_in_place(_snapshot_of(title, top), top / title)


def promote_snapshot_of(block: Block, *, top: Path = APPLIED) -> None:
    """The same, if the last snapshot is one of that block: what could not be loaded whole then has been loaded by now."""
    taken = _snapshot_of(block.title, top) / "block"
    if taken.exists() and taken.read_bytes() == block.text.encode("utf-8", "surrogateescape"):
        promote_snapshot(block.title, top=top)


def drop_snapshot(title: str, *, top: Path = APPLIED) -> None:
    """The last snapshot was not loaded."""
    from firmware.services import directories

    directories.remove(_snapshot_of(title, top))


def set_aside(title: str, *, top: Path = APPLIED) -> None:
    """Keep what is applied now for `restore_set_aside`, which may have to bring it back."""
    from firmware.services import directories

    directories.remove(_set_aside_of(title, top))
    if (top / title).exists():
        directories.copy(top / title, _set_aside_of(title, top))


def restore_set_aside(title: str, wanted: str, *, top: Path = APPLIED) -> None:
    """What was set aside is applied again, if something else than `wanted`, a context digest, is applied now ("": nothing
    was)."""
    from firmware.services import directories

    if not wanted:
        forget(title, top=top)
    elif context_digest(title, top=top) != wanted and _set_aside_of(title, top).exists():
        directories.put_in_place(_set_aside_of(title, top), top / title)
    directories.remove(_snapshot_of(title, top))


def drop_set_aside(title: str, *, top: Path = APPLIED) -> None:
    """What was set aside will not be needed."""
    from firmware.services import directories

    directories.remove(_set_aside_of(title, top))


def forget(title: str, *, top: Path = APPLIED) -> None:
    """Nothing is applied any more."""
    from firmware.services import directories

    for path in (top / title, _snapshot_of(title, top)):
        directories.remove(path)


def restore_files(
    service: Service, title: str, *, top: Path = APPLIED, root: Path = Path("/"), staging: Path = STAGING
) -> None:
    """Put the applied files back, in one step, exactly as they were. The block is the caller's. Refused if there are none."""
    from firmware.services import directories

    if not digest(title, top=top):
        raise Refused(f"service {title} has not been applied since this node booted", f"service {title} apply")
    if not service.owns:
        return
    place, new = root / service.owns.lstrip("/"), staging / title / "revert"
    directories.remove(new)
    new.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if files_directory(title, top=top).is_dir():
        directories.copy(files_directory(title, top=top), new)
        directories.put_in_place(new, place)
    elif os.path.lexists(place):
        os.rename(place, new)
        directories.remove(new)
    remove_if_empty(new.parent, staging)


def _snapshot_of(title: str, top: Path) -> Path:
    return top / f".{title}.new"


def _set_aside_of(title: str, top: Path) -> Path:
    return top / f".{title}.old"


def remove_if_empty(*places: Path) -> None:
    """Remove each of these directories that is empty."""
    for place in places:
        try:
            os.rmdir(place)
        except OSError:
            return
