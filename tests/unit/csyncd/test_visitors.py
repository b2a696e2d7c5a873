"""Who comes in with a key that is trusted here, and is not the peer at the end of our link."""

from dataclasses import replace
from pathlib import Path

from firmware.csyncd.visitors import Visitors
from firmware.sync.keys import Key
from firmware.sync.node_state import NodeState
from firmware.sync.peer_sshd import RemotePeer
from firmware.sync.versions import Versions

KEY = Key("ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43)
PEER = NodeState(2, "10.32.0.12", 1, "10.32.0.11", Versions("1"), (), (), (), None, {})
REMOTE = RemotePeer("node-2", KEY, Path("/nowhere"), "10.32.0.13")


def test_a_copy_of_the_peer_is_told_until_it_has_gone() -> None:
    gone: list[bool] = []
    visitors = Visitors()
    visitors.note(replace(REMOTE, address="10.32.0.12"), PEER)
    assert visitors.with_key_of("node-2", PEER) is None
    visitors.note(replace(REMOTE, has_gone=lambda: bool(gone)), replace(PEER, address="10.32.0.13"))
    found = visitors.with_key_of("node-2", PEER)
    assert found is not None and found.origin == "10.32.0.13" and found.place == "LOCAL_IP 10.32.0.13"
    assert visitors.with_key_of("node-2", None) is None, "without a link nobody knows which one is the peer"
    assert visitors.with_key_of("node-3", PEER) is None
    gone.append(True)
    assert visitors.with_key_of("node-2", PEER) is None


def test_a_node_with_our_own_number_is_told() -> None:
    visitors = Visitors()
    visitors.note(REMOTE, PEER)
    assert visitors.with_number(1) is None
    visitors.note(REMOTE, replace(PEER, node=1, address="10.32.0.12"))
    found = visitors.with_number(1)
    assert found is not None and found.place == "10.32.0.13 (LOCAL_IP 10.32.0.12)"


def test_they_are_bounded() -> None:
    visitors = Visitors()
    for number in range(100):
        visitors.note(REMOTE, replace(PEER, address=f"10.0.0.{number}"))
    assert visitors.with_number(2) is not None and len(visitors._known) == 16
