"""In which order a boot starts services."""

import pytest

from firmware.flows.boot import start_order
from firmware.rc import document


@pytest.mark.parametrize(
    ("blocks", "order"),
    [
        ("system syslogd sshd haproxy wui csyncd", "system syslogd sshd wui csyncd haproxy"),
        ("haproxy system network.eth0 wui", "system network.eth0 wui haproxy"),
        ("wui sshd haproxy syslogd", "wui sshd haproxy syslogd"),
        ("haproxy syslogd", "haproxy syslogd"),
        ("haproxy unknown csyncd unknown", "unknown csyncd haproxy unknown"),
        ("", ""),
    ],
)
def test_what_binds_ports_comes_after_what_holds_the_nodes_own(blocks: str, order: str) -> None:
    text = "".join(f"service {title.replace('.', ' ')}\n" for title in blocks.split())
    assert [block.title for block in start_order(document.parse(text).blocks)] == order.split()
