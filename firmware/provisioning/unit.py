"""What the agent acts on: files at their plain paths, and what has to be done to the unit itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from firmware import identity, locks
from firmware.accounts import register
from firmware.flows.identity import running_slot
from firmware.operations import saved_config, service_actions
from firmware.provision.answers import PairChecked, Port, SelfTestResults, TimeIsSet
from firmware.provision.questions import CheckPair, SelfTest
from firmware.provisioning import hardware, pair_check, self_test
from firmware.rc import document
from firmware.services import states
from firmware.store.generations import SaveResult
from firmware.store.identity import DEVICE, PARTITION
from firmware.store.paths import Paths
from firmware.sync import audit
from firmware.sync.audit import Who

#: who the trail and the history name
WORKER = Who("provisioning", "ttyS1")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Places:
    """Where things lie; what a test wants elsewhere is a parameter. `partition.flash` is the identity partition."""

    partition: Paths = PARTITION
    device: Path = DEVICE
    identity_lock: Path = locks.IDENTITY
    published: Path = identity.DIRECTORY
    etc: Path = Path("/etc")
    config_lock: Path = locks.CONFIG
    accounts_lock: Path = locks.ACCOUNTS
    trail: Path = audit.DIRECTORY

    @property
    def config(self) -> str:
        """config.rc."""
        return str(self.etc / Path(document.PATH).name)

    @property
    def accounts(self) -> Path:
        """The accounts of the web UI."""
        return self.etc / register.FILE.relative_to("/etc")

    def in_etc(self, path: str | Path) -> Path:
        """Where `/etc/…` lies."""
        return self.etc / Path(path).relative_to("/etc")


def _apply(title: str) -> None:
    """Have what config.rc says of a service count; one that does not run is started."""
    if states.service_state(title).is_stopped:
        service_actions.start(title)
    else:
        service_actions.apply(title)


def _save(message: str) -> SaveResult:
    return saved_config.save(message, who=WORKER)


@dataclass(frozen=True, slots=True)
class Deeds:
    """What is done to the unit itself, by what the rest of the firmware does it with."""

    ports: Callable[[], tuple[Port, ...]] = hardware.ports
    self_test: Callable[[SelfTest, Say], SelfTestResults] = self_test.test_unit
    set_clock: Callable[[float], TimeIsSet] = hardware.set_clock
    addresses: Callable[[str], tuple[str, ...]] = hardware.addresses
    apply: Callable[[str], None] = _apply
    check_pair: Callable[[CheckPair], PairChecked] = pair_check.check
    save: Callable[[str], SaveResult] = _save
    slot: Callable[[], str] = running_slot


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit that is provisioned."""

    places: Places = field(default_factory=Places)
    deeds: Deeds = field(default_factory=Deeds)
