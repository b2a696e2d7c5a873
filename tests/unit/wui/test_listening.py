"""Where the web UI listens."""

import contextlib
import socket

from firmware.services.declared.wui import Address
from firmware.wui import listening


def test_it_listens_at_every_address_of_both_families_unless_it_is_told_one() -> None:
    with contextlib.ExitStack() as stack:
        both = [stack.enter_context(one) for one in listening.open_listeners(Address("", 0, True))]
        (one,) = (stack.enter_context(one) for one in listening.open_listeners(Address("127.0.0.1", 0, True)))
        assert one.getsockname()[0] == "127.0.0.1"
        assert [each.family for each in both] == [socket.AF_INET, socket.AF_INET6]
