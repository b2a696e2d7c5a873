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
        ("haproxy wui=off sshd=off", "haproxy wui sshd"),
        ("", ""),
    ],
)
def test_what_binds_ports_comes_after_what_holds_the_nodes_own(blocks: str, order: str) -> None:
    lines = (f"service {title.replace('.', ' ')}" for title in blocks.split())
    text = "".join(line.replace("=off", "\n no autostart") + "\n" for line in lines)
    assert [block.title for block in start_order(document.parse(text).blocks)] == order.split()
