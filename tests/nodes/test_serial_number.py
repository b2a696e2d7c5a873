"""The serial number on a unit's label stands where people look: at a login, and in the state of the pair."""

import json

import pytest
from lab_driver import Lab

PUBLISH = """\
from firmware.flows.identity import publish
from firmware.identity import Identity
from firmware.store.identity import Standing
one = Identity("LB-0042", "LB 100", "lb1", "", {})
publish(Standing(one, one.digest, "2026-11-28T09:00:00Z"))
"""


@pytest.mark.all
def test_the_serial_number_is_shown(lab: Lab) -> None:
    before = lab.run(1, "sh", "-lc", "true").stdout
    assert "Serial number" not in before and json.loads(lab.run(1, "csync", "status", "--json").stdout)["serial"] == ""
    lab.run(1, "/usr/bin/python3", "-c", PUBLISH)
    try:
        assert "Serial number LB-0042" in lab.run(1, "sh", "-lc", "true").stdout
        assert json.loads(lab.run(1, "csync", "status", "--json").stdout)["serial"] == "LB-0042"
        assert "LB-0042" in lab.run(1, "csync", "status").stdout
    finally:
        lab.run(1, "rm", "-r", "/run/firmware/identity")
