"""One unit from the first word to its record. All of it can be repeated: what is done is not done again, and what is locked is
believed only where its record, or what will be one, says the same."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware.accounts.passwords import hash_password
from firmware.errors import Failure, Refused
from firmware.provision import answers, fields, questions, steps
from firmware.provision.answers import SelfTestResults, UnitKeys, UnitState
from firmware.serial_line import Line
from firmware.station import ledger, pending
from firmware.station.conversation import Conversation, Tell, require_the_one
from firmware.station.ledger import Ledger
from firmware.station.meeting import DONE, Meeting
from firmware.station.order import UnitOrder
from firmware.station.pending import Pending
from firmware.station.unit_record import UnitRecord
from firmware.typed_values import read_object

#: the stages at which units of a pair wait for each other
TRUSTING, TESTED, SAVED, GREEN = 1, 2, 3, 4
#: the service that the first unit pushes to the second, and seconds until both say green
PUSHED, PATIENCE = "haproxy", 60.0


class SetAside(Failure):
    """The unit is not fit: its self-test says so."""


@dataclass(frozen=True, slots=True)
class Station:
    """Where records go, with the factory's key; `clock` tells the time that units are set to."""

    kept: Ledger
    key: Path
    clock: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True)
class Provisioned:
    """A unit that has its record; `is_new` if it has it since now."""

    record: UnitRecord
    is_new: bool


def provision(order: UnitOrder, station: Station, tell: Tell, meeting: Meeting | None = None) -> Provisioned:
    """Make the unit at the order's line what is ordered. SetAside if it fails its self-test, Refused at the first doubt who
    it is, Lost if the line or the unit is gone; each can be repeated."""
    try:
        found = _find_record(order, station) or _provision_on_line(order, station, tell, meeting)
    except BaseException as error:
        if meeting:
            meeting.fail(order.serial, str(error) or type(error).__name__)
        raise
    if meeting:
        meeting.bring_keys(order.serial, keys_of(found.record.steps))
        meeting.reach(order.serial, DONE)
    return found


def keys_of(results: list[dict[str, Any]]) -> UnitKeys:
    """The public keys of a unit, out of the results of its steps."""
    found: dict[str, Any] = next((result["answer"] for result in results if result["step"] == "keys"), {})
    keys: UnitKeys = read_object(found, UnitKeys, "the keys in the record")
    return keys


def _find_record(order: UnitOrder, station: Station) -> Provisioned | None:
    """Its record, if the unit is done already; its line may lead to another one by now. Refused for that of another order."""
    record = station.kept.find(order.serial)
    if record and record.order != order.identity():
        names = " and ".join(ledger.differing(record.order, order.identity()))
        raise Refused(
            f"{order.serial}: record {record.name} has another {names}", "give this unit another serial number"
        )
    if record is None:
        return None
    pending.remove(station.kept.top, order.serial)
    return Provisioned(record, False)


def _provision_on_line(order: UnitOrder, station: Station, tell: Tell, meeting: Meeting | None) -> Provisioned:
    with Line(order.port) as line:
        talk = Conversation(line, tell)
        state = talk.greet()
        require_the_one(state, order.macs, order.serial, order.model)
        if state.state == answers.LOCKED:
            return Provisioned(_complete(order, station, state), True)
        digest = _set_up(order, station, talk, meeting)
        _keep(order, station, talk, digest, state)
        return Provisioned(_complete(order, station, talk.ask(questions.Lock(order.serial, digest))), True)


def _set_up(order: UnitOrder, station: Station, talk: Conversation, meeting: Meeting | None) -> str:
    """All steps between the first word and the lock. Returns the digest of the identity."""
    _require_fit(talk.ask(_self_test(order)))
    talk.ask(questions.SetTime(round(station.clock(), 3)))
    digest: str = talk.ask(_identity(order)).digest
    talk.ask(questions.SetManagement(order.interface, f"{order.address}/{order.prefix}", order.gateway))
    talk.ask(questions.SetAdmin(_password_hash(order, station), order.ssh_keys))
    keys = _require_sound(talk.ask(questions.MakeKeys(order.node or 1)))
    if meeting:
        meeting.bring_keys(order.serial, keys)
        _pair(order, talk, meeting)
    talk.ask(questions.GetFirmware())
    talk.ask(questions.Save())
    if meeting:
        _await_green(order, talk, meeting)
    return digest


