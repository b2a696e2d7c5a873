"""Generated files: what a service makes of its context, in /run/firmware/generated/TITLE, for as long as it is started.

They are made of the context alone, so nothing of them is saved or pushed: who has the same context has the same files.
The directory belongs to root, and to the group of the service's account, which may read what is in it and write nothing.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from firmware import files, native
from firmware.errors import Failure, Invalid
from firmware.rc import check
from firmware.services import catalog, directories, permissions
from firmware.services.definition import Context, Service


def generated_files(service: Service, context: Context) -> Mapping[str, str]:
    """The files by their paths below `context.generated`; none for a service that generates none.

    Invalid if its block, or one that it reads, is; Refused if a path leads out of the directory.
    """
    if service.generates is None:
        return {}
    if problems := [*check.block_problems(context.block, service), *problems_in_blocks_read(context)]:
        raise Invalid(f"service {context.title}: its configuration is invalid", problems=problems)
    found = service.generates(context)
    for name in found:
        files.safe_join(context.generated, name)
    return found


def problems_in_blocks_read(context: Context) -> list[str]:
    """What is wrong in the blocks of other services that it reads, as FILE:LINE: …"""
    found = []
    for block in (block for blocks in context.reads.values() for block in blocks):
        service = catalog.find(block.name)
        found += check.block_problems(block, service, context.document.path) if service else []
    return found


def _files_to_load(service: Service, context: Context, files: Path) -> Mapping[str, str]:
    """Those of its context, and those that are made at each load; `files` is the directory with the service's own."""
    at_load = service.generates_at_load(context, files) if service.generates_at_load else {}
    return {**generated_files(service, context), **at_load}


def digests(service: Service, context: Context) -> list[str]:
    """A line for each file, or one that says why there are none."""
    try:
        made = generated_files(service, context)
    except Failure as error:
        return [f"none: {error}"]
    return [f"{name!r} {native.bytes_digest(_encode_text(made[name]))}" for name in sorted(made)]


def write(service: Service, context: Context) -> None:
    """Put the files in place, all in one step; those of an earlier context that are not among them go."""
    if _generates(service):
        new = context.generated.with_name(f".{context.title}.new")
        _make_directory(service, new, _files_to_load(service, context, Path(service.owns)))
        directories.put_in_place(new, context.generated)


@contextmanager
def staged_files(service: Service, context: Context, staged: Path | None = None) -> Iterator[Path | None]:
    """A directory with the files of a context that is only to be checked; None for a service that generates none."""
    if not _generates(service):
        yield None
        return
    new = context.generated.with_name(f".{context.title}.check")
    try:
        _make_directory(service, new, _files_to_load(service, context, staged or Path(service.owns)))
        yield new
    finally:
        directories.remove(new)


def remove(directory: Path) -> None:
    """The service is stopped: nothing of it stays."""
    directories.remove(directory)


def _generates(service: Service) -> bool:
    return service.generates is not None or service.generates_at_load is not None


def _make_directory(service: Service, directory: Path, made: Mapping[str, str]) -> None:
    _, group = permissions.account_ids(service.account.user)
    directory.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    directories.remove(directory)
    _make_readable(directory, group)
    for name, text in made.items():
        path = directory / name
        for parent in reversed(path.relative_to(directory).parents[:-1]):
            if not (directory / parent).exists():
                _make_readable(directory / parent, group)
        files.write(path, _encode_text(text), mode=0o640, owner=(0, group))


def _encode_text(text: str) -> bytes:
    """Bytes of config.rc that are no UTF-8, as in comments of old files, stay what they are."""
    return text.encode("utf-8", "surrogateescape")


def _make_readable(directory: Path, group: int) -> None:
    directory.mkdir(mode=0o700)
    os.chown(directory, -1, group)
    directory.chmod(0o750)
