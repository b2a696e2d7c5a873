"""A network in which something can be started and takes nothing of the node's: it has a loopback interface alone.

Under its other names that is each interface of the node, so that who binds to one of these finds it, and whoever binds to
one that is not there does not. Every address can be bound, and every port by every account. Nothing goes out of it.
"""

import re
import socket

_SETTINGS = {"ipv4/ip_nonlocal_bind": 1, "ipv6/ip_nonlocal_bind": 1, "ipv4/ip_unprivileged_port_start": 0}
#: others could not be told to `ip` in a line
_NAME = r"[\w.@:+-]+"


def setup_steps(interfaces: tuple[str, ...] | None = None) -> list[str]:
    """Shell commands that make a new network namespace like that; /proc has to be its own already."""
    known = [name for _, name in socket.if_nameindex()] if interfaces is None else list(interfaces)
    names = [f"altname {name}" for name in known if name != "lo" and re.fullmatch(_NAME, name)]
    commands = ["link set lo up", *([f"link property add dev lo {' '.join(names)}"] if names else [])]
    told = " ".join(f"'{command}'" for command in commands)
    settings = [
        f"[ ! -e /proc/sys/net/{name} ] || echo {value} >/proc/sys/net/{name}" for name, value in _SETTINGS.items()
    ]
    return [f"printf '%s\\n' {told} | ip -batch -", *settings]
