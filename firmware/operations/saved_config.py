"""What is saved on flash: what `config changes|diff|save|history|rollback|restore|export|import|reset` do.

Whatever deals with all of /etc keeps pushes out meanwhile, and is refused while one waits to be confirmed.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from errno import ENOSPC
from pathlib import Path
from typing import BinaryIO

from firmware import files
from firmware.accounts import register
from firmware.errors import Failure, Refused, Usage, system_hint
from firmware.store import archive, flash, generations, imported, lost_edits, restore, saved_state, snapshot
from firmware.store import export as export_format
from firmware.store.archive import Archive
from firmware.store.changes import Changes, Difference, differences, differences_between, unsaved_changes
from firmware.store.generations import HistoryEntry, SaveResult
from firmware.store.snapshot import Target
from firmware.sync import audit
from firmware.sync.audit import Who

#: characters that a message may have · bytes that an archive may have
MESSAGE_LIMIT, ARCHIVE_LIMIT = 500, archive.LIMIT + 4096


_NOT_BELOW_ETC = "it is not below /etc yet: a save before a restore or a reboot would come after it, and undo it"


@dataclass(frozen=True, slots=True)
class RestoredConfig:
    """What was put below /etc from `generation` (None: the factory's): what changed there, what there is to say of it, and
    how many files no generation has that were there before. `problems` say why it is not the newest that was saved."""

    generation: int | None
    changes: Changes
    notes: tuple[str, ...]
    unsaved_before: int
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExportedConfig:
    """What is saved, as one archive. Its digest is the archive's own; `unsaved` paths below /etc are not in it, and the files
    `withheld` are not, for they hold secrets."""

    generation: int
    digest: str
    data: bytes
    unsaved: int
    withheld: tuple[str, ...] = ()


def changes() -> Changes:
    """The paths below /etc that differ from what is saved, and that a reboot would take away."""
    saved_state.refresh()
    return unsaved_changes()


def diff(base: str = "saved") -> list[Difference]:
    """How /etc differs from `base`: saved, factory, or the number of a generation. Private keys are never in it."""
    return differences(_load(base))


def diff_between(old: str, new: str) -> list[Difference]:
    """How `new` differs from `old`: each of them saved, factory, or the number of a generation."""
    return differences_between(_load(old), _load(new))


def _load(base: str) -> Archive | None:
    """The generation that a word names; None for the factory."""
    if base == "factory":
        return None
    if base == "saved":
        return generations.load_current()
    return generations.load(parse_generation(base, "saved, factory or the number of a generation"))


def save(message: str = "", *, who: Who) -> SaveResult:
    """Save what is below /etc, as a new generation. When it returns, that is on flash and verified."""
    from firmware.flows import save as flow

    if len(message) > MESSAGE_LIMIT:
        raise Usage(f"the message has more than {MESSAGE_LIMIT} characters")
    with audit.note_errors("save", who=who):
        done = flow.save(message, who=_name_in_history(who))
    _note_generation("save", done, who)
    unused = ("there was nothing to save, so the message is kept nowhere",) if message and not done.fresh else ()
    return replace(done, notes=(*done.notes, *unused))


def history() -> list[HistoryEntry]:
    """The generations, newest first, each verified now."""
    return generations.history()


def roll_back(generation: int, *, who: Who) -> RestoredConfig:
    """Put a generation below /etc. It is in effect once services are applied, and lasts once it is saved. What no generation
    has is kept aside."""
    with audit.note_errors("rollback", who=who, generation=generation), _exclude_pushes():
        generations.load(generation)  # before anything is kept for its sake
        lost = lost_edits.find()
        notes = lost_edits.keep(lost)
        done = restore.roll_back(generation, who=_name_in_history(who))
        imported.note_below_etc(generation)
    audit.note("rollback", who=who, result="done", generation=generation, message="\n".join(notes))
    said = (*notes, *_account_notes(done.changes), *done.lines)
    return RestoredConfig(generation, done.changes, said, len(lost))


def restore_saved(*, who: Who) -> RestoredConfig:
    """Put below /etc what is saved, as at boot; Refused if nothing is. The first note says what that is. What no generation
    has is kept aside."""
    with audit.note_errors("restore", who=who), _exclude_pushes():
        restore.require_generation()  # before anything is kept for its sake
        lost = lost_edits.find()
        notes = lost_edits.keep(lost)
        done = restore.restore(live=True)
        number = done.generation.number if done.generation else None
        imported.note_below_etc(number)
    audit.note("restore", who=who, result="done", generation=number, message="\n".join((*done.problems, *notes)))
    said = (*(done.lines[:1] if done.problems else done.lines), *notes, *_account_notes(done.changes))
    return RestoredConfig(number, done.changes, said, len(lost), done.problems)


def reset(*, who: Who) -> RestoredConfig:
    """Put back the factory's /etc, now and at every boot, as a new generation; those before are kept, and what none has is kept
    aside."""
    with audit.note_errors("reset", who=who), _exclude_pushes():
        lost = lost_edits.find()
        notes = lost_edits.keep(lost)
        done = restore.reset_to_factory(who=_name_in_history(who))
    number = done.generation.number if done.generation else None
    audit.note("reset", who=who, result="done", generation=number, message="\n".join(notes))
    said = (*notes, *_account_notes(done.changes), *done.lines)
    return RestoredConfig(number, done.changes, said, len(lost))


def export(passphrase: str | None = None) -> ExportedConfig:
    """The newest generation as an archive without files that hold secrets; with a passphrase whole, and encrypted with that.
    Failure if nothing is saved; Refused if no node would take the archive."""
    found: Archive | None = generations.load_current()
    if found is None:
        raise Failure("nothing is saved: there is nothing to export", "config save")
    generations.require_importable(found)
    unsaved = len(unsaved_changes().paths)
    if passphrase is not None:
        encrypted = export_format.encrypt(found.data, passphrase)
        return ExportedConfig(found.label.generation, found.digest, encrypted, unsaved)
    data, withheld = export_format.without_secrets(found)
    return ExportedConfig(found.label.generation, f"sha256:{archive.verify(data)}", data, unsaved, withheld)


def is_encrypted(data: bytes) -> bool:
    """Does an import of it take a passphrase?"""
    return export_format.is_encrypted(data)


def write_archive(exported: ExportedConfig, path: Path) -> None:
    """Write an archive to a file that nobody but its owner can read."""
    if path.is_dir():
        raise Failure(f"{path}: it is a directory", "config export FILE")
    if path.exists() and not path.is_file():
        raise Failure(f"{path}: it is not a file", f"config export - >{path}")
    try:
        files.write(path.absolute(), exported.data, mode=0o600)
    except OSError as error:
        full = f"{len(exported.data)} bytes are needed there: df {path.absolute().parent}"
        hint = full if error.errno == ENOSPC else system_hint(error)
        raise Failure(f"{path}: {error.strerror or error}", hint) from None


def read_archive(path: Path, stream: BinaryIO | None = None) -> bytes:
    """What is in a file, or in a stream that errors call `path`, as far as an archive may be long."""
    with flash.convert_os_errors(path), stream or open(path, "rb") as file:
        return file.read(ARCHIVE_LIMIT + 1)


def import_archive(
    data: bytes, *, who: Who, name: str = "the archive", force: bool = False, passphrase: str = ""
) -> SaveResult:
    """Make an exported archive, which errors call `name`, a new generation. /etc is left alone until a restore or a reboot.
    Refused if it is another node's, unless forced, and before anything is changed. Its notes name what it brings of accounts,
    keys and commands, and what of it a boot would not start."""
    from firmware.operations import import_checks

    with audit.note_errors("import", who=who, archive=name), _exclude_pushes():
        done, new = _import_archive(data, who, name, force=force, passphrase=passphrase)
    _note_generation("import", done, who)
    return replace(done, notes=(*done.notes, *import_checks.boot_problems(new)))


def _import_archive(data: bytes, who: Who, name: str, *, force: bool, passphrase: str) -> tuple[SaveResult, Target]:
    """The new generation, and what it holds."""
    from firmware.operations import import_review

    if is_encrypted(data):
        if not passphrase:
            raise Refused(f"{name}: it is encrypted, and there is no passphrase", "config import FILE asks for it")
        data = export_format.decrypt(data, passphrase, name)
    _, filled = generations.read_import(data, name=name)
    new = snapshot.compose(filled.draft)
    if not force and (whose := import_review.foreign_node(new)):
        raise Refused(whose, "config import FILE --force takes it in spite of that")
    notes = import_review.notable_changes(snapshot.compose(generations.load_current()), new)
    result = generations.import_archive(data, who=_name_in_history(who), name=name)
    more = (_NOT_BELOW_ETC,) if result.changes.paths else ()
    return replace(result, notes=(*notes, *result.notes, *more)), new


def parse_generation(word: str, kind: str = "the number of a generation") -> int:
    """The number of a generation; Usage, naming what may stand there, if it is none."""
    if not (word.isascii() and word.isdigit() and 0 < int(word[:10]) < 10**9):
        raise Usage(f"{word!r}: it is {kind}", "config history")
    return int(word)


def _account_notes(found: Changes) -> Iterator[str]:
    """Accounts need no apply: sessions look at them with each request."""
    if str(register.FILE) in found.paths:
        yield "the accounts of the web UI have changed: that counts at once, and who is logged in without one is logged out"


def _exclude_pushes() -> AbstractContextManager[None]:
    from firmware.flows.save import exclude_pushes

    return exclude_pushes()


def _note_generation(event: str, done: SaveResult, who: Who) -> None:
    """In the trail: what is a generation by now."""
    result, message = ("saved", done.generation.message) if done.fresh else ("unchanged", "")
    audit.note(event, who=who, result=result, generation=done.generation.number, digest=done.digest, message=message)


def _name_in_history(who: Who) -> str:
    return f"{who.account} at {who.origin}" if who.origin else who.account
