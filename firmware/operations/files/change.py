"""What is done to files by their names: made, moved, removed, given to somebody else."""

import errno
import grp
import os
import pwd
import stat
from pathlib import Path

from firmware import directory
from firmware.errors import Failure, Refused, Usage
from firmware.operations.files import place
from firmware.operations.files.names import parse_path, spell
from firmware.printable import quote_word
from firmware.sync import audit
from firmware.sync.audit import Who

#: what the modes of files may be made of
_MOST_MODE = 0o7777


def make_directory(path: str, *, who: Who, top: Path = place.TOP, trail: Path = audit.DIRECTORY) -> None:
    """Make a directory; Refused if something has that name."""
    below = parse_path(path)
    with place.parent(below, top) as (above, name):
        place.refuse_kernel(above, below)
        try:
            os.mkdir(name or ".", 0o755, dir_fd=above)
        except FileExistsError:
            raise Refused(f"/{spell(below)}: it exists already", "take another name") from None
        os.chmod(name, 0o755, dir_fd=above)
    _note("directory made", [below], who, trail)


def remove(path: str, *, recursive: bool, who: Who, top: Path = place.TOP, trail: Path = audit.DIRECTORY) -> None:
    """Remove what has that name: a link itself, a directory with all that is in it only if it is to be `recursive`. Refused
    for what the node needs, and where something is mounted."""
    below = parse_path(path)
    place.refuse_mounts(below, top)
    with place.parent(below, top) as (above, name):
        place.refuse_kernel(above, below)
        mode = os.stat(name, dir_fd=above, follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode) and not recursive:
            _remove_empty(above, name, below)
        else:
            directory.remove(name, above)
    _note("file removed", [below], who, trail)


def move(source: str, target: str, *, who: Who, top: Path = place.TOP, trail: Path = audit.DIRECTORY) -> None:
    """Give it another name, or another place; Refused if something has that name."""
    old, new = parse_path(source), parse_path(target)
    if f"{new}/".startswith(f"{old}/"):
        raise Usage(f"/{spell(old)}: it cannot be moved to itself, or into itself")
    place.refuse_mounts(old, top)
    with place.parent(old, top) as (above, name), place.parent(new, top) as (other, new_name):
        place.refuse_kernel(above, old)
        place.refuse_kernel(other, new)
        _move(above, name, old, other, new_name, new)
    _note("file moved", [old, new], who, trail)


def set_mode(
    path: str,
    mode: str | None,
    owner: str | None,
    group: str | None,
    *,
    who: Who,
    top: Path = place.TOP,
    trail: Path = audit.DIRECTORY,
) -> None:
    """Give it a mode (octal digits), an owner and a group (names or numbers); None leaves what it has. A link has none of its
    own, and what it leads to is left alone: Refused."""
    below, number = parse_path(path), _parse_mode(mode)
    uid, gid = _user_number(owner), _group_number(group)
    with place.parent(below, top) as (above, name):
        place.refuse_kernel(above, below)
        # By a descriptor that opens nothing: of a FIFO or a device, too, and of no link.
        handle = os.open(name or ".", os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
        try:
            if stat.S_ISLNK(os.fstat(handle).st_mode):
                raise Refused(f"/{spell(below)}: it is a link", "set the mode of what it leads to")
            itself = f"/proc/self/fd/{handle}"
            kept = os.stat(itself).st_mode & _MOST_MODE
            os.chown(itself, uid, gid)
            os.chmod(itself, kept if number is None else number)  # a change of owner takes set-user-ID bits away
        finally:
            os.close(handle)
    wanted = f"mode {mode or '-'}, owner {owner or '-'}, group {group or '-'}"
    _note("file mode", [below], who, trail, message=wanted)


def _remove_empty(above: int, name: str, path: str) -> None:
    try:
        os.rmdir(name, dir_fd=above)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        raise Refused(f"/{spell(path)}: there is something in it", "remove it with all that is in it") from None


def _move(above: int, name: str, path: str, other: int, new_name: str, new: str) -> None:
    is_directory = directory.is_directory(name, above)
    try:
        if is_directory and not _exists(new_name, other):
            os.rename(name, new_name, src_dir_fd=above, dst_dir_fd=other)
        else:  # a second name is never put in the place of what is there
            os.link(name, new_name, src_dir_fd=above, dst_dir_fd=other, follow_symlinks=False)
            os.unlink(name, dir_fd=above)
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise place.named_error(error, path) from None
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY) or (is_directory and error.errno == errno.EPERM):
            raise Refused(f"/{spell(new)}: it exists already", "take another name") from None
        if error.errno == errno.EXDEV:
            raise Failure(
                f"/{spell(path)}: it cannot be moved to another file system", "download it, and upload it there"
            ) from None
        raise


def _exists(name: str, place: int) -> bool:
    try:
        os.stat(name, dir_fd=place, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _parse_mode(mode: str | None) -> int | None:
    if mode is None:
        return None
    if not mode or len(mode) > 5 or set(mode) - set("01234567") or int(mode, 8) > _MOST_MODE:
        raise Usage(f"{quote_word(mode)}: not a mode", "four octal digits, such as 0644")
    return int(mode, 8)


def _user_number(name: str | None) -> int:
    try:
        return -1 if name is None else _number(name) if name.isdecimal() else pwd.getpwnam(name).pw_uid
    except (KeyError, ValueError):
        raise Usage(f"{quote_word(name or '')}: there is no such account on this node") from None


def _group_number(name: str | None) -> int:
    try:
        return -1 if name is None else _number(name) if name.isdecimal() else grp.getgrnam(name).gr_gid
    except (KeyError, ValueError):
        raise Usage(f"{quote_word(name or '')}: there is no such group on this node") from None


def _number(digits: str) -> int:
    if len(digits) > 10 or int(digits) >= (1 << 32) - 1:
        raise ValueError
    return int(digits)


def _note(event: str, paths: list[str], who: Who, trail: Path, message: str = "") -> None:
    files = [f"/{spell(path)}" for path in paths]
    audit.note(event, who=who, result="done", directory=trail, files=files, message=message)
