"""What the hub mounts for its lab nodes, seen by nobody outside: the layers of their roots, and their flash."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import kernel

FACTORY = "usr/share/factory/etc"


def hide_mounts(state: Path, numbers: Iterable[int]) -> None:
    """A mount namespace of our own, and in it each node's flash, in memory: no file system of the machine is mounted on a node,
    where it could be remounted, frozen or swapped to."""
    kernel.unshare(kernel.NEWNS)
    kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    for number in numbers:
        kernel.mount("flash", str(state / str(number) / "flash"), "tmpfs", data="mode=755,size=1g")


def copy_layers(state: Path, layers: list[str]) -> tuple[str, ...]:
    """Copy these layers into memory: a build may replace them while the lab is up, and the kernel takes no layer that lies
    within another one. Their factory /etc hides those of lower layers."""
    kernel.mount("ram", str(state / "layers"), "tmpfs", data="mode=755")
    copies = []
    for number, layer in enumerate(layers):
        copy = state / "layers" / str(number)
        copy.mkdir()
        copy_tree(Path(layer), copy)
        os.setxattr(copy / FACTORY, "trusted.overlay.opaque", b"y")
        copies.append(str(copy))
    return tuple(copies)


def copy_tree(source: Path, target: Path) -> None:
    """Copy what is below `source` into `target`, with modes, owners, times and links."""
    for entry in os.scandir(source):
        copy = target / entry.name
        if entry.is_dir(follow_symlinks=False):
            copy.mkdir()
            copy_tree(Path(entry.path), copy)
        else:
            shutil.copy2(entry.path, copy, follow_symlinks=False)
        found = entry.stat(follow_symlinks=False)
        os.chown(copy, found.st_uid, found.st_gid, follow_symlinks=False)
        if not entry.is_symlink():
            os.chmod(copy, found.st_mode & 0o7777)
