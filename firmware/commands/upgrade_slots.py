"""`upgrade status|confirm|rollback`: the two slots of this unit."""

import json

from firmware.commands import operator_identity
from firmware.commands.cli import local_time, parse_arguments
from firmware.operations import upgrade_slots
from firmware.operations.upgrade_slots import SlotStatus, UpgradeStatus


def status(argv: list[str]) -> int:
    """Print which slot runs, what lies in both, and what became of the last upgrade."""
    _, options = parse_arguments(argv, "", flags=("--json",))
    found = upgrade_slots.status()
    if "--json" in options:
        print(json.dumps(found.json(), indent=2))
        return 0
    for slot in found.slots:
        print(_line(slot))
    for line in _remarks(found):
        print(line)
    return 0


def confirm(argv: list[str]) -> int:
    """Keep the slot that runs, and say that what everybody is told of the slots is known."""
    parse_arguments(argv, "")
    done = upgrade_slots.confirm(who=operator_identity.identify())
    print(f"slot {done.slot} (version {done.version}) " + ("is kept" if done.is_new else "had proved itself already"))
    if there := done.passed_over:
        words = f"it comes after slot {done.slot} from now on; upgrade install writes it anew"
        print(f"slot {there} could not be started: {words}")
    for line in done.acknowledged:
        print(f"not said any more: {line} (csync log goes on to have it)")
    return 0


def rollback(argv: list[str]) -> int:
    """Start the other slot."""
    _, options = parse_arguments(argv, "", flags=("--force",))
    slot = upgrade_slots.roll_back(who=operator_identity.identify(), force="--force" in options)
    print(f"slot {slot} starts next; the node reboots")
    return 0


def _line(slot: SlotStatus) -> str:
    tries = "1 try left" if slot.tries == 1 else f"{slot.tries or 'no'} tries left"
    state = f"{slot.state}, {tries}" if slot.state == "on trial" else slot.state
    about = ", ".join(["runs"] * slot.is_booted + ["starts next"] * (slot.is_next and not slot.is_booted))
    return f"slot {slot.name}  {slot.version or 'cannot be read':<14}  {state}" + (f"  ({about})" if about else "")


def _remarks(found: UpgradeStatus) -> list[str]:
    lines = [f"waits for: {reason}" for reason in found.waiting]
    if last := found.last:
        version = f"version {last.version}, " * bool(last.version)
        lines.append(f"last upgrade: {last.result}: {version}slot {last.slot}, {local_time(last.time)}")
        lines += [f"  {reason}" for reason in last.reasons]
    lines += [f"everybody is told: {line}" for line in found.attention]
    return lines + ([f"the record of slots: {found.problem}"] if found.problem else [])
