"""Save what is below /etc, never in the middle of a push: what may still be undone is not made to last."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from firmware.errors import Failure, Invalid, Refused
from firmware.flows.recovery import recover, refuse_while_waiting
from firmware.locks import SWAP, hold, hold_soon, service_lock
from firmware.printable import escape
from firmware.rc import check, document
from firmware.services import applied, catalog, confirmation, lifecycle, permissions, states
from firmware.services.definition import Context, Service
from firmware.store import generations, rules, snapshot, unfinished
from firmware.store.generations import SaveResult
from firmware.sync import transaction


def save(message: str, *, who: str) -> SaveResult:
    """Make what runs a new generation on flash. Refused while a push waits to be confirmed here. Its notes also say what is
    not as it was meant: errors of config.rc, services with what was never applied, and what cannot be saved."""
    with exclude_pushes():
        unfinished.require_whole()
        closed = close_to_others(Path(document.PATH))
        unapplied = _unapplied_contexts()
        result = generations.save(message, who=who)
    notes = [*result.notes, *closed]
    with suppress(Failure, OSError):  # what cannot be found out does not make a failure of a save that is done
        notes += config_notes(document.read_text())
        notes += [_unapplied_note(service, context) for service, context in unapplied]
        notes += _unsavable_notes()
    return replace(result, notes=tuple(notes))


def close_to_others(path: Path) -> list[str]:
    """Have a file be its owner's alone, and say so if it was not: config.rc may hold passwords. It stays so after a restore."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:  # it is none that can be saved as it is, and others say so
        return []
    try:
        mode = stat.S_IMODE(os.fstat(handle).st_mode)
        if not mode & 0o077:
            return []
        os.fchmod(handle, mode & 0o700)
    finally:
        os.close(handle)
    return [f"{path}: others could read it (mode {mode:04o}); now only its owner can, for it may hold passwords"]


@contextmanager
def exclude_pushes() -> Iterator[None]:
    """Keep pushes out, for who deals with all of /etc; what an interrupted one left is seen to first. Refused while one
    waits to be confirmed, or a service does."""
    recover()
    with hold_soon(SWAP, "what lies below /etc"):
        refuse_while_waiting()
        confirmation.refuse_while_waiting()
        for title, error in transaction.problems().items():
            raise Refused(f"service {title}: a push of it is open, and cannot be read: {error}", error.hint)
        if titles := transaction.open_titles():
            raise Refused(f"a push of {', '.join(titles)} was interrupted", "service csyncd restart sees to it")
        yield


def config_notes(text: str) -> list[str]:
    """What is wrong with a config.rc that has been saved."""
    problems = check.text_problems(text, document.PATH, catalog.find)
    why = "at a boot, what is wrong there may not start (config check)"
    notes = check.text_notes(text, document.PATH, catalog.find)
    return [*([f"{problems[0]}{_and_more(problems)}: {why}"] if problems else []), *notes]


def _unsavable_notes() -> list[str]:
    """What a save leaves out because of its kind."""
    paths = snapshot.unsavable_paths(rules.load_tolerant())
    return [f"not saved: {escape(paths[0])}{_and_more(paths)}: neither file, directory nor link"] if paths else []


def _unapplied_contexts() -> list[tuple[Service, Context]]:
    """The services that a boot starts and that have not been applied here as they are. Their check will make their files
    readable for their accounts: that is done before they are saved, or it would be an unsaved change."""
    found = []
    with suppress(Failure, OSError):
        config = document.parse_tolerant(document.read_text())[0]
        for block in config.first_blocks:
            service = catalog.find(block.name)
            if service is None or not block.enabled or not block.flag("autostart", True):
                continue
            context = Context.of(service, block, config)
            with suppress(Failure, OSError):
                if _needs_apply(service, context):
                    found.append((service, context))
                    permissions.grant_read_access(service)
    return found


def _needs_apply(service: Service, context: Context) -> bool:
    """Where it cannot be found out, it does."""
    try:
        return applied.needs_apply(service, context)
    except (Failure, OSError):
        return True


def _unapplied_note(service: Service, context: Context) -> str:
    """What is to be said of one of them that was saved."""
    block = context.block
    try:
        with hold(service_lock(block.title), wait=False):
            lifecycle.require_valid(service, context)
    except Invalid as error:
        first = error.problems[0] if error.problems else str(error)
        why = f"{first}: at a boot, it will not start (service {block.title} check)"
        return f"service {block.title}: saved with what is invalid: {why}"
    except (Failure, OSError):  # somebody is at work on it, or there is no room to check it
        pass
    if not applied.digest(block.title) and states.service_state(block.title).is_stopped:
        return (
            f"service {block.title}: it has not run here yet; a boot will start it (now: service {block.title} start)"
        )
    return f"service {block.title}: saved with what has not been applied (service {block.title} apply)"


def _and_more(found: Sequence[str]) -> str:
    return f" and {len(found) - 1} more" if len(found) > 1 else ""
