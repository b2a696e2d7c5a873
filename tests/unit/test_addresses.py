"""The addresses of this node, with their interfaces."""

import netifaces
import pytest

from firmware import addresses


def test_the_loopback_is_there() -> None:
    assert addresses.local_addresses()["127.0.0.1"] == "lo"


def test_every_address_has_its_interface_and_no_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {
        "eth0": {netifaces.AF_INET: [{"addr": "10.0.0.1"}, {"addr": "10.0.0.2"}], netifaces.AF_INET6: [{"addr": "fe80::1%eth0"}]},
        "eth1": {netifaces.AF_LINK: [{"addr": "02:00:00:00:00:01"}]},
    }  # fmt: skip
    monkeypatch.setattr(netifaces, "interfaces", lambda: [*known])
    monkeypatch.setattr(netifaces, "ifaddresses", known.__getitem__)
    assert addresses.local_addresses() == {"10.0.0.1": "eth0", "10.0.0.2": "eth0", "fe80::1": "eth0"}
