"""What the unit answers in each step of a provisioning."""

from dataclasses import dataclass
from typing import Literal

from firmware.provision.questions import Mac

#: of a unit: no identity yet · an identity, not locked · provisioned, for good
State = Literal["new", "begun", "locked"]
NEW: State = "new"
BEGUN: State = "begun"
LOCKED: State = "locked"


@dataclass(frozen=True, slots=True)
class Port:
    """A network card: the name of its interface, its own link-layer address, its driver, whether it has a link."""

    name: str
    mac: str
    driver: str = ""
    link: bool = False


@dataclass(frozen=True, slots=True)
class UnitState:
    """What the unit says of itself. `serial` and `model` are "" while it has no identity, `digest` ("sha256:…", of the record
    of the identity as it was read back) too. `steps` are the names of those that are done. `slot` is "" where there is none."""

    protocol: int
    state: State
    serial: str
    model: str
    digest: str
    version: str
    slot: str
    ports: tuple[Port, ...] = ()
    steps: tuple[str, ...] = ()
    locked_at: str = ""


@dataclass(frozen=True, slots=True)
class PartResult:
    """One test: its name (memory, flash, rtc, watchdog, port NAME, cable NAME-NAME), whether it was passed, what was found."""

    name: str
    passed: bool
    words: str
    seconds: float


@dataclass(frozen=True, slots=True)
class SelfTestResults:
    """All tests. The unit has passed if each was."""

    tests: tuple[PartResult, ...]

    @property
    def has_passed(self) -> bool:
        """Has the unit passed?"""
        return bool(self.tests) and all(one.passed for one in self.tests)


@dataclass(frozen=True, slots=True)
class IdentityWritten:
    """The identity as it was read back from its partition, and the digest of its record."""

    serial: str
    model: str
    hostname: str
    macs: tuple[Mac, ...]
    timezone: str
    digest: str


@dataclass(frozen=True, slots=True)
class TimeIsSet:
    """By how many seconds the clock was wrong, and what it says now; whether the hardware clock was set, too."""

    wrong_by: float
    now: float
    rtc: bool


@dataclass(frozen=True, slots=True)
class ManagementIsSet:
    """What config.rc says of the interface now, and the addresses that it has."""

    interface: str
    block: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AdminIsSet:
    """The accounts that there are, and the fingerprints (SHA256:…) of root's ssh keys."""

    accounts: tuple[str, ...]
    ssh_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnitKeys:
    """Public keys, each as `TYPE BASE64`: of the sshd for administrators, csyncd's host key and user key; the pairing code."""

    ssh_host: str
    csyncd_host: str
    csyncd_user: str
    code: str


@dataclass(frozen=True, slots=True)
class Paired:
    """The pairing code of the peer's keys as they are stored now."""

    peer_code: str


@dataclass(frozen=True, slots=True)
class PairChecked:
    """The state of the pair (red, orange, green) with its reasons; what became of the push ("" if there was none)."""

    state: str
    reasons: tuple[str, ...]
    push: str


@dataclass(frozen=True, slots=True)
class FirmwareFound:
    """Its version, the slot that it runs from ("" where there is none), and its kernel."""

    version: str
    slot: str
    kernel: str


@dataclass(frozen=True, slots=True)
class Saved:
    """The generation that was saved, or that had all of it already, and its digest (sha256:…)."""

    generation: int
    digest: str
