"""What the words after a directive may be: kinds of values, checked by value, each with words for what is wrong.

A `ValueKind` looks at all the words after a key. `list_of` makes a list of a kind that takes one word.
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

from firmware.printable import quote_word

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ValueKind:
    """A kind of value: its name in help and messages; `problem` says what is wrong with the words, or "".

    `from_peer` is False for what makes root do something: run a program, load a module, write a file that is named. No
    directive that takes such a value is ever taken from a peer, whichever service declares it.
    """

    name: str
    problem: Callable[[Words], str]
    from_peer: bool = True


def one_word(name: str, problem: Callable[[str], str], *, from_peer: bool = True) -> ValueKind:
    """A kind that takes exactly one word."""

    def check(words: Words) -> str:
        if not words:
            return f"a value is missing: {name}"
        return problem(words[0]) if len(words) == 1 else f"one value is expected, not {len(words)}: {name}"

    return ValueKind(name, check, from_peer)


def list_of(value: ValueKind) -> ValueKind:
    """One or more words, each of that kind."""

    def check(words: Words) -> str:
        return next(filter(None, (value.problem((word,)) for word in words)), "") if words else value.problem(())

    return ValueKind(f"{value.name}…", check, value.from_peer)


def number(low: int, high: int, unit: str = "") -> ValueKind:
    """A whole number from `low` to `high`."""
    name = f"{unit} from {low} to {high}".strip() if unit else f"a number from {low} to {high}"

    def check(word: str) -> str:
        fits = word.isascii() and word.isdigit() and len(word) < 20 and low <= int(word) <= high
        return "" if fits else f"{quote_word(word)} is not {name}"

    return one_word(name, check)


def one_of(*words: str) -> ValueKind:
    """One of these words."""
    name = " | ".join(words)
    return one_word(name, lambda word: "" if word in words else f"{quote_word(word)} is not one of {', '.join(words)}")


def any_of(*values: ValueKind) -> ValueKind:
    """What any of these kinds accepts."""
    name = " or ".join(value.name for value in values)

    def check(words: Words) -> str:
        if any(not value.problem(words) for value in values):
            return ""
        return f"{quote_word(' '.join(words))} is not {name}" if words else f"a value is missing: {name}"

    return ValueKind(name, check, all(value.from_peer for value in values))


def path_below(directory: str) -> ValueKind:
    """The path of something below `directory`, where a service keeps its own files."""
    name = f"a path below {directory}"

    def check(word: str) -> str:
        return (
            "" if not _path_problem(word) and word.startswith(f"{directory}/") else f"{quote_word(word)} is not {name}"
        )

    return one_word(name, check)


def _text_problem(words: Words) -> str:
    return "" if words else "a value is missing"


def _flag_problem(words: Words) -> str:
    return "" if words in ((), ("on",), ("off",)) else f"{quote_word(' '.join(words))} is neither on nor off"


def _path_problem(word: str) -> str:
    parts = word.split("/")[1:]
    if not word.startswith("/") or any(part in ("", ".", "..") for part in parts):
        return f"{quote_word(word)} is not a full path"
    return "" if len(word.encode(errors="replace")) < 4096 else f"{quote_word(word)} is too long for a path"


def _address_problem(word: str) -> str:
    return "" if _is_valid(ipaddress.ip_address, word) else f"{quote_word(word)} is not an address"


def _interface_problem(version: int) -> Callable[[Words], str]:
    """ADDRESS/PREFIX or ADDRESS/MASK, with `secondary` after it if wanted."""
    make = ipaddress.IPv4Interface if version == 4 else ipaddress.IPv6Interface
    example = "192.0.2.1/24" if version == 4 else "2001:db8::1/64"

    def check(words: Words) -> str:
        if not words:
            return f"a value is missing: an address such as {example}"
        if words[1:] not in ((), ("secondary",)):
            return f"{quote_word(' '.join(words[1:]))} after the address is not 'secondary'"
        fits = "/" in words[0] and _is_valid(make, words[0]) and "%" not in words[0]
        return "" if fits else f"{quote_word(words[0])} is not an address with its prefix such as {example}"

    return check


def _network_problem(word: str) -> str:
    return "" if _is_valid(_any_network, word) else f"{quote_word(word)} is not a network such as 192.0.2.0/24"


def _networks_problem(word: str) -> str:
    return next(filter(None, map(_network_problem, word.split(","))), "")


def _route_problem(words: Words) -> str:
    """default|NETWORK GATEWAY [table N]"""
    if len(words) not in (2, 4) or words[2:3] not in ((), ("table",)):
        return "a route is 'default GATEWAY' or 'NETWORK GATEWAY', with 'table N' after it if wanted"
    problem = "" if words[0] == "default" else _network_problem(words[0])
    return problem or _address_problem(words[1]) or (TABLE.problem(words[3:]) if words[3:] else "")


def _rule_problem(words: Words) -> str:
    """from NETWORK table N"""
    if len(words) != 4 or words[0] != "from" or words[2] != "table":
        return "a rule is 'from NETWORK table N'"
    return _network_problem(words[1]) or TABLE.problem(words[3:])


def _key_problem(word: str) -> str:
    """A WireGuard key: 32 bytes in base64, of which the last character but one holds two bits that are 0."""
    if len(word) != 44:
        return f"{quote_word(word)} is not a key: a WireGuard key has 44 characters, this has {len(word)}"
    fits = _BASE64.issuperset(word[:-1]) and word[-1] == "=" and word[-2] in _LAST_OF_KEY
    return "" if fits else f"{quote_word(word)} is not a key: it is not 32 bytes in base64, as `wg pubkey` prints them"


def _host_problem(word: str) -> str:
    labels = word.removesuffix(".").split(".")
    named = len(word) <= 253 and all(_is_label(label) for label in labels) and not labels[-1].isdigit()
    return (
        ""
        if named or _is_valid(ipaddress.ip_address, word)
        else f"{quote_word(word)} is neither a host name nor an address"
    )


def _endpoint_problem(word: str) -> str:
    host, _, port = word.rpartition(":")
    if not host or PORT.problem((port,)):
        return f"{quote_word(word)} is not HOST:PORT"
    if host.startswith("[") and host.endswith("]"):
        return "" if _is_valid(ipaddress.IPv6Address, host[1:-1]) else f"{quote_word(host)} is not an IPv6 address"
    return (
        f"{quote_word(word)}: an IPv6 address stands in brackets: [ADDRESS]:PORT"
        if ":" in host
        else _host_problem(host)
    )


def _server_problem(word: str) -> str:
    return (
        ""
        if not _host_problem(word)
        else _endpoint_problem(word) and f"{quote_word(word)} is neither HOST nor HOST:PORT"
    )


def _name_problem(word: str) -> str:
    fits = 0 < len(word) <= 15 and word.isascii() and word.isprintable() and not set(word) & set("/ :%'\"")
    return "" if fits and word not in (".", "..") else f"{quote_word(word)} is not the name of an interface"


def _label_problem(word: str) -> str:
    return "" if _is_label(word) else f"{quote_word(word)} is not a name"


def _mac_problem(word: str) -> str:
    parts = word.split(":")
    fits = len(parts) == 6 and all(len(part) == 2 and _HEX.issuperset(part) for part in parts)
    return "" if fits else f"{quote_word(word)} is not a link-layer address such as 02:00:5e:10:00:01"


def _sysctl_problem(words: Words) -> str:
    key, equals, _ = " ".join(words).partition("=")
    fits = equals and key.strip() and set(key.strip()) <= _SYSCTL
    return "" if fits else f"{quote_word(' '.join(words))} is not KEY=VALUE"


def _mark_problem(word: str) -> str:
    digits = word.removeprefix("0x")
    fits = digits and (_HEX if digits != word else _DIGITS).issuperset(digits) and len(digits) <= 10
    fits = fits and int(digits, 16 if digits != word else 10) < 2**32
    return "" if fits or word == "off" else f"{quote_word(word)} is not a mark of 32 bits such as 0x10"


def _console_problem(word: str) -> str:
    fields = word.split(":")
    fits = len(fields) in (2, 3) and all(fields) and fields[1].isascii() and fields[1].isdigit()
    return (
        "" if fits and not _name_problem(fields[0]) else f"{quote_word(word)} is not a console such as ttyS0:9600:vt100"
    )


def _cpus_problem(word: str) -> str:
    digits = word.removeprefix("0x")
    if digits != word:
        return "" if digits and _HEX.issuperset(digits) else f"{quote_word(word)} is not a mask of CPUs"
    ranges = [part.split("-") for part in word.split(",")]
    fits = all(len(ends) <= 2 and all(end and _DIGITS.issuperset(end) for end in ends) for ends in ranges)
    return "" if fits else f"{quote_word(word)} is not a mask (0x3) or a list (0,2-3) of CPUs"


def _is_label(label: str) -> bool:
    return 0 < len(label) <= 63 and _LABEL.issuperset(label) and label[0] != "-" and label[-1] != "-"


def _is_valid(make: Callable[[str], object], word: str) -> bool:
    try:
        make(word)
    except ValueError:
        return False
    return True


def _any_network(word: str) -> object:
    return ipaddress.ip_network(word, strict=False)


_DIGITS = frozenset("0123456789")
_HEX = frozenset("0123456789abcdefABCDEF")
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_LABEL = _LETTERS | _DIGITS | frozenset("-_")
_BASE64 = _LETTERS | _DIGITS | frozenset("+/")
_LAST_OF_KEY = frozenset("AEIMQUYcgkosw048")
_SYSCTL = _LETTERS | _DIGITS | frozenset("._-/*:")

TEXT = ValueKind("text", _text_problem)
FLAG = ValueKind("on | off", _flag_problem)
PATH = one_word("a full path", _path_problem, from_peer=False)
COMMAND = ValueKind("a command", _text_problem, from_peer=False)
MODULE = ValueKind("a kernel module", _text_problem, from_peer=False)
PROCESS = ValueKind("the name of a process", _text_problem, from_peer=False)
ADDRESS = one_word("an address", _address_problem)
ADDRESS_WITH_PREFIX = ValueKind("ADDRESS/PREFIX [secondary]", _interface_problem(4))
ADDRESS6_WITH_PREFIX = ValueKind("ADDRESS/PREFIX", _interface_problem(6))
NETWORK = one_word("a network", _network_problem)
NETWORKS = list_of(one_word("networks", _networks_problem))
PORT = number(1, 65535, "a port")
TABLE = number(1, 2**32 - 1, "a routing table")
ROUTE = ValueKind("default|NETWORK GATEWAY [table N]", _route_problem)
RULE = ValueKind("from NETWORK table N", _rule_problem)
HOST = one_word("a host name or an address", _host_problem)
ENDPOINT = one_word("HOST:PORT", _endpoint_problem)
SERVER = one_word("HOST[:PORT]", _server_problem)
INTERFACE = one_word("an interface", _name_problem)
KEY = one_word("a WireGuard key", _key_problem)
VIRTUAL_ADDRESS = any_of(ADDRESS, ADDRESS_WITH_PREFIX, ADDRESS6_WITH_PREFIX)
NAME = one_word("a name", _label_problem)
MAC = one_word("a link-layer address", _mac_problem)
MARK = one_word("a mark", _mark_problem)
SYSCTL = ValueKind("KEY=VALUE", _sysctl_problem, from_peer=False)
CONSOLE = one_word("DEVICE:SPEED[:TERMINAL]", _console_problem)
CPUS = one_word("a mask or a list of CPUs", _cpus_problem)
SECONDS = number(0, 86400, "seconds")
