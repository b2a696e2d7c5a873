"""What an archive holds of a path: its item, the row for it in the manifest, and what is wrong with a row."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quote_json
from typing import Any

from firmware import files, native
from firmware.manifest import Entry
from firmware.store.paths import ETC

#: bytes that an archive, and so a file in it, may have
LIMIT = 64 * 2**20

#: a path in its plain form, without anything that has to be looked at more closely
_PLAIN = re.compile(r"/etc(?:/(?!\.\.?(?:/|\Z))[0-9A-Za-z_.+,@:=-]{1,255}){1,99}")
_PLAIN_LENGTH = 1000
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


def row_text(item: Item) -> str:
    """The row of an item in the manifest, as JSON: laid out as `json.dumps(…, indent=1)` does, for ever, and much faster."""
    entry = item.entry
    return (
        f'  {{\n   "path": {quote_json(entry.path)},\n   "kind": "{entry.kind}",\n   "mode": {entry.mode},\n'
        f'   "owner": {quote_json(entry.owner)},\n   "group": {quote_json(entry.group)},\n   "size": {entry.size},\n'
        f'   "digest": "{entry.digest}",\n   "uid": {item.uid},\n   "gid": {item.gid},\n   "mtime": {item.mtime},\n'
        f'   "target": {quote_json(item.target)}\n  }}'
    )


def require_savable(item: Item) -> None:
    """ValueError, TypeError or Failure, saying why, if the item is not one that can be read again."""
    problem = _problem(item)
    if problem:
        raise ValueError(f"{item.path!r}: {problem}")


def from_row(row: dict[str, Any]) -> Item:
    """The item of a row; TypeError or ValueError, saying why, if the row is not one that `row_text` makes."""
    if row.keys() != _COLUMNS.keys():
        raise ValueError(f"a row has the columns {', '.join(sorted(map(str, row)))}")
    values = [row[name] for name in _COLUMNS]
    if [*map(type, values)] != _KINDS:
        for value, kind in zip(values, _KINDS, strict=True):
            require_type(value, kind)
    item = Item(Entry(*values[: -len(_ITEM_COLUMNS)]), *values[-len(_ITEM_COLUMNS) :])
    require_savable(item)
    return item


def require_path(path: Any) -> str:
    """`path`, if it is a path below /etc in its plain form; TypeError, ValueError or Failure if not."""
    if type(path) is str and len(path) < _PLAIN_LENGTH and _PLAIN.fullmatch(path):
        return path
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
    entry = item.entry
    require_path(entry.path)
    if not (
        0 <= entry.mode <= 0o7777
        and 0 <= item.uid < 2**32 - 1
        and 0 <= item.gid < 2**32 - 1
        and 0 <= item.mtime < 2**33
    ):
        return "a number is out of range"
    if not _are_names(entry.owner, entry.group):
        return "an owner's name is malformed"
    if entry.kind == "file":
        if item.target:
            return "the target of a link is malformed"
        return "" if 0 <= entry.size <= LIMIT and _DIGEST.fullmatch(entry.digest) else "size or digest is malformed"
    if entry.kind == "dir":
        return "" if (entry.size, entry.digest, item.target) == (0, "", "") else "a directory has no size"
    if entry.kind != "link":
        return f"a {entry.kind} cannot be saved"
    target = item.target.encode("utf-8", "surrogateescape")
    if not target or b"\0" in target or len(target) > 4095:
        return "the target of a link is malformed"
    return "" if (entry.size, entry.digest) == (len(target), native.bytes_digest(target)) else "it is another link"


@lru_cache(maxsize=256)
def _are_names(owner: str, group: str) -> bool:
    return bool(_NAME.fullmatch(owner) and _NAME.fullmatch(group))


_ITEM_COLUMNS = {"uid": int, "gid": int, "mtime": int, "target": str}
_COLUMNS: dict[str, Any] = {**{field.name: field.type for field in fields(Entry)}, **_ITEM_COLUMNS}
_KINDS: list[type] = [*_COLUMNS.values()]
