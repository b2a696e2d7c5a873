"""A virtual unit is provisioned over its second serial line, and locked: what stays of it, and who can open it again."""

import re

import pytest
from lab_driver import Lab
from provisioned_units import factory_line, provision, require_locked
from provisioning_host import ask
from serial_console import console

from firmware.provision import questions

pytestmark = pytest.mark.all


#: a terminal that is not the unit's own, as that of ssh and of the web UI
ON_A_PTY = "import os, pty; os._exit(os.waitstatus_to_exitcode(pty.spawn(['service', 'open-provisioning'])))"


def test_a_provisioned_unit(fresh_units: Lab) -> None:
    units = fresh_units
    digest = provision(units, 1, "LB-0001")
    require_locked(units, 1, "LB-0001", digest)
    units.run(1, "config", "reset", "--yes")
    units.reboot(1)
    require_locked(units, 1, "LB-0001", digest)
    units.cut(1)
    require_locked(units, 1, "LB-0001", digest)


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
