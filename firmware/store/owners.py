"""Owners by name: who has which number in the tree that is being put in place, not in the one that is there."""

import grp
import pwd
from collections.abc import Mapping
from dataclasses import dataclass

from firmware.store.archive import Item
from firmware.store.tree import Target


@dataclass(frozen=True, slots=True)
class Owners:
    """The accounts of a target tree. `meant` are the paths whose owners go by name, because they came from an archive."""

    users: Mapping[str, int]
    groups: Mapping[str, int]
    meant: frozenset[str]

    @classmethod
    def of(cls, target: Target) -> "Owners":
        """Of the target's own passwd and group, or of this node's where it has none."""
        archive = target.archive
        users = _numbers(target, "/etc/passwd") or {account.pw_name: account.pw_uid for account in pwd.getpwall()}
        groups = _numbers(target, "/etc/group") or {group.gr_name: group.gr_gid for group in grp.getgrall()}
        return cls(users, groups, frozenset(archive.items if archive else ()))

    def numbers(self, item: Item) -> tuple[int, int]:
        """The numbers of a path's owner and group: of the names if these are known, else as they were saved."""
        if item.path not in self.meant:
            return item.uid, item.gid
        return self.users.get(item.entry.owner, item.uid), self.groups.get(item.entry.group, item.gid)


def _numbers(target: Target, path: str) -> dict[str, int]:
    """The names and numbers in a file like passwd or group; what is malformed there is left out."""
    item = target.items.get(path)
    if item is None or item.entry.kind != "file":
        return {}
    found: dict[str, int] = {}
    for line in target.content(path).decode("utf-8", "replace").splitlines():
        fields = line.split(":")
        if len(fields) > 2 and fields[2].isascii() and fields[2].isdigit() and int(fields[2]) < 2**32 - 1:
            found.setdefault(fields[0], int(fields[2]))
    return found
