"""The record of one unit, and the head of all of them: their bytes, which are signed, and how each is tied to the one before."""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from firmware import records
from firmware.errors import Damaged

FORMAT = 1
#: what the first record has for the digest of the one before
NOTHING = "sha256:" + "0" * 64
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
#: bytes that a record may have
MOST = 1 << 20


@dataclass(frozen=True, slots=True)
class UnitRecord:
    """What became of one unit. `number` counts from 1, `previous` is the digest of the record before, `made` is the station's
    clock in UTC. `order` is what was ordered (`UnitOrder.identity`), `unit` what the unit said of itself, `steps` the results
    of all steps in their order.
    """

    number: int
    previous: str
    made: str
    order: dict[str, Any]
    unit: dict[str, Any]
    steps: list[dict[str, Any]]

    @property
    def serial(self) -> str:
        """The unit's serial number."""
        return str(self.order["serial"])

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{self.number:06d}-{self.serial}.json"

    def dump(self) -> bytes:
        """The bytes that are signed; the same record always has the same ones."""
        names = ("number", "previous", "made", "order", "unit", "steps")
        return canonical({name: getattr(self, name) for name in names})


@dataclass(frozen=True, slots=True)
class Head:
    """How many records there are, and the digest of the last one. Without it, nobody would miss records at the end."""

    count: int
    last: str

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"head-{self.count:06d}.json"

    def dump(self) -> bytes:
        """The bytes that are signed."""
        return canonical({"count": self.count, "last": self.last})


def canonical(body: dict[str, Any]) -> bytes:
    """JSON of which there is only one spelling: keys sorted, indented by two blanks, ASCII, one newline at the end."""
    return (json.dumps({"format": FORMAT, **body}, indent=2, sort_keys=True) + "\n").encode("ascii")


def digest(data: bytes) -> str:
    """sha256:… of a record's bytes, as `sha256sum` shows it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def load(data: bytes, what: str) -> UnitRecord:
    """A record out of its bytes. Damaged, or NewerFormat, where they are none; `what` names its file."""
    body = records.load(data, FORMAT, what)
    with records.interpreting(what):
        record = UnitRecord(
            records.typed_value(body, "number", int), _digest_value(body, "previous"), records.typed_value(body, "made", str),
            records.typed_value(body, "order", dict), records.typed_value(body, "unit", dict),
            records.typed_value(body, "steps", list),
        )  # fmt: skip
        records.typed_value(record.order, "serial", str)
        _require_canonical(record.dump() == data, what)
    return record


def load_head(data: bytes, what: str) -> Head:
    """The head out of its bytes; Damaged in the same way."""
    body = records.load(data, FORMAT, what)
    with records.interpreting(what):
        head = Head(records.typed_value(body, "count", int), _digest_value(body, "last"))
        _require_canonical(head.dump() == data, what)
    return head


def _digest_value(body: dict[str, Any], key: str) -> str:
    value = records.typed_value(body, key, str)
    if not _DIGEST.fullmatch(value):
        raise ValueError(f"{key} is no digest")
    return str(value)


def _require_canonical(holds: bool, what: str) -> None:
    if not holds:
        raise Damaged(f"{what}: damaged: it is not spelt as a record is")
