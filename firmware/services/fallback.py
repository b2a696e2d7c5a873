"""What ran before comes back, where a service was stopped for something that then does not start.

The applied files lie in the place of the edited ones while they are loaded; what was edited stays on the disk for whoever mends
it. Where that does not help either, the service is down, and both the error and its status say so.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firmware import native
from firmware.errors import Failure, from_system
from firmware.services import applied, content, directories, states, supervisor
from firmware.services.definition import Context, Service


def bring_back(service: Service, context: Context, why: str, *, ran: bool) -> str:
    """Start what is applied, if the service `ran` and was stopped for something that failed because of `why`. Returns how
    that went, in words that follow `why`; "" where it does run, or did not before. What is down then has failed."""
    if service.daemon is None:  # what was set up of it may be completed later, and is applied then
        return ""
    applied.drop_snapshot(context.title)
    if states.service_state(context.title).is_running:
        return ""
    problem = _start_applied(service, context) if ran else ""
    if ran and not problem:
        return "\nwhat ran before runs again"
    if not states.service_state(context.title).has_failed:
        supervisor.mark_failed(context.title, why)
    return f"\nit is down: what ran before does not start again: {problem}" if problem else ""


def _start_applied(service: Service, context: Context) -> str:
    """Returns why it could not be started, "" if it was."""
    old = applied.context(service, context.title, context.document)
    if old is None:
        return "nothing is applied"
    try:
        with _applied_files_in_place(service, context):
            supervisor.start(service, old)
    except OSError as error:
        return str(from_system(error))
    except Failure as error:
        return str(error)
    return ""


@contextmanager
def _applied_files_in_place(service: Service, context: Context, *, staging: Path = applied.STAGING) -> Iterator[None]:
    """A copy of the applied files where the service's own are, unless these are the same."""
    files, owned = applied.files_directory(context.title), Path(service.owns)
    if content.owned_entries(service, owned) == applied.entries(service, context.title) or not files.is_dir():
        yield
        return
    copy = staging / context.title / "lent"
    directories.remove(copy)
    copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        directories.copy(files, copy)
        native.exchange(copy, owned)
        try:
            yield
        finally:
            native.exchange(copy, owned)
    finally:
        directories.remove(copy)
        applied.remove_if_empty(copy.parent, staging)
