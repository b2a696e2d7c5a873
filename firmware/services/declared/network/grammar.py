"""What stands after the directives of a network: words of config.rc made into addresses, routes, rules and neighbours.

Each `parse_…` raises ValueError with words for what is wrong; the kinds of values for `config check` are made of them, so what
passes there is what is understood here.
"""

import ipaddress
from collections.abc import Callable, Mapping

from firmware.printable import quote_word
from firmware.rc.values import INTERFACE, MAC, MARK, TABLE, ValueKind, Words
from firmware.services.declared.network.state import MAIN_TABLE, Address, Neighbour, Route, Rule

_DEFAULT = {4: "0.0.0.0/0", 6: "::/0"}
_EXAMPLE = {4: "192.0.2.1/24", 6: "2001:db8::1/64"}
#: the kernel gives a route of IPv6 this metric where none is said
_METRIC = {4: 0, 6: 1024}
#: where rules lie that say no preference of their own, in the order of their lines
FIRST_PREFERENCE = 20000
_MAX_METRIC = 2**32 - 1


def parse_address(words: Words, family: int) -> Address:
    """ADDRESS[/PREFIX|/MASK] [secondary] [brd +|ADDRESS] [label NAME]; without a prefix it is one for itself (/32, /128)."""
    if not words:
        raise ValueError(f"a value is missing: an address such as {_EXAMPLE[family]}")
    found = _interface(words[0], family)
    options = _options(words[1:], ("brd", "label"), flags=("secondary",))
    broadcast = options.get("brd", "")
    if broadcast == "+":
        broadcast = str(found.network.broadcast_address) if found.network.prefixlen < found.max_prefixlen - 1 else ""
    elif broadcast:
        broadcast = _address(broadcast, family)
    if family == 6 and {"brd", "label"} & set(options):
        raise ValueError("an IPv6 address has neither brd nor label")
    return Address(
        str(found.ip), found.network.prefixlen, broadcast, options.get("label", ""), comes_later="secondary" in options
    )


def parse_route(words: Words, family: int) -> Route:
    """default|NETWORK GATEWAY|- [table N] [metric N] [src ADDRESS] [onlink]; `-`: through the interface itself."""
    if len(words) < 2:
        raise ValueError("a route is 'default GATEWAY' or 'NETWORK GATEWAY', or '-' for no gateway")
    destination = _DEFAULT[family] if words[0] == "default" else _network(words[0], family)
    gateway = "" if words[1] == "-" else _address(words[1], family)
    options = _options(words[2:], ("table", "metric", "src"), flags=("onlink",))
    return Route(
        destination,
        gateway,
        _table(options["table"]) if "table" in options else MAIN_TABLE,
        _number(options.get("metric", "0"), "a metric", _MAX_METRIC) or _METRIC[family],
        _address(options["src"], family) if "src" in options else "",
        on_link="onlink" in options,
    )


def parse_rule(words: Words, family: int) -> Rule:
    """[from NETWORK] [to NETWORK] [fwmark MARK[/MASK]] [iif INTERFACE] table N [pref N]; without pref it is 0."""
    options = _options(words, ("from", "to", "fwmark", "iif", "table", "pref"), spelt=_SPELT)
    if "table" not in options:
        raise ValueError("a rule is '[from NETWORK] [to NETWORK] [fwmark MARK] [iif INTERFACE] table N [pref N]'")
    if "iif" in options and (problem := INTERFACE.problem((options["iif"],))):
        raise ValueError(problem)
    networks = {key: _network(options[key], family) for key in ("from", "to") if options.get(key, "all") != "all"}
    return Rule(
        family,
        _number(options["pref"], "a preference", 32765) if "pref" in options else 0,
        _table(options["table"]),
        "" if networks.get("from") == _DEFAULT[family] else networks.get("from", ""),
        "" if networks.get("to") == _DEFAULT[family] else networks.get("to", ""),
        _mark(options["fwmark"]) if "fwmark" in options else "",
        options.get("iif", ""),
    )


def parse_neighbour(words: Words, family: int) -> Neighbour:
    """ADDRESS [lladdr] MAC"""
    rest = words[2:] if words[1:2] == ("lladdr",) else words[1:]
    if len(rest) != 1:
        raise ValueError("a neighbour is 'ADDRESS MAC'")
    if problem := MAC.problem(rest):
        raise ValueError(problem)
    return Neighbour(_address(words[0], family), rest[0].lower())


def kind(name: str, parse: Callable[[Words, int], object], family: int) -> ValueKind:
    """The kind of value that `parse` understands."""

    def problem(words: Words) -> str:
        try:
            parse(words, family)
        except ValueError as error:
            return str(error)
        return ""

    return ValueKind(name, problem)


_SPELT = {"prio": "pref", "priority": "pref", "lookup": "table", "dev": "iif"}


def _options(words: Words, keys: Words, *, flags: Words = (), spelt: Mapping[str, str] | None = None) -> dict[str, str]:
    """Words as `KEY VALUE …`, and flags, which have no value."""
    found: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        key = (spelt or {}).get(word, word)
        if key in found:
            raise ValueError(f"{quote_word(word)} stands there twice")
        if key not in keys and key not in flags:
            known = ", ".join((*keys, *flags))
            raise ValueError(f"{quote_word(word)} is not one of {known}")
        value = "" if key in flags else next(rest, "")
        if key in keys and not value:
            raise ValueError(f"a value is missing after {word}")
        found[key] = value
    return found


def _interface(word: str, family: int) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface:
    make = ipaddress.IPv4Interface if family == 4 else ipaddress.IPv6Interface
    try:
        found = make(word)
    except ValueError:
        raise ValueError(f"{quote_word(word)} is not an address with its prefix such as {_EXAMPLE[family]}") from None
    if "%" in word or found.ip.is_unspecified or found.ip.is_multicast:
        raise ValueError(f"{quote_word(word)}: no interface can have that address")
    return found


def _address(word: str, family: int) -> str:
    make = ipaddress.IPv4Address if family == 4 else ipaddress.IPv6Address
    try:
        found = str(make(word))
    except ValueError:
        raise ValueError(f"{quote_word(word)} is not an IPv{family} address") from None
    if "%" in found:
        raise ValueError(f"{quote_word(word)}: the interface is the one of the service, write it without %")
    return found


def _network(word: str, family: int) -> str:
    make = ipaddress.IPv4Network if family == 4 else ipaddress.IPv6Network
    try:
        return str(make(word, strict=False))
    except ValueError:
        raise ValueError(f"{quote_word(word)} is not an IPv{family} network") from None


def _table(word: str) -> int:
    if problem := TABLE.problem((word,)):
        raise ValueError(problem)
    return int(word)


def _number(word: str, what: str, most: int) -> int:
    if not (word.isascii() and word.isdigit() and len(word) < 11 and int(word) <= most):
        raise ValueError(f"{quote_word(word)} is not {what} from 0 to {most}")
    return int(word)


def _mark(word: str) -> str:
    value, _, mask = word.partition("/")
    for part in (value, mask or "0"):
        if problem := MARK.problem((part,)):
            raise ValueError(problem)
    if "off" in (value, mask):
        raise ValueError("a rule needs a mark, not 'off'")
    return format_mark(_parse_mark(value), _parse_mark(mask) if mask else 0xFFFFFFFF)


def _parse_mark(word: str) -> int:
    return int(word, 16 if word.startswith("0x") else 10)


def format_mark(value: int, mask: int) -> str:
    """A mark in the one spelling that compares."""
    return f"{value:#x}/{mask:#x}"