def _self_test(order: UnitOrder) -> questions.SelfTest:
    cables = tuple(questions.PortPair(*cable.split("-")) for cable in order.cables)
    return questions.SelfTest(cables=cables, links=order.links)


def _require_fit(results: SelfTestResults) -> None:
    if not results.has_passed:
        failed = [f"{test.name}: {test.words}" for test in results.tests if not test.passed]
        raise SetAside(
            f"self-test: {'; '.join(failed) or 'nothing was tested'}", "set the unit aside; repair it, and repeat"
        )


def _require_sound(keys: UnitKeys) -> UnitKeys:
    for key in (keys.ssh_host, keys.csyncd_host, keys.csyncd_user):
        if problem := fields.ssh_key_problem(key):
            raise Failure(f"the unit's keys: {problem}", "is its firmware the newest?")
    return keys


def _identity(order: UnitOrder) -> questions.SetIdentity:
    macs = tuple(questions.Mac(f"eth{number}", mac) for number, mac in enumerate(order.macs))
    return questions.SetIdentity(order.serial, order.model, order.host_name, macs, order.timezone)


def _password_hash(order: UnitOrder, station: Station) -> str:
    lock = station.kept.top / "pending" / ".hash"
    return hash_password(order.password, lock=lock) if order.password else order.password_hash


def _pair(order: UnitOrder, talk: Conversation, meeting: Meeting) -> None:
    """Make it trust the other unit, and have the first of them push to the second."""
    other = meeting.await_keys(order.pair)
    trust = questions.Pair(
        order.node, 3 - order.node, order.address, order.peer_address, other.csyncd_host, other.csyncd_user
    )
    if talk.ask(trust).peer_code != other.code:
        raise Refused("the unit has stored other keys than those of its pair", "repeat the command for both")
    meeting.reach(order.serial, TRUSTING)
    meeting.await_stage(order.pair, TRUSTING)
    if order.node == 1 and not meeting.is_done(order.pair):
        checked = talk.ask(questions.CheckPair(PUSHED))
        if checked.state == "red":
            raise Failure(f"the pair is red: {'; '.join(checked.reasons)}", "look at the cable between the two units")
    meeting.reach(order.serial, TESTED)
    meeting.await_stage(order.pair, TESTED)


def _await_green(order: UnitOrder, talk: Conversation, meeting: Meeting) -> None:
    """Wait until both are saved, and this one says green."""
    meeting.reach(order.serial, SAVED)
    meeting.await_stage(order.pair, SAVED)
    end = time.monotonic() + PATIENCE
    while (checked := talk.ask(questions.CheckPair())).state != "green":
        if time.monotonic() > end:
            raise Failure(f"the pair is {checked.state}: {'; '.join(checked.reasons)}", "repeat the command for both")
        time.sleep(1)
    meeting.reach(order.serial, GREEN)
    meeting.await_stage(order.pair, GREEN)


def _keep(order: UnitOrder, station: Station, talk: Conversation, digest: str, state: UnitState) -> None:
    unit = {"digest": digest, "version": state.version, "slot": state.slot}
    pending.write(station.kept.top, Pending(order.identity(), unit, talk.results))


def _complete(order: UnitOrder, station: Station, state: UnitState) -> UnitRecord:
    """The record of a unit that is locked. Refused where what it is locked as is not what was kept before."""
    top = station.kept.top
    found = pending.read(top, order.serial)
    if found is None or found.order != order.identity() or found.unit.get("digest") != state.digest:
        raise Refused(
            f"the unit is locked as {state.serial}, and nothing here says how that came",
            "it was provisioned at another station: look for its record there; on its console it can be opened again",
        )
    unit = found.unit | {"locked_at": state.locked_at}
    results = [*found.steps, {"step": "lock", "answer": steps.body_of(state)}]
    made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(station.clock()))
    record = ledger.append(
        station.kept, station.key, lambda number, before: UnitRecord(number, before, made, found.order, unit, results)
    )
    pending.remove(top, order.serial)
    return record
