"""What the words after a directive may be: kinds of values, checked by value, each with words for what is wrong.

A `Value` looks at all the words after a key. `each` makes a list of a kind that takes one word.
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

from firmware.printable import quote_word

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """A kind of value: its name in help and messages; `problem` says what is wrong with the words, or "".

    `from_peer` is False for what makes root do something: run a program, load a module, write a file that is named. No
    directive that takes such a value is ever taken from a peer, whichever service declares it.
    """

    name: str
    problem: Callable[[Words], str]
    from_peer: bool = True


def single(name: str, problem: Callable[[str], str], *, from_peer: bool = True) -> Value:
    """A kind that takes exactly one word."""

    def check(words: Words) -> str:
        if not words:
            return f"a value is missing: {name}"
        return problem(words[0]) if len(words) == 1 else f"one value is expected, not {len(words)}: {name}"

    return Value(name, check, from_peer)


def each(value: Value) -> Value:
    """One or more words, each of that kind."""

    def check(words: Words) -> str:
        return next(filter(None, (value.problem((word,)) for word in words)), "") if words else value.problem(())

    return Value(f"{value.name}…", check, value.from_peer)


def number(low: int, high: int, unit: str = "") -> Value:
    """A whole number from `low` to `high`."""
    name = f"{unit} from {low} to {high}".strip() if unit else f"a number from {low} to {high}"

    def check(word: str) -> str:
        fits = word.isascii() and word.isdigit() and len(word) < 20 and low <= int(word) <= high
        return "" if fits else f"{quote_word(word)} is not {name}"

    return single(name, check)


def one_of(*words: str) -> Value:
    """One of these words."""
    name = " | ".join(words)
    return single(name, lambda word: "" if word in words else f"{quote_word(word)} is not one of {', '.join(words)}")


def either(*values: Value) -> Value:
    """What any of these kinds accepts."""
    name = " or ".join(value.name for value in values)

    def check(words: Words) -> str:
        if any(not value.problem(words) for value in values):
            return ""
        return f"{quote_word(' '.join(words))} is not {name}" if words else f"a value is missing: {name}"

    return Value(name, check, all(value.from_peer for value in values))


def below(directory: str) -> Value:
    """The path of something below `directory`, where a service keeps its own files."""
    name = f"a path below {directory}"

    def check(word: str) -> str:
        return "" if not _path(word) and word.startswith(f"{directory}/") else f"{quote_word(word)} is not {name}"

    return single(name, check)


def _text(words: Words) -> str:
    return "" if words else "a value is missing"


def _flag(words: Words) -> str:
    return "" if words in ((), ("on",), ("off",)) else f"{quote_word(' '.join(words))} is neither on nor off"


def _path(word: str) -> str:
    parts = word.split("/")[1:]
    if not word.startswith("/") or any(part in ("", ".", "..") for part in parts):
        return f"{quote_word(word)} is not a full path"
    return "" if len(word.encode(errors="replace")) < 4096 else f"{quote_word(word)} is too long for a path"


def _address(word: str) -> str:
    return "" if _is(ipaddress.ip_address, word) else f"{quote_word(word)} is not an address"


def _interface(version: int) -> Callable[[Words], str]:
    """ADDRESS/PREFIX or ADDRESS/MASK, with `secondary` after it if wanted."""
    make = ipaddress.IPv4Interface if version == 4 else ipaddress.IPv6Interface
    example = "192.0.2.1/24" if version == 4 else "2001:db8::1/64"

    def check(words: Words) -> str:
        if not words:
            return f"a value is missing: an address such as {example}"
        if words[1:] not in ((), ("secondary",)):
            return f"{quote_word(' '.join(words[1:]))} after the address is not 'secondary'"
        fits = "/" in words[0] and _is(make, words[0]) and "%" not in words[0]
        return "" if fits else f"{quote_word(words[0])} is not an address with its prefix such as {example}"

    return check


def _network(word: str) -> str:
    return "" if _is(_any_network, word) else f"{quote_word(word)} is not a network such as 192.0.2.0/24"


def _networks(word: str) -> str:
    return next(filter(None, map(_network, word.split(","))), "")


def _route(words: Words) -> str:
    """default|NETWORK GATEWAY [table N]"""
    if len(words) not in (2, 4) or words[2:3] not in ((), ("table",)):
        return "a route is 'default GATEWAY' or 'NETWORK GATEWAY', with 'table N' after it if wanted"
    problem = "" if words[0] == "default" else _network(words[0])
    return problem or _address(words[1]) or (TABLE.problem(words[3:]) if words[3:] else "")


def _rule(words: Words) -> str:
    """from NETWORK table N"""
    if len(words) != 4 or words[0] != "from" or words[2] != "table":
        return "a rule is 'from NETWORK table N'"
    return _network(words[1]) or TABLE.problem(words[3:])


def _key(word: str) -> str:
    """A WireGuard key by its shape: the manual's own examples lack a character or the `=`; wg knows a real one."""
    fits = len(word) in (43, 44) and _BASE64.issuperset(word.removesuffix("="))
    return "" if fits else f"{quote_word(word)} is not a key (base64, 44 characters)"


