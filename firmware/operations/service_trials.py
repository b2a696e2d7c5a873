"""Services that are applied, or started, until somebody confirms them: what was before comes back unless he does."""

from collections.abc import Callable

from firmware.errors import Failure, Refused, Usage, from_status
from firmware.operations import service_actions, service_titles
from firmware.operations.service_list import require_context, require_service
from firmware.services import confirmation, lifecycle


def apply(title: str, word: str) -> int:
    """Apply a service, so that what was before comes back unless it is confirmed within so many seconds ("": the usual number);
    returns them. What is invalid changes nothing; what fails then does not end the wait. Usage for a service that cannot."""
    return _try(title, word, lambda: service_actions.for_each(service_titles.known_titles(title), service_actions.load))


def start(title: str, word: str) -> int:
    """The same for a start: it is stopped again unless it is confirmed."""
    titles = service_titles.startable_titles(title)
    return _try(
        title,
        word,
        lambda: service_actions.for_each(
            titles, lambda one: lifecycle.start(require_service(one), require_context(one))
        ),
    )


class CameBefore(Refused):
    """Who confirms came in before what waits: that proves nothing."""


def confirm(title: str, *, connected: float = 0.0) -> None:
    """Keep what waits to be confirmed. Refused if nothing does; CameBefore to who came in before it, where that proves nothing:
    by ssh, or over the connection that was made then (`connected`: seconds of the clock that runs since the boot)."""
    _require_confirmable(title)
    waiting, way = confirmation.pending(title), confirmation.find_confirmable(title)
    if waiting is not None and way is not None and way.by_new_session:
        _refuse_session_before(waiting.since, title)
        if connected and connected < waiting.since:
            raise CameBefore(
                f"service {title}: this was asked over a connection from before what waits: it does not prove that anybody "
                "still gets in",
                "ask again: the connection is closed, so that it comes over a new one",
            )
    confirmation.confirm(title)


def undo(title: str) -> None:
    """Put back what was there before that which waits. Refused if nothing does; Failure with what went wrong."""
    _require_confirmable(title)
    if problems := confirmation.put_back(title):
        raise Failure(f"service {title}: not all of it is back: {'; '.join(problems)}")


def _try(title: str, word: str, act: Callable[[], object]) -> int:
    from firmware.flows import recovery
    from firmware.operations.peer import parse_confirm_seconds

    _require_confirmable(title)
    seconds = parse_confirm_seconds(word or str(confirmation.SECONDS))
    service_actions.check(title)
    recovery.refuse_while_waiting()
    confirmation.begin(title, seconds)
    try:
        act()
    except Failure as error:
        hint = f"the old one comes back in {seconds} s, unless: service {title} confirm"
        raise from_status(error.status, str(error), hint) from None
    return seconds


def _require_confirmable(title: str) -> None:
    if confirmation.find_confirmable(title) is None:
        names = confirmation.names()
        raise Usage(
            f"{title}: only service {' and service '.join(names)} can be applied so that it has to be confirmed",
            f"service {names[0]} apply --confirm SECONDS",
        )


def _refuse_session_before(since: float, title: str) -> None:
    """A connection from before passes as one that is established, whatever is refused to new ones."""
    from firmware import processes

    began = processes.login_began()
    if began and began < since:
        raise CameBefore(
            f"service {title}: this session began before what waits: it does not prove that anybody still gets in",
            f"log in anew (ssh -S none), and there: service {title} confirm",
        )
