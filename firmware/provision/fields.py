"""What the values of a provisioning may be, with words for what is wrong: for input of the host, and for what a unit gets."""

import ipaddress
import re

from firmware.printable import quote_word
from firmware.rc.values import INTERFACE, MAC, NAME

#: characters of a serial number and of a model
MOST_SERIAL, MOST_MODEL = 32, 48
_SERIAL = re.compile(r"[A-Z0-9](?:[A-Z0-9-]*[A-Z0-9])?", re.ASCII)
_MODEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._+/-]*[A-Za-z0-9])?", re.ASCII)
_HASH = re.compile(r"scrypt\$16384\$8\$1\$[0-9a-f]{32}\$[0-9a-f]{64}", re.ASCII)
_SSH_KEY = re.compile(
    r"(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com)"
    r" AAAA[A-Za-z0-9+/]{60,1200}={0,2}(?: [!-~]{1,80})?",
    re.ASCII,
)


def serial_problem(word: str) -> str:
    """A serial number is a name of a file and stands on a label: capital letters, digits, hyphens."""
    fits = len(word) <= MOST_SERIAL and _SERIAL.fullmatch(word)
    return "" if fits else f"{quote_word(word)} is no serial number: A-Z, 0-9 and hyphens between, up to {MOST_SERIAL}"


def model_problem(text: str) -> str:
    """A model is what people call it: letters, digits, blanks, . _ + / -"""
    fits = len(text) <= MOST_MODEL and _MODEL.fullmatch(text)
    return "" if fits else f"{quote_word(text)} is no model: letters, digits, blanks and . _ + / -, up to {MOST_MODEL}"


def mac_problem(word: str) -> str:
    """The link-layer address of one card, in small letters: not of a group, not all zeros."""
    if problem := MAC.problem((word,)):
        return problem
    if int(word[:2], 16) & 1 or not word.strip("0:"):
        return f"{word} is an address of no single card"
    return "" if word == word.lower() else f"{word} is written in small letters: {word.lower()}"


def interface_problem(word: str) -> str:
    """The name of an interface."""
    return INTERFACE.problem((word,))


def host_name_problem(word: str) -> str:
    """A host name is one label, without a domain, and no number."""
    if NAME.problem((word,)) or "_" in word or word.isdigit():
        return f"{quote_word(word)} is no host name: letters, digits and hyphens between, up to 63"
    return ""


def address_problem(word: str) -> str:
    """The address of a host in its network, with its prefix."""
    try:
        found = ipaddress.ip_interface(word)
    except ValueError:
        return f"{quote_word(word)} is no address with its prefix, such as 192.0.2.10/24"
    if "/" not in word or "%" in word:
        return f"{quote_word(word)} is no address with its prefix, such as 192.0.2.10/24"
    if found.is_multicast or found.is_unspecified or found.is_loopback:
        return f"{word} is the address of no unit"
    network = found.network
    ends = {network.network_address, network.broadcast_address}
    if found.version == 4 and network.prefixlen < 31 and found.ip in ends:
        return f"{word} is the address of the network itself, or of all in it"
    return ""


def gateway_problem(word: str, address: str) -> str:
    """A router in the network of an address that is sound."""
    try:
        found = ipaddress.ip_address(word)
    except ValueError:
        return f"{quote_word(word)} is no address"
    own = ipaddress.ip_interface(address)
    if found == own.ip:
        return f"{word} is the unit's own address"
    is_outside = found.version != own.version or found not in own.network
    return f"{word} is outside of {own.network}" if is_outside and not found.is_link_local else ""


def hash_problem(word: str) -> str:
    """The hash of a password, as `accounts.passwords.hash_password` makes it; the password itself never comes here."""
    return "" if _HASH.fullmatch(word) else "that is no scrypt hash of a password, as this firmware keeps it"


def ssh_key_problem(line: str) -> str:
    """A public key of OpenSSH's, as in a .pub file, without options."""
    return "" if _SSH_KEY.fullmatch(line) else f"{quote_word(line)} is no public key of ssh: TYPE BASE64 [COMMENT]"


def node_problem(number: int) -> str:
    """The number of a node of a cluster."""
    return "" if 1 <= number <= 255 else f"{number} is no number of a node: 1 to 255"


def peer_address_problem(word: str) -> str:
    """The address of a node of a cluster, without a prefix."""
    try:
        found = ipaddress.ip_address(word)
    except ValueError:
        return f"{quote_word(word)} is no address"
    is_none = found.is_multicast or found.is_unspecified or found.is_loopback or "%" in word
    return f"{word} is the address of no unit" if is_none else ""


def digest_problem(word: str) -> str:
    """The SHA-256 of a record."""
    return "" if re.fullmatch(r"sha256:[0-9a-f]{64}", word, re.ASCII) else f"{quote_word(word)} is no digest sha256:…"
