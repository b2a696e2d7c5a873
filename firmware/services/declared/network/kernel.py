"""The kernel's network through iproute2: one dump, made into `state`, and one batch of changes."""

import ipaddress
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from firmware.errors import Failure
from firmware.run import run
from firmware.services.declared.network.grammar import format_mark
from firmware.services.declared.network.state import (
    MAIN_TABLE,
    PROTOCOL,
    Address,
    KernelNetwork,
    Link,
    Neighbour,
    Route,
    Rule,
)

#: rtm_protocol of what the kernel makes itself; RTN_UNICAST
_OF_KERNEL, _UNICAST = "2", "1"
#: what we know of a rule; one with more is another one
_KNOWN_OF_RULES = {"priority", "src", "srclen", "dst", "dstlen", "fwmark", "fwmask", "iif", "table", "protocol"}
_DUMP = "address show\nroute show table all\nrule show\nneigh show nud permanent\n"
_FAILED = re.compile(r"^Command failed -:(\d+)$")

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a batch, and the line of config.rc that wants it. `family` 6 is said only where `ip` cannot tell."""

    words: tuple[str, ...]
    line: int = 0
    family: int = 0

    def __str__(self) -> str:
        return " ".join(("ip", *(("-6",) if self.family == 6 else ()), *self.words))


def read() -> KernelNetwork:
    """What the kernel has now."""
    done = run(["ip", "-N", "-j", "-d", "-batch", "-"], stdin=_DUMP.encode())
    links, routes, rules, neighbours = _documents(done.stdout, 4)
    # rules of IPv6 want an option for the whole program; where IPv6 is off there are none, and that is no error
    rules6 = run(["ip", "-6", "-N", "-j", "rule", "show"], check=False)
    return network(links, routes, rules, _documents(rules6.stdout, 1)[0] if not rules6.status else [], neighbours)


def _documents(text: str, count: int) -> list[list[Json]]:
    """The JSON of each line of a batch; a line of nothing stands for nothing."""
    found: list[list[Json]] = []
    decoder, rest = json.JSONDecoder(), text.strip()
    while rest:
        value, end = decoder.raw_decode(rest)
        found.append([one for one in value if one])
        rest = rest[end:].strip()
    if len(found) != count:
        raise Failure(f"ip: {count} answers were wanted, not {len(found)}")
    return found


def network(
    links: Sequence[Json],
    routes: Sequence[Json],
    rules: Sequence[Json],
    rules6: Sequence[Json],
    neighbours: Sequence[Json],
) -> KernelNetwork:
    """What a dump says. Routes with several ways, and all that is no way for packets of one address, belong to nobody here."""
    plain = [one for one in routes if one.get("type", _UNICAST) == _UNICAST and "dev" in one]
    all_rules = [
        (one, _rule(one, family))
        for family, some in ((4, rules), (6, rules6))
        for one in some
        if not set(one) - _KNOWN_OF_RULES
    ]
    infos = [(link["ifname"], info) for link in links for info in link.get("addr_info", ()) if "local" in info]
    return KernelNetwork(
        {one["ifname"]: _link(one) for one in links},
        _by_interface([(name, _address(info, name)) for name, info in infos]),
        _by_interface([(one["dev"], _route(one)) for one in plain]),
        _by_interface([(one["dev"], _route(one)) for one in plain if _is_ours(one)]),
        tuple(rule for one, rule in all_rules),
        tuple(rule for one, rule in all_rules if _is_ours(one)),
        _by_interface(
            [
                (one["dev"], Neighbour(_plain_address(one["dst"]), one["lladdr"]))
                for one in neighbours
                if "lladdr" in one
            ]
        ),
        _by_interface(
            [
                (one["dev"], Neighbour(_plain_address(one["dst"]), one["lladdr"]))
                for one in neighbours
                if "lladdr" in one and _is_ours(one)
            ]
        ),
        frozenset(info["local"] for _, info in infos if info.get("tentative") and not info.get("dadfailed")),
        frozenset(info["local"] for _, info in infos if info.get("dadfailed")),
        frozenset(_route(one) for one in plain if one.get("protocol") == _OF_KERNEL),
    )


def change(lines: Sequence[Change]) -> dict[Change, str]:
    """Carry out changes, in one batch for what can be said in one; returns what went wrong, by change. What fails does not keep
    the rest from being done."""
    failed: dict[Change, str] = {}
    for belongs in (_is_plain, _is_of_ipv6, _is_neighbour):
        if some := [one for one in lines if belongs(one)]:
            failed |= _run_batch(some)
    return failed


def _is_neighbour(one: Change) -> bool:
    """`ip` ends without a word about the line where one of these fails, so they come last."""
    return one.words[0] == "neigh"


def _is_of_ipv6(one: Change) -> bool:
    return one.family == 6


def _is_plain(one: Change) -> bool:
    return not _is_neighbour(one) and not _is_of_ipv6(one)


def _run_batch(lines: Sequence[Change]) -> dict[Change, str]:
    text = "".join(" ".join(one.words) + "\n" for one in lines)
    option = ["-6"] if _is_of_ipv6(lines[0]) else []
    done = run(["ip", *option, "-force", "-batch", "-"], stdin=text.encode(), check=False)
    failed, rest = _failures(done.stderr)
    if done.status and rest and len(lines) > 1:  # it has ended at a line that it does not name
        return {change: words for one in lines for change, words in _run_batch([one]).items()}
    if done.status and rest:
        return {lines[0]: rest}
    return {lines[number - 1]: words for number, words in failed.items()}


def _failures(text: str) -> tuple[dict[int, str], str]:
    """What `ip` says of each line that failed, and what it said last of none: the words of a line stand before its number."""
    failed: dict[int, str] = {}
    words: list[str] = []
    for line in text.splitlines():
        if number := _FAILED.match(line):
            failed[int(number[1])] = "; ".join(words) or "it failed"
            words = []
        else:
            words.append(line.removeprefix("RTNETLINK answers: ").removeprefix("Error: ").rstrip("."))
    return failed, "; ".join(words)


def _by_interface(pairs: Sequence[tuple[str, Any]]) -> dict[str, tuple[Any, ...]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for name, item in pairs:
        found[name].append(item)
    return {name: tuple(items) for name, items in found.items()}


def _is_ours(one: Json) -> bool:
    return str(one.get("protocol", "")) == str(PROTOCOL)


def _link(one: Json) -> Link:
    flags, info = one.get("flags", ()), one.get("linkinfo", {})
    data, kind = info.get("info_data", {}), info.get("info_kind", "")
    return Link(
        one["ifname"],
        data.get("type", kind) if kind == "tun" else kind,
        "UP" in flags,
        "LOWER_UP" in flags,
        one.get("master", ""),
        one.get("link", ""),
        {
            "mtu": str(one.get("mtu", "")),
            "address": one.get("address", ""),
            "arp": "off" if "NOARP" in flags else "on",
            "multicast": "on" if "MULTICAST" in flags else "off",
        },
        {key: str(data[key]) for key in ("stp_state", "id") if key in data},
    )


def _address(info: Json, name: str) -> Address:
    label = info.get("label", "")
    return Address(
        _plain_address(info["local"]), int(info["prefixlen"]), info.get("broadcast", ""), "" if label == name else label
    )


def _route(one: Json) -> Route:
    family = 6 if "pref" in one or ":" in f"{one['dst']}{one.get('gateway', '')}" else 4
    return Route(
        _full_network(one["dst"], family),
        _plain_address(one.get("gateway", "")),
        int(one.get("table", MAIN_TABLE)),
        int(one.get("metric", 0)),
        _plain_address(one.get("prefsrc", "")),
    )


def _full_network(text: str, family: int) -> str:
    if text == "default":
        return "0.0.0.0/0" if family == 4 else "::/0"
    address, _, prefix = text.partition("/")
    return f"{_plain_address(address)}/{prefix or (32 if family == 4 else 128)}"


def _plain_address(text: str) -> str:
    """In the spelling of `ipaddress`, which differs from the kernel's for a few of IPv6."""
    return str(ipaddress.ip_address(text)) if ":" in text else text


def _rule(one: Json, family: int) -> Rule:
    return Rule(
        family,
        int(one["priority"]),
        int(one.get("table", 0)),
        _rule_network(one, "src", family),
        _rule_network(one, "dst", family),
        format_mark(int(one["fwmark"], 0), int(one.get("fwmask", "0xffffffff"), 0)) if "fwmark" in one else "",
        one.get("iif", ""),
    )


def _rule_network(one: Json, key: str, family: int) -> str:
    if one.get(key, "all") == "all":
        return ""
    most = 32 if family == 4 else 128
    return str(ipaddress.ip_network(f"{one[key]}/{one.get(f'{key}len', most)}", strict=False))
