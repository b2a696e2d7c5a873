"""What is saved on flash, and the node as a whole."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from firmware.errors import Refused, Usage
from firmware.operations import config_file, power, saved_config
from firmware.operations.saved_config import ExportedConfig, RestoredConfig
from firmware.session.endpoint import ADMIN, MONITOR, Call, Channel, Download, Endpoint
from firmware.session.problem import HttpProblem
from firmware.store.changes import Changes, Difference
from firmware.store.generations import HistoryEntry, SaveResult


@dataclass(frozen=True, slots=True)
class DiffOf:
    """What is compared: saved, factory, or the number of a generation; `to` can be now, what is below /etc."""

    from_: str = "saved"
    to: str = "now"


@dataclass(frozen=True, slots=True)
class Message:
    """What the history says of it."""

    message: str = ""


@dataclass(frozen=True, slots=True)
class Generation:
    """The number of a generation."""

    generation: int


@dataclass(frozen=True, slots=True)
class Force:
    """Take another node's archive, too."""

    force: bool = False


@dataclass(frozen=True, slots=True)
class Passphrase:
    """What an archive is encrypted with: 12 characters or more."""

    passphrase: str


@dataclass(frozen=True, slots=True)
class TypedWord:
    """The word that somebody has typed, so that nothing is reset by a click."""

    word: Literal["reset"]


@dataclass(frozen=True, slots=True)
class Notes:
    """What is no error, but has no effect."""

    notes: tuple[str, ...]


def changes() -> Changes:
    """What a reboot would take away."""
    return saved_config.changes()


def diff(query: DiffOf) -> list[Difference]:
    """What differs, as unified text; secrets are never in it."""
    return saved_config.diff(query.from_) if query.to == "now" else saved_config.diff_between(query.from_, query.to)


def save(call: Call, body: Message) -> SaveResult:
    """Save /etc to flash."""
    return saved_config.save(body.message, who=call.who)


def history() -> list[HistoryEntry]:
    """The generations, newest first, each verified now."""
    return saved_config.history()


def roll_back(call: Call, body: Generation) -> dict[str, Any]:
    """Put a generation below /etc."""
    number = saved_config.parse_generation(str(body.generation))
    return _describe(saved_config.roll_back(number, who=call.who))


def export() -> Download:
    """What is saved, as one archive; the header Csyncd-Withheld says how many files are not in it, for they hold secrets."""
    return _as_download(saved_config.export())


def export_encrypted(body: Passphrase) -> Download:
    """All that is saved, private keys too, as one archive that is encrypted."""
    return _as_download(saved_config.export(body.passphrase))


def _as_download(found: ExportedConfig) -> Download:
    name, withheld = f"generation-{found.generation}.csyncd", {"Csyncd-Withheld": str(len(found.withheld))}
    return Download(iter((found.data,)), name, headers=withheld)


def import_archive(call: Call, query: Force, stream: Iterator[bytes]) -> SaveResult:
    """Take such an archive as a new generation."""
    data = bytearray()
    for piece in stream:
        data += piece
        if len(data) > saved_config.ARCHIVE_LIMIT:
            raise HttpProblem(413, f"the archive: more than {saved_config.ARCHIVE_LIMIT} bytes")
    if not data:
        raise Usage("the archive: the body is empty")
    return saved_config.import_archive(bytes(data), who=call.who, force=query.force)


def reset(call: Call, body: TypedWord) -> dict[str, Any]:
    """Back to the factory's /etc."""
    if body.word != "reset":
        raise Refused("not confirmed: nothing was changed")
    return _describe(saved_config.reset(who=call.who))


def check() -> Notes:
    """Everything that is wrong with config.rc."""
    config_file.require_correct()
    return Notes(tuple(config_file.notes()))


def reboot(call: Call) -> None:
    """Start the node again."""
    power.reboot(who=call.who)


def _describe(done: RestoredConfig) -> dict[str, Any]:
    return {**asdict(done), "changes": done.changes.json()}


ENDPOINTS = (
    Endpoint("GET", "/config/changes", MONITOR, "paths below /etc that differ from what is saved", changes),
    Endpoint("GET", "/config/diff", MONITOR, "what differs: from saved, the factory or a generation, to another", diff),
    Endpoint("GET", "/config/history", MONITOR, "the saved generations", history),
    Endpoint(
        "POST", "/config/save", ADMIN, "save /etc to flash, as a new generation", save, {"message": "new frontend"}
    ),
    Endpoint("POST", "/config/rollback", ADMIN, "put a generation below /etc", roll_back, {"generation": 3}),
    Endpoint("GET", "/config/export", ADMIN, "what is saved, as one archive, without private keys", export),
    Endpoint(
        "POST",
        "/config/export",
        ADMIN,
        "what is saved, with private keys, encrypted",
        export_encrypted,
        {"passphrase": "correct horse battery"},
    ),
    Endpoint("POST", "/config/import", ADMIN, "take such an archive, the body, as a new generation", import_archive),
    Endpoint("POST", "/config/reset", ADMIN, "back to the factory; generations are kept", reset, {"word": "reset"}),
    Endpoint("POST", "/config/check", ADMIN, "everything that is wrong with config.rc", check),
    Endpoint("POST", "/system/reboot", ADMIN, "start the node again", reboot),
)
CHANNELS: tuple[Channel, ...] = ()
