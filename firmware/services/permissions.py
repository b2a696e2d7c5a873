"""What a service's account may reach: the directories that are made for it below /run, and the files that it owns."""

import os
import pwd
import stat
from contextlib import suppress
from pathlib import Path

from firmware import directory
from firmware.errors import Failure
from firmware.run import run
from firmware.services.definition import Service

FACTORY_PASSWD = Path("/usr/share/factory/etc/passwd")


def make_runtime_directories(service: Service) -> None:
    """Make the directories that its daemon and its checker need, with its account as their owner: a file system of their
    own, so that it cannot fill /run."""
    uid, gid = account_ids(service.account.user)
    for name in service.runtime_directories:
        os.makedirs(name, mode=0o755, exist_ok=True)
        if uid and not os.path.ismount(name):
            bounds = f"size=16m,nr_inodes=4096,mode=755,uid={uid},gid={gid},nosuid,nodev,noexec"
            run(["mount", "-t", "tmpfs", "-o", bounds, "none", name])
    for name in service.runtime_links:
        _link(name, service.runtime_directories[0])


def _link(name: str, target: str) -> None:
    """Have the name lead there, unless something is in its place that is more than an empty directory."""
    with suppress(OSError):
        os.rmdir(name)
    if not os.path.lexists(name):
        os.makedirs(os.path.dirname(name), mode=0o755, exist_ok=True)
        os.symlink(target, name)


def grant_read_access(service: Service, *, root: Path = Path("/")) -> None:
    """Let the service's account and its checker's read what the service owns, through their group: operators drop keys as
    root, 0600.

    Only what one of them could not read is touched, nothing is ever given to all, and neither a link nor a file that
    also has a name elsewhere is. No link is followed on the way to a file either, whoever puts one there meanwhile.
    """
    if service.account.user == "root" or not service.owns:
        return
    uid, gid = account_ids(service.account.user)
    top = root / service.owns.lstrip("/")
    if not top.is_dir() or top.is_symlink():
        return
    with directory.descriptor(top) as handle:
        for path, place, names in directory.walk(handle, lambda path: False):
            for name in (".", *names):
                if os.path.join(service.owns, path, name) not in service.private:
                    _grant_path(name, place, uid, gid)


def account_ids(user: str, *, factory: Path = FACTORY_PASSWD) -> tuple[int, int]:
    """The numbers of an account and of its group: of this node's passwd, or of the factory's, for what was saved before an
    upgrade lacks the accounts that it brings. Failure if there is no such account in either."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return _factory_ids(user, factory)
    return entry.pw_uid, entry.pw_gid


def _factory_ids(user: str, factory: Path) -> tuple[int, int]:
    try:
        rows = [line.split(":") for line in factory.read_text(errors="replace").splitlines()]
    except OSError:
        rows = []
    for name, _, uid, gid, *_ in (row for row in rows if len(row) == 7):
        if name == user:
            return int(uid), int(gid)
    raise Failure(f"{user}: there is no such account on this node")


def _grant_path(name: str, directory_fd: int, uid: int, gid: int) -> None:
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory_fd)
    except OSError:
        return  # a link, a socket, or gone again
    try:
        status = os.fstat(handle)
        is_directory = stat.S_ISDIR(status.st_mode)
        wanted = 0o5 if is_directory else 0o4
        if not is_directory and (status.st_nlink > 1 or not stat.S_ISREG(status.st_mode)):
            return
        if not _is_permitted(status, uid, gid, wanted):
            os.fchown(handle, -1, gid)
            os.fchmod(handle, status.st_mode & 0o777 | wanted << 3)
    finally:
        os.close(handle)


def _is_permitted(status: os.stat_result, uid: int, gid: int, wanted: int) -> bool:
    """May the account do it that has this uid, and that of its checker, which has the same group only?"""
    shifts = {3 if status.st_gid == gid else 0, *((6,) if status.st_uid == uid else ())}
    return all(status.st_mode >> shift & wanted == wanted for shift in shifts)
