"""What is special to addresses of IPv6: the kernel asks on the link whether somebody else has them, for a second or two in which
nothing can be bound to them; and IPv6 can be off.
"""

import time

from firmware.services.declared.network import kernel, settings
from firmware.services.declared.network.state import KernelNetwork
from firmware.services.declared.network.wanted import Wanted

#: seconds for which a start waits until addresses can be used
_SECONDS = 4.0
_POLL = 0.1


def await_addresses(want: Wanted, actual: KernelNetwork) -> tuple[KernelNetwork, list[str]]:
    """Wait until the addresses of an interface with a cable can be used; returns the network then, and what is wrong."""
    own = {one.local for one in want.addresses if one.family == 6}
    deadline = time.monotonic() + _SECONDS
    while own & actual.tentative and _has_carrier(want, actual) and time.monotonic() < deadline:
        time.sleep(_POLL)
        actual = kernel.read()
    return actual, [f"{one}: somebody else on the link has that address" for one in sorted(own & actual.duplicate)]


def _has_carrier(want: Wanted, actual: KernelNetwork) -> bool:
    return want.name in actual.links and actual.links[want.name].has_carrier


def reason_for(change: kernel.Change, interface: str) -> str:
    """Why a change may have failed: " (IPv6 is off …)", or "" where that is no reason."""
    if change.family != 6 and not any(":" in word for word in change.words if "/" in word or word.count(":") > 1):
        return ""
    if settings.read("net/ipv6/conf/all/disable_ipv6") is None:
        return " (IPv6 is off in this kernel)"
    is_off = settings.read(f"net/ipv6/conf/{interface}/disable_ipv6") == "1"
    return f" (IPv6 is off: net.ipv6.conf.{interface}.disable_ipv6 is 1)" if is_off else ""
