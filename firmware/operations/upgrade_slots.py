"""The slots of this unit: how they are, which is kept, and which starts next."""

from dataclasses import asdict, dataclass

from firmware.flows import switch_slot
from firmware.run import run
from firmware.sync import audit
from firmware.sync.audit import Who
from firmware.upgrade import attention, notes, record_partition, slots
from firmware.upgrade.notes import Outcome
from firmware.upgrade.slot_record import NAMES, SlotRecord


@dataclass(frozen=True, slots=True)
class SlotStatus:
    """A slot: `state` is proved, on trial or bad; `version` is "" where it cannot be read. `tries`: how often the boot loader
    still starts one that is on trial."""

    name: str
    version: str
    state: str
    tries: int
    is_booted: bool
    is_next: bool

    def json(self) -> dict[str, object]:
        """As `upgrade status --json` prints it."""
        return {
            "slot": self.name, "version": self.version or None, "state": self.state, "tries": self.tries,
            "booted": self.is_booted, "next": self.is_next,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class UpgradeStatus:
    """Both slots, what became of the last upgrade (None: there was none), what a slot on trial waits for, what is wrong with the
    record, and what everybody is told of the slots until `upgrade confirm`."""

    slots: tuple[SlotStatus, ...]
    last: Outcome | None
    waiting: tuple[str, ...]
    problem: str
    attention: tuple[str, ...] = ()

    @property
    def running(self) -> SlotStatus:
        """The slot that runs."""
        return next(slot for slot in self.slots if slot.is_booted)

    def json(self) -> dict[str, object]:
        """What `upgrade status --json` prints."""
        return {
            "booted": self.running.name,
            "slots": [slot.json() for slot in self.slots],
            "last": asdict(self.last) if self.last else None,
            "waiting": list(self.waiting),
            "problem": self.problem,
            "attention": list(self.attention),
        }


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What `upgrade confirm` has changed. The slot that runs, and its version; `is_new`: it had not proved itself, and is kept;
    `passed_over`: the slot that came first and could not be started, and comes after it now, or ""; `acknowledged`: what
    everybody was told, and is told no more, a line each."""

    slot: str
    version: str
    is_new: bool
    passed_over: str
    acknowledged: tuple[str, ...]


def status() -> UpgradeStatus:
    """How the slots are. Failure on a node that has none."""
    running = slots.require_slots()
    found = record_partition.read()
    rows = tuple(_slot_status(name, running, found.record) for name in NAMES)
    waiting = _waiting() if not found.record.trust(running).is_proved else ()
    return UpgradeStatus(rows, notes.read_outcome(), waiting, found.problem, attention.read())


def confirm(*, who: Who) -> Confirmation:
    """Keep the slot that runs, whatever works; it comes first, should the one that came first not have started; and what
    everybody is told of the slots is told no more. Refused where somebody has asked for the other slot since this one was
    started."""
    running = slots.require_slots()
    with audit.note_errors("upgrade confirm", who=who):
        is_new = switch_slot.confirm(who=who, reasons=("somebody said so",))
        passed_over = switch_slot.pass_over(who=who)
        told = switch_slot.acknowledge(who=who)
    release = slots.release(running)
    rest = tuple(line for line in told if not passed_over or line != switch_slot.unstarted_in_words(passed_over))
    return Confirmation(running, release.version if release else "", is_new, passed_over, rest)


def roll_back(*, who: Who, force: bool = False) -> str:
    """Start the other slot; returns it. The node reboots. Refused where it has not proved itself, unless forced."""
    slots.require_slots()
    with audit.note_errors("upgrade rollback", who=who):
        slot = switch_slot.go_back(who=who, force=force)
        run(["reboot"])
        return slot


def _slot_status(name: str, running: str, record: SlotRecord) -> SlotStatus:
    trust, release = record.trust(name), slots.release(name)
    on_trial = not trust.is_proved and (name == running or (trust.tries > 0 and record.primary == name))
    state = "proved" if trust.is_proved else "on trial" if on_trial else "bad"
    version = release.version if release else ""
    return SlotStatus(name, version, state, trust.tries, name == running, name == record.primary)


def _waiting() -> tuple[str, ...]:
    from firmware.flows.slot_trial import WAITING

    try:
        return tuple(WAITING.read_text("utf-8", "surrogateescape").splitlines())
    except FileNotFoundError:
        return ()
