"""What the host asks in each step of a provisioning. None of these can be made with bad values: Usage says all that is wrong with
one."""

from collections.abc import Iterable
from dataclasses import dataclass

from firmware.errors import Usage
from firmware.provision import fields

#: of the protocol; a host speaks with a unit of the same one
PROTOCOL = 1
#: most of what a list may have
MOST_PORTS, MOST_KEYS = 24, 4


@dataclass(frozen=True, slots=True)
class Hello:
    """Who is there? Asked first."""

    protocol: int = PROTOCOL


@dataclass(frozen=True, slots=True)
class PortPair:
    """Two ports of one unit that a cable joins for the test."""

    one: str
    other: str

    def __post_init__(self) -> None:
        problems = [fields.interface_problem(self.one), fields.interface_problem(self.other)]
        _refuse("cable", [*problems, "a cable joins two ports" if self.one == self.other else ""])


@dataclass(frozen=True, slots=True)
class SelfTest:
    """Test the unit: so many MB of memory, and each port. Those in `cables` send to each other; those in `links` have to have
    a link; any other one has to be there and answer. `watchdog` and `rtc`: is there to be one?"""

    memory: int = 16
    cables: tuple[PortPair, ...] = ()
    links: tuple[str, ...] = ()
    watchdog: bool = True
    rtc: bool = True

    def __post_init__(self) -> None:
        problems = [fields.interface_problem(name) for name in self.links]
        if not 1 <= self.memory <= 4096:
            problems.append(f"memory: {self.memory} MB: from 1 to 4096")
        if max(len(self.cables), len(self.links)) > MOST_PORTS:
            problems.append(f"more than {MOST_PORTS} ports")
        _refuse("self-test", problems)


@dataclass(frozen=True, slots=True)
class Mac:
    """The link-layer address that a port has to have."""

    port: str
    mac: str

    def __post_init__(self) -> None:
        _refuse("mac", [fields.interface_problem(self.port), fields.mac_problem(self.mac)])


@dataclass(frozen=True, slots=True)
class SetIdentity:
    """Write who the unit is. Where `macs` are given, they have to be those of its ports; with none, those that it has are kept.

    The same again is done already. Another one than it has is refused, unless `replaces` is the serial number that it has; and
    always once it is locked."""

    serial: str
    model: str
    hostname: str
    macs: tuple[Mac, ...] = ()
    timezone: str = ""
    replaces: str = ""

    def __post_init__(self) -> None:
        problems = [
            fields.serial_problem(self.serial), fields.model_problem(self.model), fields.host_name_problem(self.hostname)
        ]  # fmt: skip
        problems += [fields.serial_problem(self.replaces)] * bool(self.replaces)
        for what, words in (("port", [one.port for one in self.macs]), ("MAC", [one.mac for one in self.macs])):
            problems += [
                f"the {what} {word} stands there twice" for word in sorted({w for w in words if words.count(w) > 1})
            ]
        if len(self.macs) > MOST_PORTS:
            problems.append(f"more than {MOST_PORTS} ports")
        _refuse("identity", problems)


@dataclass(frozen=True, slots=True)
class SetTime:
    """Set the clock, to seconds since the epoch."""

    now: float

    def __post_init__(self) -> None:
        _refuse("time", [] if 1.6e9 < self.now < 7e9 else [f"{self.now}: no time of this century"])


@dataclass(frozen=True, slots=True)
class SetManagement:
    """The address by which the unit is managed, with its prefix, on an interface; a gateway, if there is one. It takes the
    place of the addresses that config.rc gives this interface, and is in effect at once."""

    interface: str
    address: str
    gateway: str = ""

    def __post_init__(self) -> None:
        problems = [fields.interface_problem(self.interface), fields.address_problem(self.address)]
        if self.gateway and not problems[1]:
            problems.append(fields.gateway_problem(self.gateway, self.address))
        _refuse("management", problems)


@dataclass(frozen=True, slots=True)
class SetAdmin:
    """Who may administer the unit: the hash of the web UI's password for account admin ("": none is set), and ssh keys of root,
    one at least of both."""

    password: str = ""
    ssh_keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        problems = [fields.hash_problem(self.password)] * bool(self.password)
        problems += [fields.ssh_key_problem(line) for line in self.ssh_keys]
        if not (self.password or self.ssh_keys):
            problems.append("neither a password's hash nor an ssh key")
        if len(self.ssh_keys) > MOST_KEYS:
            problems.append(f"more than {MOST_KEYS} ssh keys")
        _refuse("admin", problems)


@dataclass(frozen=True, slots=True)
class MakeKeys:
    """Make the unit's keys, where there are none yet. `node` is the number that it will have in its cluster."""

    node: int = 1

    def __post_init__(self) -> None:
        _refuse("keys", [fields.node_problem(self.node)])


@dataclass(frozen=True, slots=True)
class Pair:
    """Make the unit trust its peer, and start csyncd at each boot. Addresses are without prefix; keys as `UnitKeys` has them."""

    local_node: int
    remote_node: int
    local_address: str
    remote_address: str
    peer_host: str
    peer_user: str

    def __post_init__(self) -> None:
        problems = [fields.node_problem(self.local_node), fields.node_problem(self.remote_node)]
        problems += ["both nodes have the same number"] * (self.local_node == self.remote_node)
        problems += ["both nodes have the same address"] * (self.local_address == self.remote_address)
        for address in (self.local_address, self.remote_address):
            problems.append(fields.peer_address_problem(address))
        for key in (self.peer_host, self.peer_user):
            problems.append(fields.ssh_key_problem(key) or ("" if key.startswith("ssh-ed25519 ") else "no ed25519 key"))
        _refuse("pair", problems)


@dataclass(frozen=True, slots=True)
class CheckPair:
    """Ask for the state of the pair; with `push`, push this service to the peer before, which has to work."""

    push: str = ""

    def __post_init__(self) -> None:
        _refuse("check-pair", [fields.interface_problem(self.push)] if self.push else [])


@dataclass(frozen=True, slots=True)
class GetFirmware:
    """Which firmware runs?"""


@dataclass(frozen=True, slots=True)
class Save:
    """Save the configuration to flash: the first generation of this unit."""


@dataclass(frozen=True, slots=True)
class Lock:
    """Close the port for good. `serial` and `digest` are the identity's, as the host knows it: Refused for another one."""

    serial: str
    digest: str

    def __post_init__(self) -> None:
        _refuse("lock", [fields.serial_problem(self.serial), fields.digest_problem(self.digest)])


def _refuse(what: str, problems: Iterable[str]) -> None:
    """Usage with all problems that are not ""."""
    if found := [problem for problem in problems if problem]:
        raise Usage(f"{what}: {'; '.join(found)}")
