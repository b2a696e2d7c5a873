"""Why a service could not be pushed as it lies here: told as soon as that is so, and not only by the push."""

from collections.abc import Iterator

from firmware.errors import Failure
from firmware.operations.service_list import find_context, require_service
from firmware.operations.service_titles import known_titles


def push_problems(title: str) -> tuple[Failure, ...]:
    """What keeps each service that the title names, and which can be pushed as such, from being pushed, or what is pushed from
    being saved, with the files that it has."""
    return tuple(problem for one in known_titles(title) for problem in _problems(one))


def _problems(title: str) -> Iterator[Failure]:
    from firmware.services import content
    from firmware.store.archive import LIMIT
    from firmware.sync import peer_room, space
    from firmware.sync.acceptable import SMALLER, largest_file, require_sendable

    service, context = require_service(title), find_context(title)
    if context is None or not service.owns or service.node_specific:
        return
    try:
        entries = content.read(service, context.block).entries
        require_sendable(service, entries)
        if told := peer_room.find():
            space.require_room(service, entries, told.room, f"node {told.node}, as it said last")
        if (size := sum(entry.size for entry in entries.values())) > LIMIT:
            why = f"{size} bytes; at most {LIMIT} are saved; the largest file is {largest_file(entries)}"
            yield Failure(f"service {title} can be pushed, and not saved: {why}", SMALLER)
    except Failure as error:
        why = str(error).removeprefix(f"service {service.name}: ")
        yield Failure(f"service {title} cannot be pushed: {why}", error.hint)