def _host(word: str) -> str:
    labels = word.removesuffix(".").split(".")
    named = len(word) <= 253 and all(_is_label(label) for label in labels) and not labels[-1].isdigit()
    return (
        "" if named or _is(ipaddress.ip_address, word) else f"{quote_word(word)} is neither a host name nor an address"
    )


def _endpoint(word: str) -> str:
    host, _, port = word.rpartition(":")
    if not host or PORT.problem((port,)):
        return f"{quote_word(word)} is not HOST:PORT"
    if host.startswith("[") and host.endswith("]"):
        return "" if _is(ipaddress.IPv6Address, host[1:-1]) else f"{quote_word(host)} is not an IPv6 address"
    return f"{quote_word(word)}: an IPv6 address stands in brackets: [ADDRESS]:PORT" if ":" in host else _host(host)


def _server(word: str) -> str:
    return "" if not _host(word) else _endpoint(word) and f"{quote_word(word)} is neither HOST nor HOST:PORT"


def _name(word: str) -> str:
    fits = 0 < len(word) <= 15 and word.isascii() and word.isprintable() and not set(word) & set("/ :%'\"")
    return "" if fits and word not in (".", "..") else f"{quote_word(word)} is not the name of an interface"


def _label(word: str) -> str:
    return "" if _is_label(word) else f"{quote_word(word)} is not a name"


def _mac(word: str) -> str:
    parts = word.split(":")
    fits = len(parts) == 6 and all(len(part) == 2 and _HEX.issuperset(part) for part in parts)
    return "" if fits else f"{quote_word(word)} is not a link-layer address such as 02:00:5e:10:00:01"


def _sysctl(words: Words) -> str:
    key, equals, _ = " ".join(words).partition("=")
    fits = equals and key.strip() and set(key.strip()) <= _SYSCTL
    return "" if fits else f"{quote_word(' '.join(words))} is not KEY=VALUE"


def _mark(word: str) -> str:
    digits = word.removeprefix("0x")
    fits = digits and (_HEX if digits != word else _DIGITS).issuperset(digits) and len(digits) <= 10
    fits = fits and int(digits, 16 if digits != word else 10) < 2**32
    return "" if fits or word == "off" else f"{quote_word(word)} is not a mark of 32 bits such as 0x10"


def _console(word: str) -> str:
    fields = word.split(":")
    fits = len(fields) in (2, 3) and all(fields) and fields[1].isascii() and fields[1].isdigit()
    return "" if fits and not _name(fields[0]) else f"{quote_word(word)} is not a console such as ttyS0:9600:vt100"


def _cpus(word: str) -> str:
    digits = word.removeprefix("0x")
    if digits != word:
        return "" if digits and _HEX.issuperset(digits) else f"{quote_word(word)} is not a mask of CPUs"
    ranges = [part.split("-") for part in word.split(",")]
    fits = all(len(ends) <= 2 and all(end and _DIGITS.issuperset(end) for end in ends) for ends in ranges)
    return "" if fits else f"{quote_word(word)} is not a mask (0x3) or a list (0,2-3) of CPUs"


def _is_label(label: str) -> bool:
    return 0 < len(label) <= 63 and _LABEL.issuperset(label) and label[0] != "-" and label[-1] != "-"


def _is(make: Callable[[str], object], word: str) -> bool:
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
_SYSCTL = _LETTERS | _DIGITS | frozenset("._-/*:")

TEXT = Value("text", _text)
FLAG = Value("on | off", _flag)
PATH = single("a full path", _path, from_peer=False)
COMMAND = Value("a command", _text, from_peer=False)
MODULE = Value("a kernel module", _text, from_peer=False)
PROCESS = Value("the name of a process", _text, from_peer=False)
CLOCK = Value("utc, local or a device", _text, from_peer=False)
ADDRESS = single("an address", _address)
ADDRESS_WITH_PREFIX = Value("ADDRESS/PREFIX [secondary]", _interface(4))
ADDRESS6_WITH_PREFIX = Value("ADDRESS/PREFIX", _interface(6))
NETWORK = single("a network", _network)
NETWORKS = each(single("networks", _networks))
PORT = number(1, 65535, "a port")
TABLE = number(1, 2**32 - 1, "a routing table")
ROUTE = Value("default|NETWORK GATEWAY [table N]", _route)
RULE = Value("from NETWORK table N", _rule)
HOST = single("a host name or an address", _host)
ENDPOINT = single("HOST:PORT", _endpoint)
SERVER = single("HOST[:PORT]", _server)
INTERFACE = single("an interface", _name)
KEY = single("a WireGuard key", _key)
VIRTUAL_ADDRESS = either(ADDRESS, ADDRESS_WITH_PREFIX, ADDRESS6_WITH_PREFIX)
NAME = single("a name", _label)
MAC = single("a link-layer address", _mac)
MARK = single("a mark", _mark)
SYSCTL = Value("KEY=VALUE", _sysctl, from_peer=False)
CONSOLE = single("DEVICE:SPEED[:TERMINAL]", _console)
CPUS = single("a mask or a list of CPUs", _cpus)
SECONDS = number(0, 86400, "seconds")
