"""What leaves the node as an export: without the files that hold secrets, or whole and encrypted; and how that comes back.

An encrypted export is a line that says so, what `openssl enc` makes of the archive, and an HMAC-SHA-256 of both. The keys come
from the passphrase by PBKDF2. docs/operate.md says how it is opened by hand.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from firmware.errors import Refused
from firmware.run import filter_bytes
from firmware.store import archive
from firmware.store.archive import Archive, Draft
from firmware.store.archive.item import Item, ancestry
from firmware.store.confidential import secret_kind
from firmware.store.migrations import current, open_draft
from firmware.store.snapshot import Target

#: what an encrypted export begins with
MAGIC = b"csyncd encrypted export 1\n"
#: what the name of a key's public half ends with, as ssh-keygen makes it
PUBLIC = ".pub"
#: rounds of PBKDF2-HMAC-SHA-256, characters that a passphrase has at least
ROUNDS, SHORTEST = 600_000, 12
_CIPHER = ("openssl", "enc", "-aes-256-cbc", "-pbkdf2", "-iter", str(ROUNDS), "-md", "sha256")
_TAG, _SALTED, _SALT = 32, b"Salted__", 8


@dataclass(frozen=True, slots=True)
class FilledDraft:
    """An archive from elsewhere with what had been withheld from it and this node has; `missing` is what it has not."""

    draft: Draft
    missing: tuple[str, ...]


def without_secrets(saved: Archive) -> tuple[bytes, tuple[str, ...]]:
    """The archive without those files that hold private keys, keys of session tickets or password hashes; and their paths."""
    files = [path for path, item in saved.items.items() if item.entry.kind == "file"]
    withheld = {path for path in files if secret_kind(path, saved.content(path))}
    items = {path: item for path, item in saved.items.items() if path not in withheld}
    contents = {path: saved.content(path) for path in files if path not in withheld}
    paths = tuple(sorted({*withheld, *saved.withheld}))
    return archive.build(saved.label, Draft(items, contents, saved.removed, paths)), paths


def fill_in(foreign: Archive, sources: Iterable[Target]) -> FilledDraft:
    """The archive with this node's own files where it withholds some, each from the first of the sources that has it; and with
    the public halves of those keys from there: the archive's would be those of other keys."""
    found = current(foreign)
    draft = open_draft(found) if isinstance(found, Archive) else found
    items, contents = dict(draft.items), dict(draft.contents)
    missing = list(foreign.withheld)
    for here in sources:
        found_here = [path for path in missing if _is_file(path, here) and _has_room(path, items, draft.removed)]
        for path in found_here:
            items[path], contents[path] = here.items[path], here.content(path)
            _keep_own(f"{path}{PUBLIC}", here, items, contents)
        missing = [path for path in missing if path not in found_here]
        if not missing:
            break
    return FilledDraft(replace(draft, items=items, contents=contents, withheld=()), tuple(missing))


def _is_file(path: str, target: Target) -> bool:
    return path in target.items and target.items[path].entry.kind == "file"


def _keep_own(path: str, here: Target, items: dict[str, Item], contents: dict[str, bytes]) -> None:
    """Have a file be as it is here, or not be there."""
    own, theirs = here.items.get(path), items.get(path)
    if theirs is not None and theirs.entry.kind == "dir":
        return
    items.pop(path, None)
    contents.pop(path, None)
    if own is not None and own.entry.kind == "file":
        items[path], contents[path] = own, here.content(path)


def _has_room(path: str, items: Mapping[str, Item], removed: tuple[str, ...]) -> bool:
    """May it lie there beside what the archive has?"""
    above = [parent for parent in ancestry(path) if parent != path]
    return not any(parent in removed or (parent in items and items[parent].entry.kind != "dir") for parent in above)


def is_encrypted(data: bytes) -> bool:
    """Is it an export that was encrypted?"""
    return data.startswith(MAGIC)


def encrypt(data: bytes, passphrase: str) -> bytes:
    """The archive, for whoever knows the passphrase. Refused if that is too short, or nobody could type it."""
    if len(passphrase) < SHORTEST:
        raise Refused(
            f"the passphrase has less than {SHORTEST} characters", "private keys are in it: choose a longer one"
        )
    if not passphrase.isprintable():
        raise Refused("the passphrase has characters that cannot be typed", "letters, digits, blanks and signs")
    body = MAGIC + filter_bytes([*_CIPHER, "-salt", "-kfile"], data, documents=[passphrase.encode() + b"\n"])
    return body + _tag(body, passphrase)


def decrypt(data: bytes, passphrase: str, name: str = "the archive") -> bytes:
    """The archive in an encrypted export. Refused if the passphrase is another one, or a byte is."""
    body, tag = data[:-_TAG], data[-_TAG:]
    if len(body) < len(MAGIC) + len(_SALTED) + _SALT or not hmac.compare_digest(tag, _tag(body, passphrase)):
        raise Refused(f"{name}: the passphrase is another one, or the file is damaged: nothing was changed")
    return filter_bytes([*_CIPHER, "-d", "-kfile"], body[len(MAGIC) :], documents=[passphrase.encode() + b"\n"])


def _tag(body: bytes, passphrase: str) -> bytes:
    salt = body[len(MAGIC) + len(_SALTED) :][:_SALT]
    key = hashlib.pbkdf2_hmac("sha256", passphrase.encode(), b"csyncd export" + salt, ROUNDS)
    return hmac.digest(key, body, "sha256")
