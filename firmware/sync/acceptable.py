"""What may be pushed: which entries a service may have on its way to a peer, and how much of them. Both sides hold it."""

from collections.abc import Mapping
from dataclasses import dataclass

from firmware.errors import Refused
from firmware.manifest import Entry
from firmware.printable import escape, shorten
from firmware.services.definition import Service
from firmware.sync.message import DIGEST

SMALLER = "keep what is large elsewhere, or copy it by other means"


@dataclass(frozen=True, slots=True)
class Limits:
    """The most files and directories of one service, bytes of one file, and bytes of all of them."""

    files: int
    file_bytes: int
    all_bytes: int


#: what is synced; and what a peer takes that says nothing of its room, as firmware did which held files in memory
LIMITS, OLDER = Limits(24_000, 64 << 20, 128 << 20), Limits(4096, 8 << 20, 16 << 20)


def require_sendable(service: Service, entries: Mapping[str, Entry], limits: Limits = LIMITS) -> None:
    """Refuse, on the pushing side, what the receiver would refuse: links, devices, set-uid modes, too much."""
    _require_within_limits(service, entries, limits)
    for entry in entries.values():
        require_acceptable(service, entry, entry.path, limits)


def require_whole(service: Service, entries: Mapping[str, Entry], limits: Limits = LIMITS) -> None:
    """Refused, on the receiving side, if entries that are acceptable, each by itself, cannot be all that a service has."""
    _require_within_limits(service, entries, limits)
    _require_parents(service, entries)
    _require_one_size(entries)


def require_acceptable(service: Service, entry: Entry, name: str, limits: Limits = LIMITS) -> None:
    """Refused for an entry that no peer may send; `name` is what it is called in the reason."""
    accounts = {"root", service.account.user}
    if entry.kind not in ("file", "dir"):
        kind = {"link": "a symbolic link"}.get(entry.kind, "neither file nor directory")
        raise Refused(f"{name}: it is {kind}, and only files and directories are synced", "put a file in its place")
    if entry.mode & 0o7000:
        raise Refused(
            f"{name}: mode {entry.mode:04o} has a set-uid, set-gid or sticky bit",
            f"chmod {entry.mode & 0o777:04o} {name}",
        )
    if entry.owner not in accounts or entry.group not in accounts:
        allowed = " or ".join(sorted(accounts))
        raise Refused(
            f"{name}: it belongs to {shorten(f'{entry.owner}:{entry.group}', 100)}, not to {allowed}",
            f"chown {service.account.user} {name}",
        )
    if entry.kind == "dir" and _may_write(service.account.user, entry):
        raise Refused(
            f"{name}: {service.account.user} could exchange what lies in it, and root looks there",
            f"chown root:{service.account.user} {name} && chmod 750 {name}",
        )
    if entry.kind == "file" and not DIGEST.fullmatch(entry.digest):
        raise Refused(f"{name}: its digest is malformed")
    if entry.kind == "dir" and (entry.digest or entry.size):
        raise Refused(f"{name}: a directory has neither digest nor size")
    if not 0 <= entry.size <= limits.file_bytes:
        raise Refused(f"{name}: {entry.size} bytes; at most {limits.file_bytes} are synced", SMALLER)


def _may_write(account: str, entry: Entry) -> bool:
    """May an account that is not root write there, by itself or once it has changed the mode?"""
    owns, in_group = entry.owner == account != "root", entry.group == account != "root"
    return owns or bool(entry.mode & (0o022 if in_group else 0o002))


def largest_file(entries: Mapping[str, Entry]) -> str:
    """The largest file among these, and its bytes, in words; "none" without any."""
    largest = max(entries.values(), key=lambda entry: entry.size, default=None)
    return f"{escape(largest.path)}, {largest.size} bytes" if largest else "none"


def _require_within_limits(service: Service, entries: Mapping[str, Entry], limits: Limits) -> None:
    if entries and not service.owns:
        raise Refused(f"service {service.name}: it owns no files")
    if len(entries) > limits.files:
        raise Refused(
            f"service {service.name}: {len(entries)} files; at most {limits.files} are synced; "
            f"the most are in {_fullest_directory(entries)}",
            SMALLER,
        )
    total = sum(entry.size for entry in entries.values())
    if total > limits.all_bytes:
        raise Refused(
            f"service {service.name}: {total} bytes; at most {limits.all_bytes} are synced; "
            f"the largest file is {largest_file(entries)}",
            SMALLER,
        )


def _fullest_directory(entries: Mapping[str, Entry]) -> str:
    """The directory in which the most files are, and how many."""
    counts: dict[str, int] = {}
    for path in entries:
        place = path.rpartition("/")[0]
        counts[place] = counts.get(place, 0) + 1
    place = max(counts, key=lambda name: counts[name])
    return f"{escape(place)}, {counts[place]}"


def _require_one_size(entries: Mapping[str, Entry]) -> None:
    """The same content has the same size: what is reckoned with is what comes."""
    sizes: dict[str, int] = {}
    for path, entry in entries.items():
        if entry.kind == "file" and sizes.setdefault(entry.digest, entry.size) != entry.size:
            raise Refused(f"{path}: {entry.size} bytes, and {sizes[entry.digest]} of another file with its digest")


def _require_parents(service: Service, entries: Mapping[str, Entry]) -> None:
    for path in entries:
        parent = path.rpartition("/")[0]
        if parent != service.owns and (parent not in entries or entries[parent].kind != "dir"):
            raise Refused(f"{path}: its directory is not in the proposal")
