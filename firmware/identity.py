"""Who this unit is: what its factory wrote into the identity partition, as it is known since the node came up.

The partition is mounted only while it is read or written (`store.identity`); whoever wants to know reads the copy below /run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware import records
from firmware.errors import Failure

#: of the record
FORMAT = 1
DIRECTORY = Path("/run/firmware/identity")
#: there: the record itself · the serial number alone, for scripts · what a locked unit says on its line
RECORD, SERIAL, LOCKED = "identity.json", "serial", "locked"


@dataclass(frozen=True, slots=True)
class Identity:
    """Serial number, model, the host name and the time zone that hold where config.rc says nothing else ("": none), and the
    link-layer address of each port, by its name."""

    serial: str
    model: str
    hostname: str
    timezone: str
    macs: Mapping[str, str]

    def dump(self) -> bytes:
        """The record: the same for the same identity, whenever it is written."""
        body = {
            "serial": self.serial, "model": self.model, "hostname": self.hostname, "timezone": self.timezone,
            "macs": dict(sorted(self.macs.items())),
        }  # fmt: skip
        return records.dump(body, FORMAT, indent=1) + b"\n"

    @property
    def digest(self) -> str:
        """sha256:… of the record."""
        import hashlib  # 4 ms, and no command that asks for a host name needs it

        return f"sha256:{hashlib.sha256(self.dump()).hexdigest()}"


def parse(data: bytes, what: str) -> Identity:
    """The identity in a record. Damaged if it is not what was written."""
    body: dict[str, Any] = records.load(data, FORMAT, what)
    with records.interpreting(what):
        serial, model, hostname, zone = (
            records.typed_value(body, key, str) for key in ("serial", "model", "hostname", "timezone")
        )
        macs = {str(port): str(mac) for port, mac in records.typed_value(body, "macs", dict).items()}
        return Identity(serial, model, hostname, zone, macs)


def known_identity(directory: Path = DIRECTORY) -> Identity | None:
    """What is known of it since the node came up; None for a node that has none, or whose copy cannot be read."""
    try:
        return parse((directory / RECORD).read_bytes(), RECORD)
    except (OSError, Failure):
        return None


def serial_number(directory: Path = DIRECTORY) -> str:
    """The serial number as the label has it; "" for a node without one."""
    found = known_identity(directory)
    return found.serial if found else ""
