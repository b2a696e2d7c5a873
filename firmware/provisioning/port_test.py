"""The test of each port: there, with an address of its own, with a link where one is wanted, and with frames that come through
where a cable joins two."""

import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

from firmware.errors import Failure
from firmware.provision.questions import PortPair, SelfTest
from firmware.provisioning import hardware
from firmware.provisioning.hardware import ports
from firmware.run import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.provisioning.self_test import Test

#: the type of frames for experiments on one cable (IEEE 802), and their lengths
ETHER_TYPE, LENGTHS = 0x88B5, (60, 512, 1514)
#: frames of each length; seconds that a link and a frame may take
_FRAMES, _LINK_SECONDS, _FRAME_SECONDS = 20, 8.0, 1.0


def tests(question: SelfTest) -> "Iterator[tuple[str, Test]]":
    """The name of each test, and what carries it out."""
    named = {*question.links, *(name for pair in question.cables for name in (pair.one, pair.other))}
    for name in sorted({*named, *(port.name for port in ports())}):
        yield f"port {name}", partial(test_port, name, is_linked=name in named)
    for pair in question.cables:
        yield f"cable {pair.one}-{pair.other}", partial(test_cable, pair)


def test_port(name: str, *, is_linked: bool) -> str:
    """The port is there; with `is_linked` it has a link within some seconds."""
    found = next((port for port in ports() if port.name == name), None)
    if found is None:
        raise Failure("there is no such port")
    if not found.mac.strip("0:"):
        raise Failure("it has no link-layer address")
    with _up([name]):
        link = _has_link_soon(name) if is_linked else hardware.has_link(name)
    if is_linked and not link:
        raise Failure("it has no link: is the cable in?")
    return f"{found.mac}, {found.driver or 'no driver named'}, {'link' if link else 'no link'}"


def test_cable(pair: PortPair) -> str:
    """What one port sends, the other one gets, both ways."""
    with _up([pair.one, pair.other]):
        for name in (pair.one, pair.other):
            if not _has_link_soon(name):
                raise Failure(f"{name} has no link: is the cable in?")
        for sender, receiver in ((pair.one, pair.other), (pair.other, pair.one)):
            _send_frames(sender, receiver)
    return f"{_FRAMES * len(LENGTHS)} frames each way"


def _send_frames(sender: str, receiver: str) -> None:
    with _packet_socket(sender) as out, _packet_socket(receiver) as into:
        into.settimeout(_FRAME_SECONDS)
        for length in LENGTHS:
            for number in range(_FRAMES):
                frame = b"\xff" * 6 + out.getsockname()[4] + ETHER_TYPE.to_bytes(2) + os.urandom(length - 14)
                out.send(frame)
                if not _is_received(frame, into):
                    raise Failure(f"{sender} to {receiver}: frame {number + 1} of {length} bytes did not arrive")


def _is_received(frame: bytes, into: socket.socket) -> bool:
    end = time.monotonic() + _FRAME_SECONDS
    while time.monotonic() < end:
        try:
            if into.recv(2048)[: len(frame)] == frame:
                return True
        except TimeoutError:
            return False
    return False


def _packet_socket(name: str) -> socket.socket:
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHER_TYPE))
    try:
        made.bind((name, ETHER_TYPE))
    except BaseException:
        made.close()
        raise
    return made


def _has_link_soon(name: str) -> bool:
    end = time.monotonic() + _LINK_SECONDS
    while time.monotonic() < end:
        if hardware.has_link(name):
            return True
        time.sleep(0.1)
    return False


@contextmanager
def _up(names: Sequence[str]) -> Iterator[None]:
    """Have interfaces up for the time; those that were down go down again."""
    with ExitStack() as stack:
        for name in names:
            if not _is_up(name):
                run(["ip", "link", "set", "dev", name, "up"])
                stack.callback(run, ["ip", "link", "set", "dev", name, "down"], check=False)
        yield


def _is_up(name: str) -> bool:
    try:
        return bool(int((hardware.NET / name / "flags").read_text(), 16) & 1)
    except OSError:
        raise Failure("there is no such port") from None
