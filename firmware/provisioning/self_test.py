"""The self-test: memory, flash, hardware clock, watchdog, ports. Each test says what it found, whether it was passed or not."""

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from mmap import mmap
from pathlib import Path

from firmware.errors import Failure
from firmware.locks import hold
from firmware.printable import shorten
from firmware.provision.answers import PartResult, SelfTestResults
from firmware.provision.questions import SelfTest
from firmware.provisioning import port_test
from firmware.store import flash
from firmware.store.paths import NODE, Paths

RTC = Path("/sys/class/rtc/rtc0")
WATCHDOG, WATCHDOGS = Path("/dev/watchdog"), Path("/sys/class/watchdog")
MEGABYTE = 1 << 20
#: seconds within which a clock has to go on
_TICK = 3.0
#: bytes that are written to flash
_FLASH_BYTES = 1 << 20

Test = Callable[[], str]


def test_unit(question: SelfTest, say: Callable[[str], None]) -> SelfTestResults:
    """Carry out all tests, whatever comes of each; `say` is told which one is next."""
    return SelfTestResults(tuple(_attempt(name, test, say) for name, test in _tests(question)))


def _tests(question: SelfTest) -> Iterator[tuple[str, Test]]:
    yield "memory", partial(test_memory, question.memory)
    yield "flash", test_flash
    if question.rtc:
        yield "rtc", test_rtc
    if question.watchdog:
        yield "watchdog", test_watchdog
    yield from port_test.tests(question)


def _attempt(name: str, test: Test, say: Callable[[str], None]) -> PartResult:
    say(name)
    began = time.monotonic()
    try:
        has_passed, words = True, test()
    except Failure as error:
        has_passed, words = False, str(error)
    except OSError as error:
        has_passed, words = False, error.strerror or str(error)
    except MemoryError:
        has_passed, words = False, "there is not as much memory"
    return PartResult(name, has_passed, shorten(words, 110), round(time.monotonic() - began, 2))


def test_memory(megabytes: int) -> str:
    """Write so many MB with patterns and their opposites, and read them back. No more than half of what is free is taken."""
    wanted = min(megabytes, _free_megabytes() // 2)
    if wanted < 1:
        raise Failure("there is no free memory to test")
    with mmap(-1, wanted * MEGABYTE) as room:
        for pattern in (b"\x55", b"\xaa", bytes(range(256)), bytes(range(255, -1, -1))):
            page = pattern * (MEGABYTE // len(pattern))
            for place in range(wanted):
                room[place * MEGABYTE : (place + 1) * MEGABYTE] = page
            for place in range(wanted):
                if room[place * MEGABYTE : (place + 1) * MEGABYTE] != page:
                    raise Failure(f"MB {place}: pattern {pattern[:1].hex()}: it was not what was written")
    return f"{wanted} MB, four patterns"


def _free_megabytes() -> int:
    lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    return int(lines["MemAvailable"].split()[0]) // 1024


def test_flash(paths: Paths = NODE) -> str:
    """Write a file to flash, read it back from there, remove it."""
    data = os.urandom(_FLASH_BYTES)
    path = paths.flash / "self-test"
    with hold(paths.flash_lock), flash.mount(write=True, paths=paths):
        if missing := flash.missing_bytes(paths.flash, len(data)):
            raise Failure(f"{missing} bytes are missing on it")
        try:
            flash.write_durably(path, [data])
        finally:
            path.unlink(missing_ok=True)
    return f"{len(data) // 1024} kB written and read back"


def test_rtc(clock: Path = RTC) -> str:
    """There is a hardware clock, and it goes on."""
    if not clock.exists():
        raise Failure("there is no hardware clock")
    first, end = _seconds(clock), time.monotonic() + _TICK
    while time.monotonic() < end:
        if (now := _seconds(clock)) > first:
            return f"it runs, and says {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(now))}"
        time.sleep(0.1)
    raise Failure(f"the hardware clock stands still: it did not go on within {_TICK:g} s")


def _seconds(clock: Path) -> int:
    return int((clock / "since_epoch").read_text())


def test_watchdog(device: Path = WATCHDOG, top: Path = WATCHDOGS) -> str:
    """There is a watchdog, and it is fed."""
    if not device.exists():
        raise Failure("there is no watchdog")
    for path in sorted(top.glob("watchdog*")):
        if (path / "state").exists() and (path / "state").read_text().strip() == "active":
            seconds = (path / "timeout").read_text().strip()
            return f"{(path / 'identity').read_text().strip()}, {seconds} s, it is fed"
    raise Failure("nobody feeds the watchdog: it would not bring the unit back")
