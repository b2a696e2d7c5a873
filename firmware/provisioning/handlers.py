"""What each step does on the unit, by what the rest of the firmware does it with. Each can be repeated."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from firmware import __version__, identity
from firmware.errors import Refused
from firmware.flows import identity as published
from firmware.provision import questions as asked
from firmware.provision import steps
from firmware.provision.answers import (
    FirmwareFound,
    IdentityWritten,
    PairChecked,
    Saved,
    SelfTestResults,
    TimeIsSet,
    UnitState,
)
from firmware.provisioning import access, settings
from firmware.provisioning.agent import Steps
from firmware.provisioning.done_steps import DoneSteps
from firmware.provisioning.unit import WORKER, Say, Unit
from firmware.services.declared.system import clocks
from firmware.store import identity as store
from firmware.store.identity import Standing
from firmware.sync import audit

#: nothing of this is done on a unit that does not know yet who it is
AFTER_IDENTITY = ("management", "admin", "keys", "pair", "check-pair", "save")
#: what has to be done before the port is locked
NEEDED = ("self-test", "identity", "save")


class Handlers:
    """The steps on one unit; `say` is told what a long one is at."""

    def __init__(self, unit: Unit, say: Say) -> None:
        self._unit, self._say = unit, say
        self._done = DoneSteps(unit.places.published)

    def table(self) -> Steps:
        """What does each step, by its name. A step that is done is noted."""
        found: dict[str, Callable[[Any], object]] = {
            "hello": self.state, "self-test": self.test, "time": self.set_time, "identity": self.write_identity,
            "management": partial(settings.set_management, self._unit), "admin": partial(access.set_admin, self._unit),
            "keys": partial(access.make_keys, self._unit), "pair": partial(settings.pair, self._unit),
            "check-pair": self.check_pair, "firmware": self.firmware, "save": self.save, "lock": self.lock,
        }  # fmt: skip
        assert found.keys() == steps.STEPS.keys()
        return {step: partial(self._carry_out, step, act) for step, act in found.items()}

    def is_locked(self) -> bool:
        """Is it all over?"""
        return (self._unit.places.published / identity.LOCKED).exists()

    def _carry_out(self, step: str, act: Callable[[Any], object], question: Any) -> object:
        if step in AFTER_IDENTITY and not (self._unit.places.published / identity.RECORD).exists():
            raise Refused(f"{step}: this unit has no identity yet", "identity comes first")
        if step != "hello":
            self._done.forget(step)
        answer = act(question)
        if step == "self-test" and isinstance(answer, SelfTestResults) and not answer.has_passed:
            return answer
        if step != "hello":
            self._done.note(step)
        return answer

    def state(self, question: asked.Hello) -> UnitState:
        """Who this is, and how far it is."""
        if question.protocol != asked.PROTOCOL:
            why = f"the host speaks protocol {question.protocol}, this unit {asked.PROTOCOL}"
            raise Refused(f"hello: {why}", "use the program of the same version as the firmware")
        return self._state(self._standing())

    def _state(self, found: Standing) -> UnitState:
        deeds = self._unit.deeds
        return published.unit_state(found, ports=deeds.ports(), done=self._done.names(), slot=deeds.slot())

    def test(self, question: asked.SelfTest) -> SelfTestResults:
        """The self-test. One that is not passed is no error: its results say what failed."""
        return self._unit.deeds.self_test(question, self._say)

    def set_time(self, question: asked.SetTime) -> TimeIsSet:
        """The clock."""
        return self._unit.deeds.set_clock(question.now)

    def write_identity(self, question: asked.SetIdentity) -> IdentityWritten:
        """Write who the unit is, if its ports are what they are said to be; its host name is in effect at once."""
        if question.timezone and (problem := clocks.ZONE.problem((question.timezone,))):
            raise Refused(f"identity: {problem}")
        places = self._unit.places
        new = identity.Identity(
            question.serial, question.model, question.hostname, question.timezone, self._macs(question)
        )
        done = store.write(new, places.partition, replaces=question.replaces, lock=places.identity_lock)
        published.publish(done, directory=places.published)
        self._unit.deeds.apply("system")
        audit.note(
            "provisioning", who=WORKER, result="identity", directory=places.trail, serial=new.serial, digest=new.digest
        )
        macs = tuple(asked.Mac(port, mac) for port, mac in new.macs.items())
        return IdentityWritten(new.serial, new.model, new.hostname, macs, new.timezone, done.digest)

    def _macs(self, question: asked.SetIdentity) -> dict[str, str]:
        found = {port.name: port.mac for port in self._unit.deeds.ports()}
        for wanted in question.macs:
            if found.get(wanted.port) != wanted.mac:
                has = found.get(wanted.port) or "not there"
                raise Refused(f"identity: {wanted.port} is {has}, not {wanted.mac}", "is this the unit that is meant?")
        return {one.port: one.mac for one in question.macs} or found

    def check_pair(self, question: asked.CheckPair) -> PairChecked:
        """Ask how the pair is, and push if that is wanted."""
        return self._unit.deeds.check_pair(question)

    def firmware(self, _: asked.GetFirmware) -> FirmwareFound:
        """What runs."""
        return FirmwareFound(__version__, self._unit.deeds.slot(), os.uname().release)

    def save(self, _: asked.Save) -> Saved:
        """Save the configuration."""
        done = self._unit.deeds.save("provisioned")
        return Saved(done.generation.number, done.digest)

    def lock(self, question: asked.Lock) -> UnitState:
        """Close the port for good."""
        found = self._standing()
        if not found.is_locked:
            if missing := [step for step in NEEDED if step not in self._done.names()]:
                raise Refused(f"lock: not done since the last change: {', '.join(missing)}", "repeat the command")
            places = self._unit.places
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            found = store.close(question.serial, question.digest, now, places.partition, lock=places.identity_lock)
            audit.note("provisioning", who=WORKER, result="locked", directory=places.trail, serial=question.serial)
        elif found.digest != question.digest:
            raise Refused("lock: the unit is locked already, and is another one")
        published.publish(found, directory=self._unit.places.published)
        return replace(self._state(found), ports=())

    def _standing(self) -> Standing:
        places = self._unit.places
        return store.standing(places.partition, device=places.device, lock=places.identity_lock)
