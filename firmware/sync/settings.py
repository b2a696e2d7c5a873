"""/etc/csyncd/csyncd.cfg: who this node is in the cluster, and who its peer is."""

import ipaddress
import socket
from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from errno import ENOENT
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from firmware.errors import Failure, Invalid
from firmware.printable import quote_word
from firmware.rc.words import BOM
from firmware.services.declared import csyncd

FILE = Path(csyncd.SETTINGS)
#: the fields that have to be there, each with an example
REQUIRED = {"LOCAL_IP": "10.0.32.11", "REMOTE_IP": "10.0.32.12", "LOCAL_NODE": "1", "REMOTE_NODE": "2"}
KNOWN = (*REQUIRED, "PORT")
DEFAULT_PORT = csyncd.DEFAULT_PORT


@dataclass(frozen=True, slots=True)
class Settings:
    """The fields of csyncd.cfg. `port` is the TCP port of the sync sshd."""

    local_ip: str
    remote_ip: str
    local_node: int
    remote_node: int
    port: int = DEFAULT_PORT

    @property
    def peer(self) -> str:
        """The name under which OpenSSH's files know the peer, whatever its address is."""
        return node_name(self.remote_node)


def node_name(number: int) -> str:
    """The name of a node in OpenSSH's files."""
    return f"node-{number}"


def read(path: Path = FILE, *, local_addresses: Collection[str] | None = None) -> Settings:
    """Read and check csyncd.cfg; every error of the file in one Invalid.

    `local_addresses` are the addresses of this node, of which LOCAL_IP has to be one and REMOTE_IP none; None leaves that out.
    """
    fields, problems = _parse_fields(path)
    where = {key: f"{path}:{line}" for key, (line, _) in fields.items()}
    values = {key: value for key, (_, value) in fields.items()}
    for key, example in REQUIRED.items():
        if not values.get(key):
            how = "empty" if key in values else "missing"
            problems.append(f"{where.get(key, path)}: {key} is {how}: set it, as in {key}={example}")
    problems += [
        f"{where[key]}: {problem}" for key in values if values[key] and (problem := _value_problem(key, values[key]))
    ]
    if not problems:
        problems = _pair_problems(values, where, local_addresses)
    if problems:
        raise Invalid(f"{path}: {len(problems)} error{'s' * (len(problems) > 1)}", f"edit {path}", problems)
    return Settings(
        _normalize_address(values["LOCAL_IP"]),
        _normalize_address(values["REMOTE_IP"]),
        int(values["LOCAL_NODE"]),
        int(values["REMOTE_NODE"]),
        int(values.get("PORT") or DEFAULT_PORT),
    )


def place(field: str, path: Path = FILE) -> str:
    """FILE:LINE of a field of csyncd.cfg; FILE if it does not stand there."""
    fields, _ = _parse_fields(path)
    return f"{path}:{fields[field][0]}" if field in fields else str(path)


def problems(error: Failure) -> list[str]:
    """Why a csyncd.cfg cannot be used, a line each."""
    problems = error.problems if isinstance(error, Invalid) else ()
    return list(problems) or [str(error)]


def values_in(text: str) -> dict[str, str]:
    """The values of the fields in the text of a csyncd.cfg, whatever is wrong with it and with them."""
    return {key: value for key, (_, value) in _parse_text(text, "")[0].items()}


def _parse_fields(path: Path) -> tuple[dict[str, tuple[int, str]], list[str]]:
    return _parse_text(_read_text(path), str(path))


def _parse_text(text: str, path: str) -> tuple[dict[str, tuple[int, str]], list[str]]:
    fields: dict[str, tuple[int, str]] = {}
    problems = [f"{path}:1: it begins with a byte order mark (BOM): save it as UTF-8 without one"] * text.startswith(
        BOM
    )
    for number, line in enumerate(text.removeprefix(BOM).split("\n"), 1):
        key, equals, value = (part.strip() for part in _strip_comment(line).partition("="))
        if not (key or equals):
            continue
        if bad := next((char for char in key + value if "\udc80" <= char <= "\udcff"), ""):
            problems.append(f"{path}:{number}: not UTF-8: byte 0x{ord(bad) - 0xDC00:02x}")
            if key not in KNOWN:
                continue
        if not equals or key not in KNOWN:
            near = get_close_matches(key.upper(), KNOWN, 1)
            problems.append(
                f"{path}:{number}: unknown field {quote_word(key)}" + (f" (did you mean {near[0]!r}?)" if near else "")
            )
        elif key in fields:
            problems.append(f"{path}:{number}: {key} stands in line {fields[key][0]} already")
        else:
            fields[key] = (number, value.strip("\"'"))
    return fields, problems


