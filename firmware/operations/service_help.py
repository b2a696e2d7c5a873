"""What each service understands in its block of config.rc: for `service help NAME` and for docs/directives.md."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from firmware.operations.service_list import require_service
from firmware.services import catalog
from firmware.services.definition import Directive, Service

#: how the instance of a service is written in a header, by `Service.instances`
_INSTANCES = {"no": "", "optional": " [INSTANCE]", "required": " INSTANCE"}


@dataclass(frozen=True, slots=True)
class ServiceHelp:
    """A service, the directives that only it has, and those that every service has. `notes` are sentences about it."""

    header: str
    summary: str
    notes: tuple[str, ...]
    directives: tuple[Directive, ...]
    common: tuple[Directive, ...]


def explain(title: str) -> ServiceHelp:
    """The help on the service that a title names; Usage if there is no such service."""
    return _help_on(require_service(title))


def all_services() -> tuple[ServiceHelp, ...]:
    """The help on every service, sorted by name."""
    return tuple(map(_help_on, catalog.services()))


def notes_on(directive: Directive) -> str:
    """What is to be known of a directive besides its value: whether it may stand several times, and what a peer may not."""
    notes = ["may stand several times"] * directive.many
    if not directive.value.from_peer:
        notes.append("never taken from a peer")
    elif directive.local:
        notes.append("each node's own: no push changes it")
    if directive.not_supported:
        notes.append(f"not supported: {directive.not_supported}")
    if directive.read_by:
        notes.append(f"read by service {directive.read_by}")
    return "; ".join(notes)


def _help_on(service: Service) -> ServiceHelp:
    notes = [f"It is never pushed: {service.node_specific}."] * bool(service.node_specific)
    notes += [f"Its files lie below {service.owns}."] * bool(service.owns)
    if service.daemon is None and not _does_something(service):
        notes.append("This firmware runs nothing for it: its directives are kept and checked, and have no effect yet.")
    keys = {directive.key for directive in catalog.FRAMEWORK}
    own = [directive for directive in service.directives if directive.key not in keys]
    common = [directive for directive in service.directives if directive.key in keys]
    return ServiceHelp(
        f"service {service.name}{_INSTANCES[service.instances]}",
        service.summary,
        tuple(notes),
        tuple(own),
        tuple(common),
    )


def _does_something(service: Service) -> bool:
    return any((service.setup, service.generates, service.reconcile))


def as_markdown(services: Sequence[ServiceHelp]) -> str:
    """All of it as the page docs/directives.md."""
    parts = [_INTRODUCTION, *map(_section, services)]
    parts.append("## Every service\n\n" + _table(catalog.FRAMEWORK))
    return "\n".join(parts)


_INTRODUCTION = """\
# The directives of config.rc

Every service with what its block may hold, as `service help NAME` prints it on a node. This page is written by
`make -f image.mk directives`, from the declarations below `firmware/services/declared/`; a test holds it equal to them.
`config check` says of every line of a config.rc whether it is right.
"""


def _section(one: ServiceHelp) -> str:
    name = one.header.split()[1]
    notes = "".join(f" {note}" for note in one.notes)
    body = f"\n{_table(one.directives)}" if one.directives else ""
    about = textwrap.fill(f"`{one.header}`: {one.summary}.{notes}", 120)
    return f"## {name}\n\n{about}\n{body}"


def _table(directives: Sequence[Directive]) -> str:
    return "\n".join(["```", *(line for directive in directives for line in lines_of(directive)), "```", ""])


def lines_of(directive: Directive) -> list[str]:
    """What a person reads of a directive: key and type, then indented its help, its default and an example."""
    notes = notes_on(directive)
    lines = [f"{directive.key}  {directive.value.name}", f"    {directive.help}", *([f"    {notes}"] if notes else [])]
    lines += [f"    default: {directive.default}"] * bool(directive.default)
    return [*lines, *([f"    example: {directive.example}"] * bool(directive.example))]
