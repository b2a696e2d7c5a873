"""What a directory of unit records shows: everything that was edited, lost, reordered or invented."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from firmware.errors import Damaged, Failure
from firmware.station import ledger, signatures, unit_record
from firmware.station.ledger import Ledger
from firmware.station.unit_record import NOTHING, Head, UnitRecord

#: what stands in the directory besides records and heads
_OTHERS = {ledger.SIGNERS, ".lock", "pending"}


@dataclass(frozen=True, slots=True)
class Findings:
    """How many records there are, the head (None if there is none), the fingerprints of the keys that may sign, what is wrong,
    and what is only left to be completed."""

    count: int
    head: Head | None
    signers: tuple[str, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def verify(top: Path, signers: Path | None = None, copy: Path | None = None) -> Findings:
    """Go through all of it. `signers` are the keys that may sign, where those in the directory itself are not believed; `copy` is
    a head that was kept elsewhere, which has to be a part of this chain. Failure if the directory cannot be read."""
    kept = Ledger(top)
    if not top.is_dir():
        raise Failure(f"{top}: there is no such directory", "name the directory of the records")
    who = signers or kept.signers
    if not who.is_file():
        raise Failure(
            f"{who}: it is not there, so nobody knows who may sign",
            f"are the records in {top}? --signers FILE names the factory's keys, where these lie elsewhere",
        )
    found = list(_read_all(kept, who))
    problems = [*(problem for _, problem in found if problem)]
    links = [(name, record) for name, (record, _) in zip(kept.record_names(), found, strict=True)]
    problems += _chain_problems(kept, links)
    head, wrong, notes = _read_head(kept, who, links)
    problems += [*wrong, *_copy_problems(kept, copy, who), *_foreign_files(kept)]
    return Findings(len(links), head, tuple(signatures.fingerprints(who)), tuple(problems), tuple(notes))


def require_chain(kept: Ledger) -> None:
    """Damaged where the records do not follow each other, or one cannot be read: each is tied to the one before. Signatures are
    not looked at, which takes long where there are many."""
    links: list[tuple[str, UnitRecord | None]] = [(name, kept.read(name)) for name in kept.record_names()]
    if problem := next(_chain_problems(kept, links), ""):
        raise Damaged(problem, f"provision verify {kept.top} says all that is wrong; put it back from a copy")


def _read_all(kept: Ledger, who: Path) -> Iterator[tuple[UnitRecord | None, str]]:
    """Each record by its name, None for what is none, with what is wrong with it by itself."""
    for name in kept.record_names():
        try:
            record = kept.read(name)
        except Failure as error:
            yield None, str(error)
            continue
        try:
            signed = ledger.is_signed(kept, name, who)
        except Failure as error:
            yield record, f"{error}: so nobody knows whether the factory signed the record"
            continue
        if not signed:
            yield record, f"{kept.top / name}: the factory did not sign this: it was edited, or is invented"
        elif record.name != name:
            yield record, f"{kept.top / name}: this is record {record.number} of {record.serial}: it was renamed"
        else:
            yield record, ""


def _chain_problems(kept: Ledger, links: list[tuple[str, UnitRecord | None]]) -> Iterator[str]:
    """Where the numbers or the digests of the records before do not follow each other, and what is there twice."""
    before, number = NOTHING, 0
    for name, record in links:
        claimed = int(name.partition("-")[0])
        where = kept.top / name
        if claimed == number:
            yield f"{where}: there are two records {claimed}: one is invented, or was put there from elsewhere"
        elif claimed > number + 1:
            lost = f"record {number + 1} before it is lost"
            many = f"records {number + 1} to {claimed - 1} before it are lost"
            yield f"{where}: {many if claimed > number + 2 else lost}"
        elif record and record.previous != before and number:
            yield f"{where}: it was not written after {number:06d}: one of the two was edited, or their order was"
        elif record and not number and record.previous != NOTHING:
            yield f"{where}: it was not written first"
        number = claimed
        before = unit_record.digest(kept.read_bytes(name)) if record else ""
    serials = Counter(name.partition("-")[2].removesuffix(".json") for name, _ in links)
    yield from (f"{kept.top}: {serial} has {many} records" for serial, many in serials.items() if many > 1)


def _read_head(
    kept: Ledger, who: Path, links: list[tuple[str, UnitRecord | None]]
) -> tuple[Head | None, list[str], list[str]]:
    names = kept.head_names()
    if not names:
        return None, [f"{kept.top}: the head is lost, and with it what tells whether records at the end are"], []
    try:
        head = ledger.read_head(kept, names[-1], who)
    except Failure as error:
        return None, [str(error)], []
    last = int(links[-1][0].partition("-")[0]) if links else 0
    if last == head.count + 1 and links[-1][1] and links[-1][1].previous == head.last:
        return head, [], [f"{kept.top / links[-1][0]}: written, and its head is not: the next record completes it"]
    if last > head.count:
        return (
            head,
            [f"{kept.top}: the head counts {head.count} records, the last is {last}: those after it are invented"],
            [],
        )
    if last < head.count:
        return (
            head,
            [f"{kept.top}: the head counts {head.count} records, the last is {last}: those at the end are lost"],
            [],
        )
    if links and unit_record.digest(kept.read_bytes(links[-1][0])) != head.last:
        return head, [f"{kept.top / links[-1][0]}: the head names another last record than this"], []
    return head, [], []


def _copy_problems(kept: Ledger, copy: Path | None, who: Path) -> Iterator[str]:
    """What a head that was kept elsewhere has against the chain: that it goes back to before it."""
    if copy is None:
        return
    aside = Ledger(copy.parent)
    head = ledger.read_head(aside, copy.name, who)
    name = next((name for name in kept.record_names() if int(name.partition("-")[0]) == head.count), None)
    if head.count and (name is None or unit_record.digest(kept.read_bytes(name)) != head.last):
        yield f"{copy}: its last record, number {head.count}, is not in {kept.top}: the records are older, or others"


def _foreign_files(kept: Ledger) -> Iterator[str]:
    """Signatures without a file are left by an interruption, and no fault."""
    for path in sorted(kept.top.iterdir()):
        name = path.name.removesuffix(".sig")
        is_known = name in _OTHERS or ledger.RECORD.fullmatch(name) or ledger.HEAD.fullmatch(name)
        if not is_known and not name.startswith(ledger.TEMPORARY):
            yield f"{path}: it is no record"
