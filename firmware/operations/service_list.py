"""All services and how they are: what `service list` and `service NAME status` print."""

from collections.abc import Collection
from dataclasses import dataclass

from firmware.errors import Failure, Usage
from firmware.rc import document
from firmware.rc.block import Block
from firmware.rc.document import Document
from firmware.rc.title import Title
from firmware.services import applied, catalog, states
from firmware.services.definition import Context, Service
from firmware.services.states import ServiceState


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """One service. `state` is running, stopped, failed, or disabled where config.rc says `no service` and it does not run.

    `pid` is None where it has no process, `since` (seconds since the epoch) where that is not known.
    """

    name: str
    instance: str
    autostart: bool
    state: str
    pid: int | None
    since: float | None
    needs_apply: bool

    @property
    def title(self) -> str:
        """How commands name it."""
        return str(Title(self.name, self.instance))

    def json(self) -> dict[str, object]:
        """One element of what `service list --json` prints."""
        return {
            "name": self.name,
            "instance": self.instance,
            "autostart": self.autostart,
            "state": self.state,
            "pid": self.pid,
            "since": self.since,
            "needs_apply": self.needs_apply,
        }


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One service with its crashes since it was last started on purpose, and its last words. `row` is None where it runs
    although config.rc does not have it any more. `remarks` is what else there is to say."""

    title: str
    state: str
    pid: int | None
    since: float | None
    needs_apply: bool
    crashes: int
    last_words: str
    row: ServiceRow | None
    remarks: tuple[str, ...] = ()

    def json(self) -> dict[str, object]:
        """What `service NAME status --json` prints."""
        known = {"state": self.state, "pid": self.pid, "needs_apply": self.needs_apply}
        return {
            **(self.row.json() if self.row else known),
            "crashes": self.crashes,
            "words": self.last_words,
            "remarks": self.remarks,
        }


def list_services(unapplied: Collection[str] | None = None) -> tuple[ServiceRow, ...]:
    """Every service in file order, then what runs without a block in config.rc. `unapplied`: those of the services with
    enabled blocks that need an apply, for who knows that; no file of theirs is read then."""
    # A config.rc with errors must not hide what runs: `config check` is there to name them.
    config = document.read_tolerant()
    blocks = [block for block in config.first_blocks if block.name]
    rows = {block.title: _row(block, config, states.service_state(block.title), unapplied) for block in blocks}
    return (*rows.values(), *_rows_without_block(set(rows)))


def service_status(title: str) -> ServiceStatus:
    """How a service is. Usage if there is no such service, Failure if it is not in config.rc and does not run."""
    require_service(title)
    config, state = document.read_tolerant(), states.service_state(title, details=True)
    block = config.find_unique(Title.parse(title))
    if block is None and state.is_stopped:
        raise missing_block(title)
    row = _row(block, config, state) if block else None
    return ServiceStatus(
        title,
        row.state if row else state.state,
        state.pid or None,
        state.since or None,
        row is not None and row.needs_apply,
        state.crashes,
        state.last_words,
        row,
        _remarks(title, state),
    )


def _remarks(title: str, state: ServiceState) -> tuple[str, ...]:
    """What else there is to say of what runs. That nobody can tell is no reason to hide how the service is."""
    from firmware.services import confirmation

    service = require_service(title)
    waits = confirmation.remarks(service.name) if service.confirmable is not None else []
    if service.remarks is None or state.is_stopped:
        return tuple(waits)
    try:
        return (*waits, *service.remarks(title))
    except Failure as error:
        return (*waits, str(error))


def state_of(title: str) -> str:
    """Running, stopped or failed, whatever config.rc says of it."""
    return states.service_state(title).state


def require_service(title: str) -> Service:
    """The declaration of the service; Usage if there is no such service."""
    service = catalog.find(Title.parse(title).service)
    named = document.parse_tolerant(f"service {title.replace('.', ' ', 1)}\n")[0].blocks
    if service is None or [block.title for block in named] != [title]:
        hint = _did_you_mean(title, catalog.names()) or "service list"
        raise Usage(f"{title or repr(title)}: there is no such service", hint)
    return service


def require_context(title: str) -> Context:
    """Its block in config.rc and all that it may read; Failure if there is no block."""
    context = find_context(title)
    if context is None:
        raise missing_block(title)
    return context


def find_context(title: str) -> Context | None:
    """Its block in config.rc and all that it may read, whatever is wrong with other lines there; None if there is no block."""
    config = document.read_tolerant()
    block = config.find_unique(Title.parse(title))
    return Context.of(require_service(title), block, config) if block else None


def missing_block(title: str) -> Failure:
    """What to raise where config.rc has no block for it."""
    known = [other.title for other in document.read_tolerant().blocks]
    return Failure(f"{title}: it is not in {document.PATH}", _did_you_mean(title, known))


def _row(block: Block, config: Document, state: ServiceState, unapplied: Collection[str] | None = None) -> ServiceRow:
    return ServiceRow(
        block.name,
        block.instance,
        block.flag("autostart", True),
        "disabled" if state.is_stopped and not block.enabled else state.state,
        state.pid or None,
        state.since or None,
        _needs_apply(block, config) if unapplied is None or not block.enabled else block.title in unapplied,
    )


def _needs_apply(block: Block, config: Document) -> bool:
    service = catalog.find(block.name)
    return service is not None and applied.needs_apply(service, Context.of(service, block, config))


def _rows_without_block(known: set[str]) -> list[ServiceRow]:
    rows = []
    for title in states.started_titles():
        state, named = states.service_state(title), Title.parse(title)
        if title not in known and not state.is_stopped:
            pid, since = state.pid or None, state.since or None
            rows.append(ServiceRow(named.service, named.instance, False, state.state, pid, since, True))
    return rows


def _did_you_mean(title: str, known: "tuple[str, ...] | list[str]") -> str:
    from difflib import get_close_matches

    near = get_close_matches(title, known, 1)
    return f"did you mean {near[0]}?" if near else ""
