"""Restoring: what was saved comes back below /etc, at boot and by hand."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from firmware.errors import Failure, NewerFormat, NotMigrated, Refused
from firmware.printable import escape
from firmware.store import flash, generations, migrations, repository, rules, saved_state, snapshot
from firmware.store.apply import apply_target, keep_nothing
from firmware.store.changes import Changes
from firmware.store.paths import NODE, Paths
from firmware.store.repository import Generation
from firmware.store.saved_state import SavedState
from firmware.store.snapshot import Target

_RESET = "config reset --yes gives the factory's /etc"


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """What a restore did: the generation (None: the factory), the paths below /etc that it changed, and in words for the
    console what it chose and why. `problems` say why it was not the newest."""

    generation: Generation | None
    changes: Changes
    lines: tuple[str, ...]
    problems: tuple[str, ...] = ()


def restore(*, live: bool = False, paths: Paths = NODE) -> RestoreResult:
    """Put the newest generation that verifies below /etc, else the one before, and so on; else the factory.

    Without `live`, at boot, it makes the best of whatever it finds. With `live`, on a node that runs, the quiet
    paths that there are stay as they are (see `_keep_quiet`), a flash that cannot be reached is a Failure, and so is that no
    generation can be put back; Refused, if there is none: the factory's files come by `reset_to_factory` alone.
    """
    problems: list[str] = []
    result = None
    try:
        with repository.open_directory(write=False, paths=paths) as directory:
            result = _restore_newest(directory, live, problems, paths)
    except Failure as error:
        if live:
            raise
        problems.append(str(error))
    if result is None and live:
        hint = f"config history, or {_RESET}"
        raise Failure(f"nothing that is saved can be put back: {problems[0]}", hint) if problems else _refusal()
    return result or _restore_factory(problems, paths)


def require_generation(paths: Paths = NODE) -> None:
    """Refused if there is none at all."""
    with repository.open_directory(write=False, paths=paths) as directory:
        if not repository.numbers(directory):
            raise _refusal()


def _refusal() -> Refused:
    return Refused("nothing is saved, and nothing was changed", _RESET)


def _restore_newest(directory: Path, live: bool, problems: list[str], paths: Paths) -> RestoreResult | None:
    for number in repository.numbers(directory):
        identity = repository.file_identity(directory, number)
        try:
            saved = repository.load(directory, number)
        except NewerFormat as error:
            problems.append(str(error))
            continue
        except Failure as error:
            problems.append(f"generation {number} is damaged: {error}")
            continue
        generation = Generation.from_archive(number, saved)
        try:
            target = snapshot.compose(saved, paths)
            changes = apply_target(target, keep=_keep_quiet(target, paths) if live else keep_nothing, paths=paths)
            if _changes_accounts(changes):  # the names of owners in it are those that were known before
                target = snapshot.compose(saved, paths)
        except NotMigrated as error:
            problems.append(f"generation {number} of version {escape(generation.version)}: {error}")
            if not live:
                migrations.note_failure(problems[-1], paths)
            continue
        except Failure as error:
            problems.append(f"generation {number} could not be restored: {error}")
            continue
        problem = saved_state.instead_of_newest("".join(problems[:1]), number)
        saved_state.write(SavedState.from_target(generation, target, identity, problem), paths)
        if not live and not any(problems):
            migrations.note_failure("", paths)
        lines = (f"restored generation {number} of {generation.time}", *problems)
        return RestoreResult(generation, changes, lines, tuple(problems))
    return None


def _restore_factory(problems: list[str], paths: Paths) -> RestoreResult:
    with flash.convert_os_errors(paths.factory):
        target = snapshot.compose(None, paths)
        changes = apply_target(target, paths=paths)
        problem = saved_state.instead_of_newest("".join(problems[:1]), None)
        saved_state.write(SavedState.from_target(None, target, problem=problem), paths)
    lines = ("restored the factory configuration", *(problems or ["nothing is saved"]))
    return RestoreResult(None, changes, lines, tuple(problems))


def roll_back(number: int, *, who: str, paths: Paths = NODE) -> RestoreResult:
    """Put one generation below /etc. It is not saved by that, and the quiet paths that there are stay as they are."""
    saved = generations.load(number, paths=paths)
    target = snapshot.compose(saved, paths)
    command = f"config rollback {number}"
    changes = apply_target(target, keep=_keep_quiet(target, paths), command=command, paths=paths)
    _forget_state(changes, paths)
    notes = generations.note_in_journal("rollback", generation=number, who=who, paths=paths)
    return RestoreResult(Generation.from_archive(number, saved), changes, notes)


def reset_to_factory(*, who: str, paths: Paths = NODE) -> RestoreResult:
    """Back to the factory's /etc, for good: it is saved first. The generations before stay.

    The quiet paths that there are stay as they are until the next boot.
    """
    saved = generations.save_factory(who=who, paths=paths)
    target = snapshot.compose(None, paths)
    changes = apply_target(target, keep=_keep_quiet(target, paths), paths=paths)
    _forget_state(changes, paths)
    return RestoreResult(saved.generation, changes, saved.notes)


def _changes_accounts(changes: Changes) -> bool:
    """May owners have other names since?"""
    return not {"/etc/passwd", "/etc/group"}.isdisjoint(changes.paths)


def _forget_state(changes: Changes, paths: Paths) -> None:
    """Where owners may have other names, have what is saved be read anew: else everything would seem to be another's."""
    if _changes_accounts(changes):
        saved_state.forget(paths)


def _keep_quiet(target: Target, paths: Paths) -> Callable[[str], bool]:
    """What a node that runs keeps: its identity, and what it remembers of its syncs. An old memory would let the peer
    overwrite what was just put back; so what the rules say now counts as well as what they will say.
    """
    both = (rules.load_tolerant(paths), target.rules)
    return lambda path: any(each.is_quiet(path) for each in both)
