"""The WireGuard chapter of the user's document on two virtual units, with the kernel's WireGuard and real keys in the place of
the printed ones: what is printed there does not carry csyncd's packets, and is named at once; what is named instead does."""

import re

import pytest
import story
from lab_driver import Lab, eventually
from push_helpers import force_push, push
from service_helpers import append, run_service
from story import Stage, page

#: eth0's and wg0's addresses, as printed
OUTSIDE = {1: "192.0.2.10", 2: "198.51.100.10"}
TUNNEL = {1: "192.0.2.11", 2: "198.51.100.11"}

INTERFACE = """
service network
service network wg0
type wg
ip address {tunnel}/24 # ALOHA{node} WireGuard IP address
wg listen_port 51820 # WireGuard's port
wg private_key /etc/wg/ALOHA{node}.private.key
service vrrp
"""
PEER = """
service wg
interface wg0 # the name of the network service created in the previous step
public_key {key} # ALOHA{other}'s wg public key
endpoint {outside}:51820 # ALOHA{other}'s eth0 IP address with wg network service's listen_port
allowed_ips {own_side} # as printed
keepalive 5
"""
OWN_SIDE = {1: "192.0.2.0/24", 2: "198.51.100.0/24"}


@pytest.fixture
def stage(units: Lab) -> Stage:
    """The units as the document has them: each in a network of its own, with a way to the other, and paired: by the tests of the
    chapters before this one, or now. What it leaves is in nobody's way: no other test wants a tunnel or its addresses."""
    made = Stage(units, tell=lambda text: None)
    for node in (1, 2):
        if units.run(node, "grep", "-q", "wg0", "/etc/config.rc", check=False).status == 0:
            leave_tunnel(units, node)
        units.run(node, "ip", "link", "del", "wg0", check=False)
        units.run(node, "ip", "address", "replace", f"{OUTSIDE[node]}/24", "dev", "eth0")
        units.run(node, "ip", "route", "replace", OWN_SIDE[3 - node], "dev", "eth0", "src", OUTSIDE[node])
    if made.json(1, "csync", "status")["state"] == "red":
        story.pair(made)
    return made


def leave_tunnel(units: Lab, node: int) -> None:
    """As before the chapter, but for the pair, which is no more."""
    units.run(
        node, "sh", "-c", "service wg stop; service network.wg0 stop; service csyncd stop; rm -rf /etc/wg /etc/csyncd/*"
    )
    units.run(node, "cp", "-a", "/usr/share/factory/etc/csyncd/.", "/etc/csyncd")
    units.run(node, "cp", "/usr/share/factory/etc/config.rc", "/etc/config.rc")


def move_csyncd(stage: Stage, node: int) -> None:
    text = story.settings(node)
    for number in (1, 2):
        text = text.replace(story.ADDRESSES[number], TUNNEL[number])
    stage.lab.write(node, "/etc/csyncd/csyncd.cfg", text)
    run_service(stage.lab, "csyncd", "apply", node=node)


def test_the_chapter_step_by_step(stage: Stage) -> None:
    lab = stage.lab
    keys = {}
    for node in (1, 2):
        made = f"mkdir -p /etc/wg; cd /etc/wg; wg genkey > ALOHA{node}.private.key; wg pubkey < ALOHA{node}.private.key > ALOHA{node}.public.key"
        assert "Warning: writing to world accessible file." in stage.on(node, "sh", "-c", made)
        keys[node] = lab.read(node, f"/etc/wg/ALOHA{node}.public.key").strip()
        append(lab, "/etc/config.rc", INTERFACE.format(node=node, tunnel=TUNNEL[node]), node)
        assert f"chmod 600 /etc/wg/ALOHA{node}.private.key" in stage.on(node, "service", "network.wg0", "start")
        shown = stage.on(node, "ip", "addr", "show", "dev", "wg0")
        assert re.search(
            r"wg0: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1420 qdisc noqueue state UNKNOWN group default qlen 1000", shown
        )
        assert f"inet {TUNNEL[node]}/24 scope global wg0" in shown
        lines = [line.strip() for line in stage.on(node, "wg").splitlines()]
        assert lines == [
            "interface: wg0",
            f"public key: {keys[node]}",
            "private key: (hidden)",
            "listening port: 51820",
        ]
    for node in (1, 2):
        other = 3 - node
        text = PEER.format(key=keys[other], other=other, outside=OUTSIDE[other], own_side=OWN_SIDE[node])
        append(lab, "/etc/config.rc", text, node)
        told = stage.on(node, "service", "wg", "start")
        assert re.search(rf"'allowed_ips {OWN_SIDE[node]}': this node's own 1[0-9.]+ on eth0 is in it", told), told
        assert "no route is made; name the address that the peer has in the tunnel" in told
    for node in (1, 2):
        stage.on(node, "config", "set", "wg", "allowed_ips", f"{TUNNEL[3 - node]}/32")
        assert "allowed_ips" not in stage.on(node, "service", "wg", "apply")
    assert eventually(lambda: "latest handshake" in stage.on(1, "wg"))
    for node in (1, 2):
        move_csyncd(stage, node)
    assert stage.shows(1, "orange")["path"].startswith("through wg0")
    capture = "tcpdump -nlqi eth0 'ip and (net 192.0.2.0/24 or net 198.51.100.0/24)'"
    pid = stage.on(1, "sh", "-c", f"{capture} >/run/packets 2>/run/said </dev/null & echo $!").strip()
    assert eventually(lambda: "listening on" in lab.read(1, "/run/said"))
    stage.edit(1, page("through the tunnel"))
    force_push(stage)  # whatever other tests have left on unit 2
    stage.edit(1, page("through the tunnel, as a push that is not forced"))
    assert push(stage)[0] == 0
    stage.on(1, "kill", pid)
    assert eventually(lambda: "packets captured" in lab.read(1, "/run/said"))
    packets = [line for line in lab.read(1, "/run/packets").splitlines() if line]
    assert len(packets) > 20 and [line for line in packets if ".51820 > " not in line or ": UDP" not in line] == []
