"""A slot on trial, from its start on: kept as soon as all works that worked before the upgrade, or given up. It is a program of
its own: `overlay/usr/libexec/appliance/trial` runs it, and sees to it that it comes to an end.
"""

import time
from contextlib import suppress
from pathlib import Path

from firmware import files, log
from firmware.errors import Failure, from_system
from firmware.flows import boot, node_health, switch_slot
from firmware.run import run
from firmware.store import migrations
from firmware.sync.audit import THIS_NODE, in_words
from firmware.upgrade import notes, record_partition, slots
from firmware.upgrade.notes import Expectation

#: seconds since the kernel started that the boot may take · within which all has to work when it has come to its end. A slow
#: disk, or a flash that is made whole, makes a slot no bad one.
BOOT_SECONDS, HEALTH_SECONDS = 420.0, 180.0
#: seconds between two looks · for which all has to work
LOOK_SECONDS, STEADY_SECONDS = 3.0, 10.0
#: what the trial waits for, a line each
WAITING = Path("/run/firmware/trial")


def main() -> None:
    """Keep the slot that runs, or give it up and start the other one."""
    if slots.tries_at_start() is None or not slots.has_slots():
        return
    reasons = await_health(_read_expectation())
    if reasons is None:
        return
    try:
        _decide(tuple(reasons))
    except (Failure, OSError) as error:  # then `trial` comes to an end with it
        log.line(f"upgrade: {in_words('upgrade', error)}")


def _decide(reasons: tuple[str, ...]) -> None:
    if not reasons:
        if switch_slot.confirm(who=THIS_NODE):
            log.line(f"upgrade: slot {slots.running()} is kept: all works")
        return
    log.line("upgrade: it does not work: " + "; ".join(reasons))
    if switch_slot.give_up(reasons, who=THIS_NODE):
        run(["reboot"])


def await_health(expected: Expectation | None) -> list[str] | None:
    """Wait until all works; returns what does not when there is no more time, or no more hope, and None if somebody has decided
    meanwhile, for this slot or for the other one."""
    booted_at: float | None = None
    healthy_since: float | None = None
    while True:
        wrong = look(expected)
        _say(wrong)
        now = time.monotonic()  # since the kernel started
        booted_at = booted_at or (now if boot.has_booted() else None)
        healthy_since = None if wrong else healthy_since or now
        if switch_slot.PROVED.exists() or switch_slot.ROLLED_BACK.exists():
            return None
        if healthy_since is not None and now - healthy_since >= STEADY_SECONDS:
            return []
        deadline = booted_at + HEALTH_SECONDS if booted_at else BOOT_SECONDS
        if wrong and (now > deadline or migrations.failure()):
            return wrong
        time.sleep(LOOK_SECONDS)


def look(expected: Expectation | None) -> list[str]:
    """What does not work now, a line each."""
    if not boot.has_booted():
        return ["the boot has not come to its end"] if not migrations.failure() else [migrations.failure()]
    try:
        return node_health.shortcomings(expected, node_health.current_health())
    except Failure as error:
        return [str(error)]
    except OSError as error:
        return [str(from_system(error))]
    except Exception as error:
        return [str(log.internal_error("upgrade", error))]


def _read_expectation() -> Expectation | None:
    """What is on the flash is from an earlier upgrade, if it could not be read at this one."""
    try:
        if record_partition.read().record.unread_flash:
            return notes.UNREAD_FLASH
        return notes.read_expectation()
    except Failure as error:
        log.line(f"upgrade: what worked before is not known: {error}")
        return None


def _say(wrong: list[str]) -> None:
    """That nobody can be told what is waited for, for /run has no room, changes nothing."""
    with suppress(OSError):
        WAITING.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        files.write(WAITING, "".join(f"{line}\n" for line in wrong).encode("utf-8", "surrogateescape"), mode=0o644)


if __name__ == "__main__":
    main()
