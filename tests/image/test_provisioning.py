"""A virtual unit is provisioned over its second serial line, and locked: what stays of it, and who can open it again."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lab_driver import Lab
from provisioning_host import HASH, ask
from serial_console import console

from firmware.errors import Refused
from firmware.provision import questions
from firmware.serial_line import Line

pytestmark = pytest.mark.all


#: a terminal that is not the unit's own, as that of ssh and of the web UI
ON_A_PTY = "import os, pty; os._exit(os.waitstatus_to_exitcode(pty.spawn(['service', 'open-provisioning'])))"


@contextmanager
def factory_line(units: Lab, node: int) -> Iterator[Line]:
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
        written = ask(line, questions.SetIdentity(serial, "LB 100", "factory-name", macs, "Europe/Paris"))
        ask(line, questions.SetManagement("eth0", f"10.32.0.{10 + node}/24"))
        ask(line, questions.SetAdmin(HASH))
        ask(line, questions.MakeKeys(node))
        ask(line, questions.Save())
        done = ask(line, questions.Lock(serial, written.digest))
        assert (done.state, done.serial, done.digest) == ("locked", serial, written.digest)
        return str(done.digest)


def test_a_provisioned_unit(fresh_units: Lab) -> None:
    units = fresh_units
    digest = provision(units, 1, "LB-0001")

    def require_locked() -> None:
        with factory_line(units, 1) as line:
            found = ask(line, questions.Hello(), silence=120)
            assert (found.state, found.serial, found.digest) == ("locked", "LB-0001", digest)
            with pytest.raises(Refused, match="locked"):
                ask(line, questions.SetAdmin(HASH))
        agents = units.run(1, "pgrep", "-f", "[p]ython3 -m firmware provisioning", check=False)
        assert agents.stdout == "", "the agent does not run"
        assert units.run(1, "hostname").stdout.strip() == "factory-name"
        assert json.loads(units.run(1, "csync", "status", "--json").stdout)["serial"] == "LB-0001"

    require_locked()
    units.run(1, "config", "reset", "--yes")
    units.reboot(1)
    require_locked()
    units.cut(1)
    require_locked()


def test_the_line_is_opened_again_at_the_console_alone(fresh_units: Lab) -> None:
    units = fresh_units
    provision(units, 1, "LB-0001")
    for command in (
        ["service", "open-provisioning"],
        ["/usr/bin/python3", "-c", ON_A_PTY],
    ):
        refused = units.run(1, *command, check=False)
        assert refused.status == 3, refused
    with console(units, 1) as person:
        person.choose("a good password")
        person.type("service open-provisioning")
        code = re.search(r"Type (\d{6}) to open", person.read(r"to open it: "))
        assert code
        person.type("no")
        person.read("not the code")
        person.type("service open-provisioning")
        code = re.search(r"Type (\d{6}) to open", person.read(r"to open it: "))
        assert code
        person.type(code[1])
        assert "LB-0001" in person.read("locked again")
    units.reboot(1)
    with factory_line(units, 1) as line:
        found = ask(line, questions.Hello(), silence=120)
        assert (found.state, found.serial) == ("begun", "LB-0001")
