"""What the factory orders for one unit: who it will be. Read by `input`, carried out by `unit`."""

from dataclasses import dataclass, field
from typing import Any

from firmware.printable import quote_word


@dataclass(frozen=True, slots=True)
class UnitOrder:
    """One unit as it is ordered, checked by itself and against the other units of the input.

    `place` is FILE:LINE. `port` is its serial line. `macs` are those of eth0,
    eth1, … in this order. `network` holds `address` and `gateway` ("" for none). `password` is readable, never leaves the
    host, and is in no record; `pair` is the serial number of the unit that it is paired with, "" for none, `node` its number in
    that pair (0 outside of one) and `peer_address` the other one's address. `cables` (eth0-eth1) and `links` are tested.
    """

    place: str
    serial: str
    model: str
    macs: tuple[str, ...]
    host_name: str
    address: str
    network: str
    gateway: str = ""
    interface: str = "eth0"
    port: str = ""
    password: str = field(default="", repr=False)
    password_hash: str = field(default="", repr=False)
    ssh_keys: tuple[str, ...] = ()
    pair: str = ""
    node: int = 0
    peer_address: str = ""
    timezone: str = ""
    cables: tuple[str, ...] = ()
    links: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"unit {quote_word(self.serial)}"

    @property
    def prefix(self) -> int:
        """The length of its network's prefix."""
        return int(self.network.rpartition("/")[2])

    def identity(self) -> dict[str, Any]:
        """What a record says of the order: all but where it stood, the serial line, and the password."""
        names = (
            "serial", "model", "host_name", "interface", "address", "network", "gateway", "pair", "node", "peer_address",
            "timezone",
        )  # fmt: skip
        lists = {name: list(getattr(self, name)) for name in ("macs", "ssh_keys", "cables", "links")}
        return {name: getattr(self, name) for name in names} | lists
