"""What `ip` says of the network, cut down to what a page shows."""

import json
from pathlib import Path

import pytest

from firmware.operations import network_overview
from firmware.run import Result

LINKS = [
    {},
    {
        "ifname": "eth0.5", "flags": ["BROADCAST", "UP", "LOWER_UP"], "mtu": 1500, "address": "02:00:00:00:00:01",
        "linkinfo": {"info_kind": "vlan"}, "addr_info": [{"local": "192.0.2.1", "prefixlen": 24}, {}],
        "stats64": {"rx": {"bytes": 10, "errors": 1}, "tx": {"bytes": 20, "errors": 2}},
    },
    {"ifname": "eth1", "flags": ["UP", "NO-CARRIER"]},
]  # fmt: skip
ROUTES = {
    "-4": [{"dst": "default", "gateway": "192.0.2.254", "dev": "eth0.5", "metric": 5, "protocol": "static"}],
    "-6": [],
}


def test_interfaces_routes_and_name_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(argv: list[str]) -> Result:
        found = LINKS if "address" in argv else ROUTES[argv[2]]
        return Result(0, json.dumps(found), "")

    (tmp_path / "resolv.conf").write_bytes(b"# nameserver 1\nnameserver 192.0.2.53\nnameserver\nsearch \xff\n")
    monkeypatch.setattr(network_overview, "run", run)
    monkeypatch.setattr(network_overview, "RESOLVERS", tmp_path / "resolv.conf")
    found = network_overview.network_overview()
    vlan, plain = found.interfaces
    assert (vlan.kind, vlan.state, vlan.addresses, vlan.received_bytes, vlan.sent_errors) == (
        "vlan",
        "up",
        ("192.0.2.1/24",),
        10,
        2,
    )
    assert (plain.kind, plain.state, plain.addresses, plain.mtu) == ("", "down", (), 0)
    (route,) = found.routes
    assert (route.to, route.gateway, route.interface, route.metric) == ("default", "192.0.2.254", "eth0.5", 5)
    assert found.resolvers == ("192.0.2.53",)
