"""What only a unit's kernel has: bonds, VLANs, dummies, and WireGuard without a program of its own."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from lab_driver import Lab
from service_helpers import append, run_service

RC = "/etc/config.rc"

BLOCKS = """
service network bond0.5
	ip address 192.0.2.65/26
service network bond0
	type bonding
	bonding mode active-backup
	bonding miimon 100
	slave dummy1 dummy2
	ip address 192.0.2.1/26
service network dummy1
	type dummy
service network dummy2
	type dummy
service network wg0
	type wg
	ip address 203.0.113.1/32
	wg listen_port 51820
	wg private_key /etc/wg/key
"""


@pytest.fixture
def lab(units: Lab) -> Iterator[Lab]:
    """A unit with these blocks and a key."""
    append(units, RC, BLOCKS)
    units.run(1, "sh", "-c", "umask 077; mkdir -p /etc/wg; wg genkey >/etc/wg/key")
    yield units
    for title in ("wg0", "bond0.5", "bond0", "dummy1", "dummy2"):
        units.run(1, "service", f"network.{title}", "stop", check=False)
    units.run(1, "cp", f"/usr/share/factory{RC}", RC)
    units.run(1, "rm", "-r", "/etc/wg")


def link(lab: Lab, name: str) -> dict[str, Any]:
    (found,) = json.loads(lab.run(1, "ip", "-j", "-d", "link", "show", "dev", name).stdout)
    return dict(found)


@pytest.mark.all
def test_a_vlan_on_a_bond_that_stands_below_it_and_wireguard_of_the_kernel(lab: Lab) -> None:
    run_service(lab, "network", "start")
    assert link(lab, "bond0")["linkinfo"]["info_data"]["mode"] == "active-backup"
    assert {link(lab, name)["master"] for name in ("dummy1", "dummy2")} == {"bond0"}
    assert link(lab, "bond0.5")["linkinfo"]["info_data"]["id"] == 5
    assert link(lab, "wg0")["linkinfo"]["info_kind"] == "wireguard"
    assert lab.run(1, "wg", "show", "wg0", "listen-port").stdout == "51820\n"
    for option, value in (("miimon", "200"), ("mode", "802.3ad")):
        lab.run(1, "config", "set", "network.bond0", "bonding", option, value)
        run_service(lab, "network.bond0", "apply")
        assert str(link(lab, "bond0")["linkinfo"]["info_data"][option]) == value
    assert {link(lab, name)["master"] for name in ("dummy1", "dummy2")} == {"bond0"}
    run_service(lab, "network.bond0", "stop")
    assert lab.run(1, "ip", "link", "show", "bond0", check=False).status != 0
