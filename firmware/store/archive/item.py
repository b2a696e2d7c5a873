"""What an archive holds of a path: its item, the row for it in the manifest, and what is wrong with a row."""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

from firmware import files, native
from firmware.manifest import Entry
from firmware.store.paths import ETC

#: bytes that an archive, and so a file in it, may have
LIMIT = 64 * 2**20

_NAME = re.compile(r"[^\0/:\n]{1,64}")
_DIGEST = re.compile(r"xxh3-128:[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Item:
    """A path with all that is saved of it besides a file's bytes: its entry, the numbers of its owners, the time of a
    file's last change (whole seconds since 1970), a link's target."""

    entry: Entry
    uid: int
    gid: int
    mtime: int
    target: str

    @property
    def path(self) -> str:
        """Its path, `/etc/…`."""
        return self.entry.path


def to_row(item: Item) -> dict[str, Any]:
    """The row of an item in the manifest."""
    return {**asdict(item.entry), "uid": item.uid, "gid": item.gid, "mtime": item.mtime, "target": item.target}


def from_row(row: dict[str, Any]) -> Item:
    """The item of a row; TypeError or ValueError, saying why, if the row is not one that `to_row` makes."""
    if row.keys() != _COLUMNS.keys():
        raise ValueError(f"a row has the columns {', '.join(sorted(map(str, row)))}")
    values = {name: require_type(row[name], kind) for name, kind in _COLUMNS.items()}
    entry = Entry(**{field.name: values[field.name] for field in fields(Entry)})
    item = Item(entry, *(values[name] for name in _ITEM_COLUMNS))
    problem = _problem(item)
    if problem:
        raise ValueError(f"{item.path!r}: {problem}")
    return item


def require_path(path: Any) -> str:
    """`path`, if it is a path below /etc in its plain form; TypeError, ValueError or Failure if not."""
    if not require_type(path, str).startswith(f"{ETC}/"):
        raise ValueError(f"{path[:60]!r}: not a path below {ETC}")
    return str(files.safe_join(ETC, path[len(f"{ETC}/") :]))


def require_type(value: Any, kind: Any) -> Any:
    """`value`, if it is exactly of that type (a bool is no int); TypeError if not."""
    if type(value) is not kind:
        raise TypeError(f"{value!r:.60} is not a {kind.__name__}")
    return value


def ancestry(path: str) -> Iterator[str]:
    """The path and the directories above it, below /etc, upwards."""
    while path != str(ETC):
        yield path
        path = path.rpartition("/")[0]


def _problem(item: Item) -> str:
    """What is wrong with a row by itself; "" if nothing is."""
    entry, target = item.entry, item.target.encode("utf-8", "surrogateescape")
    require_path(entry.path)
    if entry.kind not in ("file", "dir", "link"):
        return f"a {entry.kind} cannot be saved"
    if not (
        0 <= entry.mode <= 0o7777
        and 0 <= item.uid < 2**32 - 1
        and 0 <= item.gid < 2**32 - 1
        and 0 <= item.mtime < 2**33
    ):
        return "a number is out of range"
    if not (_NAME.fullmatch(entry.owner) and _NAME.fullmatch(entry.group)):
        return "an owner's name is malformed"
    if (entry.kind == "link") != bool(target) or b"\0" in target or len(target) > 4095:
        return "the target of a link is malformed"
    if entry.kind == "link":
        return "" if (entry.size, entry.digest) == (len(target), native.bytes_digest(target)) else "it is another link"
    if entry.kind == "dir":
        return "" if (entry.size, entry.digest) == (0, "") else "a directory has no size"
    return "" if 0 <= entry.size <= LIMIT and _DIGEST.fullmatch(entry.digest) else "size or digest is malformed"


_ITEM_COLUMNS = {"uid": int, "gid": int, "mtime": int, "target": str}
_COLUMNS: dict[str, Any] = {**{field.name: field.type for field in fields(Entry)}, **_ITEM_COLUMNS}
