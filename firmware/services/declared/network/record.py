"""What the block of an interface has set up, remembered below /run: what cannot be told from the kernel, which knows no owner of
an address, nor what was there before.

/run/firmware/network/TITLE.json is written before anything is changed, with all that may come of it, and after that with
what did.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from firmware import files, records
from firmware.rc import document
from firmware.rc.block import Block
from firmware.services.declared.network.state import Address, Rule

TOP = Path("/run/firmware/network")
#: of the record
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Owned:
    """What one block has set up. `block` is its text, which began in line `line`. `attributes`, `settings` and `slaves` say how
    it was before: attributes of the link, settings by their paths, whether a slave was up. `was_up`: was the interface?
    `loaded` are the lines `load` that have been run, `unload` those to run when it is stopped. `negotiated`: was the
    card told its speed, or how to find it?"""

    block: str = ""
    line: int = 1
    addresses: tuple[Address, ...] = ()
    rules: tuple[Rule, ...] = ()
    made_link: bool = False
    was_up: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)
    slaves: Mapping[str, bool] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    loaded: tuple[tuple[str, ...], ...] = ()
    unload: tuple[tuple[str, ...], ...] = ()
    negotiated: bool = False


def read(title: str, *, top: Path = TOP) -> Owned | None:
    """What the block of that title has set up; None if nothing. Damaged if the record is not what was written."""
    path = top / f"{title}.json"
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    hint = f"take away by hand what service {title} has set up, then: rm {path}"
    body = records.load(data, FORMAT, str(path), hint=hint)
    with records.interpreting(str(path), hint):
        return _from_body(body)


def _from_body(body: Mapping[str, Any]) -> Owned:
    return Owned(
        str(body["block"]),
        records.typed_value(body, "line", int),
        tuple(Address(**one) for one in body["addresses"]),
        tuple(Rule(**one) for one in body["rules"]),
        records.typed_value(body, "made_link", bool),
        records.typed_value(body, "was_up", bool),
        dict(body["attributes"]),
        dict(body["slaves"]),
        dict(body["settings"]),
        tuple(tuple(map(str, words)) for words in body["loaded"]),
        tuple(tuple(map(str, words)) for words in body["unload"]),
        records.typed_value(body, "negotiated", bool),
    )


def write(title: str, owned: Owned, *, top: Path = TOP) -> None:
    """Remember it, if it is not what is remembered."""
    top.mkdir(mode=0o755, parents=True, exist_ok=True)
    data = records.dump(asdict(owned), FORMAT)
    path = top / f"{title}.json"
    if not path.exists() or path.read_bytes() != data:
        files.write(path, data, mode=0o600)


def remove(title: str, *, top: Path = TOP) -> None:
    """Nothing is set up any more."""
    (top / f"{title}.json").unlink(missing_ok=True)


def all_owned(*, top: Path = TOP) -> dict[str, Owned]:
    """What all blocks have set up, by title."""
    titles = sorted(path.name.removesuffix(".json") for path in top.glob("*.json"))
    found = {title: read(title, top=top) for title in titles}
    return {title: owned for title, owned in found.items() if owned is not None}


def block(owned: Owned) -> Block:
    """The block that it was set up by, with the numbers that its lines had."""
    text = "\n" * (owned.line - 1) + owned.block
    return document.parse_tolerant(text)[0].blocks[0]
