"""What another service needs starts before it, and else it is the order of config.rc."""

import pytest

from firmware.rc import document
from firmware.services.dependencies import dependencies_first

BOND = "service network bond0\ntype bonding\nslave eth1 eth2\n"


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("service system\nservice network eth0\nservice sshd\n", "system network.eth0 sshd"),
        (f"service network bond0.5\n{BOND}service network eth1\n", "network.eth1 network.bond0 network.bond0.5"),
        (
            "service network br0\ntype bridge\nslave br1\nservice network br1\ntype bridge\nslave br0\n",
            "network.br1 network.br0",
        ),
        ("service wg\ninterface wg0\nservice network wg0\ntype wg\n", "network.wg0 wg"),
        ("service vrrp\nservice network eth1\nservice network eth0\nvrrp id 7\n", "network.eth0 vrrp network.eth1"),
        ("service network eth0.5\nservice sshd\nno service network eth0\n", "network.eth0 network.eth0.5 sshd"),
    ],
)
def test_what_is_needed_comes_first(text: str, order: str) -> None:
    config = document.parse(text)
    assert [block.title for block in dependencies_first(config.blocks, config)] == order.split()
