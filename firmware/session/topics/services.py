"""Services: how they are, what is done with them, and their blocks in config.rc."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from firmware.errors import Failure, Usage
from firmware.operations import config_file, service_actions, service_help, service_list, service_setup, service_trials
from firmware.operations.push_problems import push_problems
from firmware.operations.service_help import ServiceHelp
from firmware.operations.service_overview import ServiceEntry, find_entry, list_entries
from firmware.operations.service_setup import ServiceSetup, SetupChanged
from firmware.rc.title import Title
from firmware.services.definition import Directive
from firmware.session.endpoint import ADMIN, MONITOR, AskAnew, Call, Channel, Conflict, Endpoint, NotFound
from firmware.store.confidential import hide_secrets

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Words:
    """What a service, its checker or its reload said, and what there is to be warned of; `confirm`: the seconds within which
    it has to be confirmed, 0 for nothing."""

    words: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    confirm: int = 0


@dataclass(frozen=True, slots=True)
class Confirm:
    """Within how many seconds it has to be confirmed; 0: it has not to be."""

    confirm: int = 0


@dataclass(frozen=True, slots=True)
class Autostart:
    """Whether it starts at a boot."""

    autostart: bool


@dataclass(frozen=True, slots=True)
class TypedSetup:
    """The block as it is to be, and the digest of what somebody began to edit."""

    text: str
    digest: str


def list_all() -> list[ServiceEntry]:
    """Every service, in file order."""
    return list(list_entries())


def show(title: str) -> dict[str, Any]:
    """How one service is, with its crashes and last words."""
    require_service(title)
    status = _or_not_found(lambda: service_list.service_status(title))
    entry = find_entry(status.row) if status.row else None
    return {"title": title, **(entry.json() if entry else {}), **status.json()}


def start(title: str, body: Confirm) -> Words:
    """Check its configuration and start it."""
    require_service(title)
    notes = service_actions.block_notes(title)
    if body.confirm:
        return _words(warnings=notes, confirm=service_trials.start(title, str(body.confirm)))
    return _words(warnings=[*notes, *service_actions.start(title)])


def stop(title: str) -> Words:
    """Stop it."""
    require_service(title)
    service_actions.stop(title)
    return Words()


def restart(title: str) -> Words:
    """Stop and start it."""
    require_service(title)
    notes = service_actions.block_notes(title)
    return _words(warnings=[*notes, *service_actions.restart(title)])


def reload(title: str) -> Words:
    """Have it load its configuration, without an interruption where it can."""
    require_service(title)
    return _words(outcome.output for outcome in service_actions.reload(title))


def check(title: str) -> Words:
    """Check its configuration as it lies on disk."""
    require_service(title)
    notes = service_actions.block_notes(title)
    said = service_actions.check(title)
    return _words(warnings=[*notes, *said, *map(str, push_problems(title))])


def apply(title: str, body: Confirm) -> Words:
    """Make what lies on disk count."""
    require_service(title)
    notes = service_actions.block_notes(title)
    if body.confirm:
        return _words(warnings=notes, confirm=service_trials.apply(title, str(body.confirm)))
    said = service_actions.apply(title)
    return _words(warnings=[*notes, *said, *map(str, push_problems(title))])


def revert(title: str) -> Words:
    """Put back the configuration that was applied last."""
    require_service(title)
    service_actions.revert(title)
    return Words()


def confirm(call: Call, title: str) -> None:
    """Keep what waits to be confirmed. AskAnew over a connection that was there before, where only a new one proves anything."""
    require_service(title)
    try:
        service_trials.confirm(title, connected=time.clock_gettime(time.CLOCK_BOOTTIME) - call.age)
    except service_trials.CameBefore as error:
        raise AskAnew(str(error), error.hint) from None


def undo(title: str) -> None:
    """Put back now what would come back without a confirmation."""
    require_service(title)
    service_trials.undo(title)


def set_autostart(title: str, body: Autostart) -> None:
    """Whether it starts at a boot."""
    require_service(title)
    _or_not_found(lambda: config_file.set_values(Title.parse(title), ("autostart", "on" if body.autostart else "off")))


def read_setup(call: Call, title: str) -> ServiceSetup:
    """Its block in config.rc; a monitor, who writes none, sees no secrets in it, nor a digest to try guesses with."""
    require_service(title)
    found = _or_not_found(lambda: service_setup.read(title))
    return found if call.role == ADMIN else replace(found, text=hide_secrets(found.text), digest="")


def write_setup(title: str, body: TypedSetup) -> ServiceSetup:
    """Put a text in the place of its block in config.rc, if nobody else did meanwhile."""
    require_service(title)
    try:
        return service_setup.write(title, body.text, body.digest)
    except SetupChanged as error:
        raise Conflict(str(error), error.hint, {"now": asdict(error.now) if error.now else None}) from None


def explain(title: str) -> dict[str, Any]:
    """Every directive that its block may hold."""
    require_service(title)
    return describe_help(service_help.explain(title))


def describe_help(found: ServiceHelp) -> dict[str, Any]:
    """The help as JSON."""
    return {
        "header": found.header,
        "summary": found.summary,
        "notes": list(found.notes),
        "directives": [_describe_directive(one) for one in found.directives],
        "common": [_describe_directive(one) for one in found.common],
    }


def _describe_directive(one: Directive) -> Mapping[str, str]:
    return {
        "key": one.key,
        "type": one.value.name,
        "help": one.help,
        "notes": service_help.notes_on(one),
        "default": one.default,
        "example": one.example,
    }


def require_service(title: str) -> None:
    """NotFound for a title that names no service."""
    try:
        service_list.require_service(title)
    except Usage as error:
        raise NotFound(str(error), error.hint) from None


def _or_not_found(read: Callable[[], T]) -> T:
    """What it reads; NotFound where config.rc has no such block."""
    try:
        return read()
    except Failure as error:
        if type(error) is Failure:
            raise NotFound(str(error), error.hint) from None
        raise


def _words(words: Iterable[str] = (), warnings: Iterable[str] = (), confirm: int = 0) -> Words:
    return Words(_lines(words), _lines(warnings), confirm)


def _lines(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(line for text in texts for line in text.splitlines() if line.strip())


_ONE = "/services/{title}"
ENDPOINTS = (
    Endpoint("GET", "/services", MONITOR, "all services and how they are", list_all),
    Endpoint("GET", _ONE, MONITOR, "one service, with its crashes and last words", show),
    Endpoint("GET", f"{_ONE}/status", MONITOR, "the same", show),
    Endpoint("POST", f"{_ONE}/start", ADMIN, "check its configuration and start it", start),
    Endpoint("POST", f"{_ONE}/stop", ADMIN, "stop it", stop),
    Endpoint("POST", f"{_ONE}/restart", ADMIN, "check its configuration, then stop and start it", restart),
    Endpoint("POST", f"{_ONE}/reload", ADMIN, "have it load its configuration", reload),
    Endpoint("POST", f"{_ONE}/check", ADMIN, "check its configuration as it lies on disk", check),
    Endpoint("POST", f"{_ONE}/apply", ADMIN, "make its configuration count", apply, {"confirm": 90}),
    Endpoint("POST", f"{_ONE}/revert", ADMIN, "put back the configuration that was applied last", revert),
    Endpoint("POST", f"{_ONE}/confirm", ADMIN, "keep what was applied until it is confirmed", confirm),
    Endpoint("POST", f"{_ONE}/undo", ADMIN, "put back now what was before that", undo),
    Endpoint("PUT", f"{_ONE}/autostart", ADMIN, "start it at a boot, or not", set_autostart, {"autostart": True}),
    Endpoint("GET", f"{_ONE}/setup", MONITOR, "its block in config.rc", read_setup),
    Endpoint(
        "PUT", f"{_ONE}/setup", ADMIN, "replace its block in config.rc, if nobody else has changed it", write_setup,
        {"text": "service csyncd\n", "digest": "sha256:…"},
    ),
    Endpoint("GET", f"{_ONE}/help", MONITOR, "every directive that its block may hold", explain),
)  # fmt: skip
CHANNELS: tuple[Channel, ...] = ()
