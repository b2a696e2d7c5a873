"""Services without a process: system and network set up what their blocks say, and take away only that."""

import json
from collections.abc import Iterator

import pytest
from lab_driver import Lab
from service_helpers import append, run_service, service_row

RC = "/etc/config.rc"


@pytest.fixture
def lab(module_lab: Lab) -> Iterator[Lab]:
    """A node with a spare interface."""
    module_lab.run(1, "ip", "link", "add", "spare", "type", "veth", "peer", "name", "other", check=False)
    yield module_lab
    module_lab.run(1, "service", "network.spare", "stop", check=False)
    module_lab.run(1, "cp", f"/usr/share/factory{RC}", RC)
    module_lab.run(1, "ip", "link", "del", "spare", check=False)


def addresses(lab: Lab, name: str) -> set[str]:
    (found,) = json.loads(lab.run(1, "ip", "-j", "address", "show", "dev", name).stdout)
    return {f"{one['local']}/{one['prefixlen']}" for one in found["addr_info"] if one["scope"] == "global"}


BLOCK = """
service network spare
	mtu 1400
	lladdr 02:00:00:00:00:77
	ip address 192.0.2.1/24
	ip address 192.0.2.129/255.255.255.128
	ip6 address 2001:db8::1/64
	ip route 198.51.100.0/24 192.0.2.7
	ip route 203.0.113.0/24 192.0.2.8 table 77
	ip rule from 192.0.2.0/24 table 77
"""


def test_an_interface_gets_what_its_block_says_and_loses_just_that(lab: Lab) -> None:
    append(lab, RC, BLOCK)
    lab.run(1, "ip", "address", "add", "192.0.2.99/32", "dev", "spare")
    run_service(lab, "network.spare", "start")
    assert addresses(lab, "spare") == {"192.0.2.1/24", "192.0.2.129/25", "2001:db8::1/64", "192.0.2.99/32"}
    link = lab.run(1, "ip", "link", "show", "dev", "spare").stdout
    assert "mtu 1400" in link and "02:00:00:00:00:77" in link and "UP" in link
    assert "198.51.100.0/24 via 192.0.2.7 dev spare" in lab.run(1, "ip", "route").stdout
    assert "203.0.113.0/24 via 192.0.2.8 dev spare" in lab.run(1, "ip", "route", "show", "table", "77").stdout
    assert lab.run(1, "ip", "rule").stdout.count("from 192.0.2.0/24 lookup 77") == 1
    found = service_row(lab, "network.spare")
    assert (found["state"], found["pid"], found["needs_apply"]) == ("running", None, False)
    run_service(lab, "network.spare", "restart")
    assert lab.run(1, "ip", "rule").stdout.count("from 192.0.2.0/24 lookup 77") == 1
    run_service(lab, "network.spare", "stop")
    assert addresses(lab, "spare") == {"192.0.2.99/32"}
    assert "192.0.2.0/24 lookup 77" not in lab.run(1, "ip", "rule").stdout
    assert service_row(lab, "network.spare")["state"] == "stopped"


def test_apply_takes_away_what_the_block_no_longer_says(lab: Lab) -> None:
    append(lab, RC, BLOCK)
    run_service(lab, "network.spare", "start")
    lab.run(1, "config", "del", "network.spare", "ip", "address", "192.0.2.129/255.255.255.128")
    lab.run(1, "config", "add", "network.spare", "ip", "address", "192.0.2.3/24")
    run_service(lab, "network.spare", "apply")
    assert addresses(lab, "spare") == {"192.0.2.1/24", "192.0.2.3/24", "2001:db8::1/64"}
    assert not service_row(lab, "network.spare")["needs_apply"]


def test_what_fails_does_not_keep_the_rest_from_being_set_up(lab: Lab) -> None:
    append(lab, RC, BLOCK.replace("198.51.100.0/24 192.0.2.7", "198.51.100.0/24 203.0.113.77"))
    error = run_service(lab, "network.spare", "start", status=1).stderr
    assert "not all of it is set up: " in error
    assert (
        f"{RC}:25: ip route replace 198.51.100.0/24 via 203.0.113.77 dev spare table 254 proto 151: Nexthop has"
        in error
    )
    assert "192.0.2.1/24" in addresses(lab, "spare")
    assert "from 192.0.2.0/24 lookup 77" in lab.run(1, "ip", "rule").stdout
    assert "203.0.113.77" in run_service(lab, "network.spare", "status", status=1).stdout
    assert service_row(lab, "network.spare")["needs_apply"]


def test_a_vlan_is_made_and_removed(lab: Lab) -> None:
    append(lab, RC, "service network spare.9\n\tip address 192.0.2.65/26\n")
    done = lab.run(1, "service", "network.spare.9", "start", check=False)
    if "Unknown device type" in done.stderr or "not supported" in done.stderr:
        assert done.status == 1  # a kernel without VLANs: said, not hidden
        return
    assert addresses(lab, "spare.9") == {"192.0.2.65/26"}
    run_service(lab, "network.spare.9", "stop")
    assert lab.run(1, "ip", "link", "show", "spare.9", check=False).status != 0


def test_system_names_the_node_and_sets_the_kernel(lab: Lab) -> None:
    before = lab.run(1, "hostname").stdout.strip()
    lab.run(1, "sed", "-i", "s/^service system/&\\n\\thostname lb7\\n\\tsysctl net.ipv4.ip_default_ttl=63/", RC)
    run_service(lab, "system", "apply")
    assert lab.run(1, "hostname").stdout == "lb7\n"
    assert lab.read(1, "/proc/sys/net/ipv4/ip_default_ttl") == "63\n"
    lab.run(1, "sed", "-i", "s/sysctl .*/sysctl net.ipv4.no_such_thing=1/", RC)
    error = run_service(lab, "system", "apply", status=1).stderr
    assert "no_such_thing" in error
    lab.run(1, "hostname", before)
