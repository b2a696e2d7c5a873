"""The format of the configuration: what is below /etc as this firmware understands it, and how older ones become newer ones.

A saved configuration carries its format (`Label.schema`) and the version that wrote it. Whoever changes what a file or a
directive means raises `archive.SCHEMA` and appends a migration: a pure function that makes one draft out of another, and its
reverse. It works on a copy: what is on flash stays as it is until the next save. A newer format is left alone, and said.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from firmware import log
from firmware.errors import NotMigrated
from firmware.store import archive
from firmware.store.archive import Archive, Draft
from firmware.store.paths import NODE, Paths

#: changes a draft and returns it; what it is given stays as it is
Step = Callable[[Draft], Draft]


@dataclass(frozen=True, slots=True)
class Migration:
    """From one format to the next, and back. `about` says in words what changes."""

    about: str
    forwards: Step
    backwards: Step


#: the first one leads from format 1 to 2. None is ever changed or taken away: somebody has saved with the one before
MIGRATIONS: tuple[Migration, ...] = ()


def current(saved: Archive) -> Archive | Draft:
    """What was saved, in the format that this firmware understands. NotMigrated, naming the step, if a migration fails."""
    if saved.label.schema == archive.SCHEMA:
        return saved
    return migrate(open_draft(saved), saved.label.schema, archive.SCHEMA)


def open_draft(saved: Archive) -> Draft:
    """The same, to be changed."""
    contents = {path: saved.content(path) for path in saved.offsets}
    return Draft(dict(saved.items), contents, saved.removed, saved.withheld)


def migrate(draft: Draft, old: int, new: int) -> Draft:
    """The draft, which is in format `old`, in format `new`, older or newer."""
    forwards = new > old
    for number in range(old - 1, new - 1) if forwards else range(old - 2, new - 2, -1):
        one, target = MIGRATIONS[number], number + 2 if forwards else number + 1
        try:
            draft = one.forwards(draft) if forwards else one.backwards(draft)
        except Exception as error:  # whatever it is, the configuration is not what it was meant to become
            log.line(f"migration to format {target}: {type(error).__name__}: {error}")
            raise NotMigrated(target, one.about, str(error)) from error
    return draft


def note_failure(words: str, paths: Paths = NODE) -> None:
    """Leave word below /run that this boot could not use what was saved last, for a migration failed; "" takes it away."""
    path = _failure_file(paths)
    if not words:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.write_text(words, "utf-8", "surrogateescape")


def failure(paths: Paths = NODE) -> str:
    """Why this boot could not use what was saved last, if a migration failed: then a new firmware is not to be confirmed."""
    try:
        return _failure_file(paths).read_text("utf-8", "surrogateescape")
    except OSError:
        return ""


def _failure_file(paths: Paths) -> Path:
    return paths.run / "migration-failed"