def _read_text(path: Path) -> str:
    """Its text; bytes that are not UTF-8, which may stand in comments, are U+DC80 to U+DCFF."""
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        remedy = "write it, or `config restore`" if error.errno == ENOENT else f"look at it as root: ls -l {path}"
        raise Failure(f"{path}: {error.strerror}", remedy) from None


def _strip_comment(line: str) -> str:
    for start, character in enumerate(line):
        if character == "#" and (start == 0 or line[start - 1].isspace()):
            return line[:start]
    return line


def _value_problem(key: str, value: str) -> str:
    if key.endswith("_IP"):
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            return f"{key}: {quote_word(value)} is not an IP address"
        problem = _address_problem(address)
        return f"{key}: {value} {problem}" if problem else ""
    low, high = (1, 65535) if key == "PORT" else (1, 255)
    if not (value.isascii() and value.isdigit() and low <= int(value) <= high):
        return f"{key}: {quote_word(value)} is not a whole number from {low} to {high}"
    return ""


def _address_problem(address: IPv4Address | IPv6Address) -> str:
    """Why no node can be reached by that address; "" if one can."""
    if address.is_unspecified or address.is_multicast:
        return "is no address of one node"
    if isinstance(address, IPv4Address):
        return ""
    if address.ipv4_mapped:
        return f"is an address of IPv4: write {address.ipv4_mapped}"
    if address.is_link_local and not address.scope_id:
        return f"is valid on one link only: name the interface, as in {address}%eth0"
    return "has a zone, which only link-local addresses have" if address.scope_id and not address.is_link_local else ""


def without_zone(address: str) -> str:
    """An address without the interface that stands after it (fe80::1%eth0), which means nothing on another node."""
    return address.partition("%")[0]


def _zone_problems(values: dict[str, str], where: dict[str, str]) -> list[str]:
    interfaces = [name for _, name in socket.if_nameindex()]
    zones = {key: values[key].partition("%")[2] for key in ("LOCAL_IP", "REMOTE_IP")}
    return [
        f"{where[key]}: {key}: this node has no interface {zone}"
        for key, zone in zones.items()
        if zone and zone not in interfaces
    ]


def _pair_problems(values: dict[str, str], where: dict[str, str], local_addresses: Collection[str] | None) -> list[str]:
    problems = []
    if int(values["LOCAL_NODE"]) == int(values["REMOTE_NODE"]):
        problems.append(
            f"{where['REMOTE_NODE']}: REMOTE_NODE is {values['REMOTE_NODE']}, as LOCAL_NODE is: they have to differ"
        )
    local, remote = _normalize_address(values["LOCAL_IP"]), _normalize_address(values["REMOTE_IP"])
    if local == remote:
        problems.append(f"{where['REMOTE_IP']}: REMOTE_IP is {remote}, as LOCAL_IP is: they have to differ")
    if (":" in local) != (":" in remote):
        problems.append(f"{where['REMOTE_IP']}: REMOTE_IP and LOCAL_IP have to be both of IPv4 or both of IPv6")
    if local_addresses is not None and (no_interface := _zone_problems(values, where)):
        return [*problems, *no_interface]
    local, remote = without_zone(local), without_zone(remote)
    if local_addresses is not None and local not in local_addresses:
        listed = ", ".join(
            sorted(address for address in local_addresses if not ipaddress.ip_address(address).is_loopback)
        )
        problems.append(
            f"{where['LOCAL_IP']}: LOCAL_IP {local} is on no interface of this node (there are: {listed or 'none'})"
        )
    if local_addresses is not None and remote in local_addresses and local != remote:
        problems.append(f"{where['REMOTE_IP']}: REMOTE_IP {remote} is an address of this node itself")
    return problems


def _normalize_address(text: str) -> str:
    return str(ipaddress.ip_address(text))
