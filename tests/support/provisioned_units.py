"""Virtual units that are provisioned over their second serial line, and what holds of one from then on."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lab_driver import Lab
from provisioning_host import HASH, ask

from firmware.errors import Refused
from firmware.provision import questions
from firmware.provision.answers import UnitState
from firmware.serial_line import Line

#: of its own, that what waits on the line of a locked unit may have
MOST_KILOBYTES = 200
#: the host name that each gets
NAME = "factory-name"


@contextmanager
def factory_line(units: Lab, node: int) -> Iterator[Line]:
    """The line of a unit, for the time."""
    with Line(f"unix://{Path(units.state) / str(node) / 'ttyS1'}") as line:
        yield line


def provision(units: Lab, node: int, serial: str) -> str:
    """All that one unit needs; returns the digest of its identity."""
    with factory_line(units, node) as line:
        found = ask(line, questions.Hello(), silence=120)
        assert (found.state, found.slot) == ("new", "a")
        tested = ask(line, questions.SelfTest(links=("eth0",)))
        assert tested.has_passed, tested
        ask(line, questions.SetTime(time.time()))
        macs = tuple(questions.Mac(port.name, port.mac) for port in found.ports)
        written = ask(line, questions.SetIdentity(serial, "LB 100", NAME, macs, "Europe/Paris"))
        ask(line, questions.SetManagement("eth0", f"10.32.0.{10 + node}/24"))
        ask(line, questions.SetAdmin(HASH))
        ask(line, questions.MakeKeys(node))
        ask(line, questions.Save())
        done = ask(line, questions.Lock(serial, written.digest))
        assert (done.state, done.serial, done.digest) == ("locked", serial, written.digest)
        return str(done.digest)


def waiting_kilobytes(units: Lab, node: int) -> int:
    """The memory of its own that what answers on a locked unit's line has."""
    said = units.run(
        node, "sh", "-c", "cat $(pgrep -f [a]ppliance/provisioning | sed 's|.*|/proc/&/smaps_rollup|')"
    ).stdout
    return sum(int(line.split()[1]) for line in said.splitlines() if line.startswith("Private_"))


def require_locked(units: Lab, node: int, serial: str, digest: str) -> UnitState:
    """It is locked as that one, its line says that alone, and the unit goes by the name that its factory gave it. Returns what
    the line says."""
    with factory_line(units, node) as line:
        found = ask(line, questions.Hello(), silence=120)
        assert (found.state, found.serial, found.digest) == ("locked", serial, digest)
        for question in (questions.SetAdmin(HASH), questions.SetIdentity("OTHER-1", "LB 100", "other")):
            with pytest.raises(Refused, match="locked"):
                ask(line, question)
    agents = units.run(node, "pgrep", "-f", "[p]ython3 -m firmware provisioning", check=False)
    assert agents.stdout == "", "the agent does not run"
    assert 0 < waiting_kilobytes(units, node) < MOST_KILOBYTES
    assert units.run(node, "hostname").stdout.strip() == NAME
    assert json.loads(units.run(node, "csync", "status", "--json").stdout)["serial"] == serial
    assert isinstance(found, UnitState)
    return found
