"""Why a service could not be pushed as it lies here: told as soon as that is so, and not only by the push."""

from firmware.errors import Failure
from firmware.operations.service_list import find_context, require_service
from firmware.operations.service_titles import known_titles


def push_problems(title: str) -> tuple[Failure, ...]:
    """One for each service that the title names, which can be pushed as such and could not be with the files that it has."""
    found = (_problem(one) for one in known_titles(title))
    return tuple(problem for problem in found if problem)


def _problem(title: str) -> Failure | None:
    from firmware.services import content
    from firmware.sync.acceptable import require_sendable

    service, context = require_service(title), find_context(title)
    if context is None or not service.owns or service.node_specific:
        return None
    try:
        require_sendable(service, content.read(service, context.block).entries)
    except Failure as error:
        why = str(error).removeprefix(f"service {service.name}: ")
        return Failure(f"service {title} cannot be pushed: {why}", error.hint)
    return None
