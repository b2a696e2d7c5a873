"""What a program says is read as it comes, and an address is never an option."""

import fcntl
import os
import signal
import sys

import pytest

from firmware.errors import Failure, Usage
from firmware.operations import live_program, packet_capture
from firmware.operations.live_program import LiveProgram


def lines_of(program: LiveProgram) -> list[str]:
    found = []
    while not program.is_over:
        found += program.read_lines(10)
    return found


def test_lines_come_whole_and_printable() -> None:
    program = LiveProgram(["sh", "-c", r"printf 'one\ntwo \033[2J\351\nend'; exit 3"])
    assert lines_of(program) == ["one", "two \\x1b[2J\\351", "end"] and program.end() == 3


def test_what_nobody_looks_at_any_more_ends() -> None:
    program = LiveProgram(["sleep", "600"])
    assert program.read_lines() == []
    assert program.end() == -signal.SIGKILL


def test_what_is_asked_to_end_ends() -> None:
    program = LiveProgram(["sh", "-c", "trap 'echo told; exit 0' INT; echo ready; while :; do sleep 0.01; done"])
    assert program.read_lines(10) == ["ready"]
    program.interrupt()
    assert lines_of(program) == ["told"] and program.end() == 0


def test_no_signal_is_ignored_in_it_and_nothing_of_ours_is_open() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    held = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, 300)
    try:
        words = "import os, signal; print(signal.getsignal(signal.SIGINT) == signal.default_int_handler, *sorted(os.listdir('/proc/self/fd')))"
        program = LiveProgram([sys.executable, "-c", words])
        (line,) = lines_of(program)
    finally:
        signal.signal(signal.SIGINT, before)
        os.close(held)
    program.end()
    is_default, *handles = line.split()
    assert is_default == "True" and {"0", "1", "2"} < {*handles} and str(held) not in handles


def test_a_program_that_is_not_there_is_named_and_leaves_nothing_open() -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.raises(Failure, match="not-there: the program is not on this node"):
        LiveProgram(["not-there"])
    assert len(os.listdir("/proc/self/fd")) == len(before)


@pytest.mark.parametrize(
    "address", ["-f", "--", "", "a b", "a;b", "a\n", ".", "-", "a-", "::1%", "x" * 254, "host/24", "fe80::1%e;h"]
)
def test_an_address_is_an_address_or_a_name(address: str) -> None:
    if address == "::1%":
        assert live_program._require_host(address) == address
        return
    with pytest.raises(Usage):
        live_program.start_ping(address)
    with pytest.raises(Usage):
        live_program.start_traceroute(address)


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "fe80::1%eth0", "example.org", "a", "lb_1.example"])
def test_addresses_and_names_are_taken(address: str) -> None:
    assert live_program._require_host(address) == address


def test_a_ping_has_an_end() -> None:
    for packets in (0, -1, 101):
        with pytest.raises(Usage, match="packets"):
            live_program.start_ping("192.0.2.1", packets)


@pytest.mark.parametrize(
    ("interface", "filter", "packets", "seconds"),
    [
        ("nothing0", "", 1, 1), ("-i", "", 1, 1), ("", "", 1, 1), ("../lo", "", 1, 1), ("any", "a\nb", 1, 1),
        ("any", "x" * 1001, 1, 1), ("any", "", 0, 1), ("any", "", 1, 0), ("any", "", 100_001, 1), ("any", "", 1, 3601),
    ],
)  # fmt: skip
def test_a_capture_is_bounded_and_of_an_interface(interface: str, filter: str, packets: int, seconds: int) -> None:
    with pytest.raises(Usage):
        packet_capture.Capture(interface, filter, packets, seconds, packet_capture.Who("alice"))
