"""The fields of an order, each with what is wrong with a word of it. Their names are the columns of a CSV file and the keys
of a TOML file."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from firmware.accounts import passwords
from firmware.errors import Usage
from firmware.printable import quote_word
from firmware.provision import fields
from firmware.rc import values

#: the time zones, where this host has them; a unit has the same
_ZONES = Path("/usr/share/zoneinfo")


@dataclass(frozen=True, slots=True)
class Field:
    """A field: what is wrong with a word of it ("" for nothing), whether it has to be there, and what separates several
    words in a CSV file ("" where it takes one)."""

    name: str
    about: str
    problem: Callable[[str], str]
    is_required: bool = False
    separator: str = ""


def _mac_problem(word: str) -> str:
    return fields.mac_problem(word.lower())


def _host_name_problem(word: str) -> str:
    return fields.host_name_problem(word.lower())


def _address_problem(word: str) -> str:
    if "/" in word:
        return f"{quote_word(word)}: write the address alone; its network has a field of its own"
    return values.ADDRESS.problem((word,)) or fields.peer_address_problem(word)


def _network_problem(word: str) -> str:
    try:
        network = ipaddress.ip_network(word, strict=False)
    except ValueError:
        return values.NETWORK.problem((word,))
    if "/" not in word:
        return f"{quote_word(word)}: write the network with its prefix, as in {network.network_address}/24"
    return "" if str(network) == word else f"{quote_word(word)} is an address in a network: write {network}"


def _port_problem(word: str) -> str:
    fits = re.fullmatch(r"/.+|unix:///.+|socket://[^/\s]+:([0-9]{1,5})", word)
    is_sound = fits and word.isprintable() and 0 < int(fits[1] or 1) < 65536
    return "" if is_sound else f"{quote_word(word)} is no serial line: write /dev/ttyUSB0 or socket://HOST:PORT"


def _password_problem(word: str) -> str:
    try:
        passwords.require_acceptable(word)
    except Usage as error:
        return str(error).removeprefix("the password: ")
    return ""


def _cable_problem(word: str) -> str:
    one, _, other = word.partition("-")
    fits = not fields.interface_problem(one) and not fields.interface_problem(other) and one != other
    return "" if fits else f"{quote_word(word)} is no cable: write the two ports that it joins, as in eth0-eth1"


def _timezone_problem(word: str) -> str:
    fits = re.fullmatch(r"[A-Za-z0-9_+-]{1,30}(/[A-Za-z0-9_+-]{1,30}){0,2}", word)
    is_known = (_ZONES / word).is_file() or not _ZONES.is_dir()
    return "" if fits and is_known else f"{quote_word(word)} is no time zone: write it as in Europe/Paris"


FIELDS = (
    Field("serial", "the serial number", fields.serial_problem, is_required=True),
    Field("model", "the model, as on the type plate", fields.model_problem, is_required=True),
    Field("mac", "the MAC addresses of eth0, eth1 and so on", _mac_problem, is_required=True, separator=" "),
    Field("host_name", "the host name", _host_name_problem, is_required=True),
    Field("address", "the management address", _address_problem, is_required=True),
    Field("network", "the network of the management address", _network_problem, is_required=True),
    Field("gateway", "the default gateway", _address_problem),
    Field("interface", "the interface of the management address (eth0 if nothing is said)", fields.interface_problem),
    Field("port", "the serial line", _port_problem, is_required=True),
    Field("password", "the password of admin; its hash alone leaves the host", _password_problem),
    Field("password_hash", "or its hash", fields.hash_problem),
    Field("ssh_keys", "public keys with which root may log in", fields.ssh_key_problem, separator=";"),
    Field("timezone", "the time zone, as in Europe/Paris", _timezone_problem),
    Field("cables", "ports that a cable joins for the self-test, as in eth0-eth1", _cable_problem, separator=" "),
    Field("links", "ports that have to have a link", fields.interface_problem, separator=" "),
    Field("pair", "the serial number of the unit that it makes a pair with", fields.serial_problem),
)
BY_NAME = {field.name: field for field in FIELDS}
