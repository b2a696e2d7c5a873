"""Makes known who this unit is: at each boot, and when its provisioning has written or locked it."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from firmware import __version__, files, identity
from firmware.provision import packets, steps
from firmware.provision.answers import BEGUN, LOCKED, NEW, Port, State, UnitState
from firmware.provision.questions import PROTOCOL
from firmware.store.identity import Standing, standing

#: there, beside the copy: the port may be answered by the agent
OPEN = "open"
_COMMAND_LINE = Path("/proc/cmdline")


def publish(found: Standing | None = None, *, directory: Path = identity.DIRECTORY) -> Standing:
    """Leave a copy of the identity below /run, and say there whether the line is the agent's (`open`) or locked (`locked`: what
    a script answers on it). Where the partition cannot be read, nobody listens: Failure."""
    found = found or standing()
    wanted = _files(found)
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    # What is to be there comes first: whoever is killed here leaves a line on which somebody answers.
    for name, data in wanted.items():
        path = directory / name
        if not path.exists() or path.read_bytes() != data:
            files.write(path, data)
    for name in {identity.RECORD, identity.SERIAL, identity.LOCKED, OPEN} - wanted.keys():
        (directory / name).unlink(missing_ok=True)
    return found


def _files(found: Standing) -> dict[str, bytes]:
    """What is to stand below /run, by its name."""
    wanted: dict[str, bytes] = {}
    if found.identity is not None:
        wanted[identity.RECORD] = found.identity.dump()
        wanted[identity.SERIAL] = f"{found.identity.serial}\n".encode()
    if found.is_locked:
        wanted[identity.LOCKED] = locked_words(found)
    elif found.has_partition:
        wanted[OPEN] = b""
    return wanted


def unit_state(
    found: Standing, *, ports: Sequence[Port] = (), done: Sequence[str] = (), slot: str | None = None
) -> UnitState:
    """What the unit says of itself on its line."""
    who = found.identity
    state: State = LOCKED if found.is_locked else BEGUN if who else NEW
    return UnitState(
        PROTOCOL, state, who.serial if who else "", who.model if who else "", found.digest, __version__,
        running_slot() if slot is None else slot, tuple(ports), tuple(done), found.locked_at,
    )  # fmt: skip


def locked_words(found: Standing) -> bytes:
    """What a locked unit answers, whatever is asked: its state, in packets of the id that belongs to no question."""
    return packets.encode(packets.Message(packets.ANSWER, packets.ANY, steps.dump(asdict(unit_state(found)))))


def running_slot() -> str:
    """The slot that the kernel was started from: a or b; "" where there is none."""
    words = _COMMAND_LINE.read_text().split()
    return next((word.removeprefix("slot=") for word in words if word in ("slot=a", "slot=b")), "")
