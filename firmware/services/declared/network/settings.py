"""Kernel settings of a network: what `sysctl` and `sysctl6` name, where that lies below /proc/sys, what is there, and writing it.

In the block of an interface, `rp_filter=0` is net.ipv4.conf.INTERFACE.rp_filter; in `service network` without an instance
`core.somaxconn` is net.core.somaxconn. A name that begins with `net.` (or another of the kernel's own tops) is whole.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from firmware.rc.block import Block
from firmware.rc.document import PATH as CONFIG
from firmware.services.declared.network.state import NO_LINE

PROC = Path("/proc/sys")

_TOPS = ("net", "kernel", "vm", "fs", "dev", "user", "abi", "debug")
#: files that hold a list, of the bonding driver
_LISTS = ("/bonding/arp_ip_target",)
_FAMILIES = {"sysctl": "ipv4", "sysctl6": "ipv6"}


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its path below /proc/sys (a full path for one of /sys), its value with one blank between words,
    and the name as it was written."""

    path: str
    value: str
    name: str = field(default="", compare=False)
    line: int = field(default=NO_LINE, compare=False)


def block_settings(block: Block) -> tuple[Setting, ...]:
    """What a block sets; the last line of a setting counts."""
    found: dict[str, Setting] = {}
    if block.instance:
        for setting in _autoconfig(block):
            found[setting.path] = setting
    for key, family in _FAMILIES.items():
        for one in block.standing(key):
            name, _, value = " ".join(one.values).partition("=")
            path = setting_path(name.strip(), family, block.instance)
            found[path] = Setting(path, " ".join(value.split()), name.strip(), one.line.number)
    return tuple(found.values())


def setting_path(name: str, family: str, interface: str) -> str:
    """The path of a setting below /proc/sys. A name with slashes, in which dots are part of the words, is taken as it is."""
    words = name.split("/") if "/" in name else name.split(".")
    if words[0] not in _TOPS:
        if not interface:
            words = ["net", *(["ipv6"] if family == "ipv6" else []), *words]
        elif len(words) == 1:
            words = ["net", family, "conf", interface, *words]
        else:
            words = ["net", *words]
    if "/" not in name and words[:1] == ["net"] and words[2:3] in (["conf"], ["neigh"]) and len(words) > 5:
        words = [*words[:3], ".".join(words[3:-1]), words[-1]]  # the name of an interface may have dots
    return "/".join(words)


def _autoconfig(block: Block) -> Iterable[Setting]:
    """`ip6 autoconfig` on: take addresses from router advertisements, though this node forwards; off: take none."""
    lines = block.occurrences("ip6 autoconfig")
    if lines:
        on, number = block.flag("ip6 autoconfig", False), lines[-1].line.number
        base = f"net/ipv6/conf/{block.instance}"
        yield Setting(f"{base}/accept_ra", "2" if on else "0", "ip6 autoconfig", number)
        yield Setting(f"{base}/autoconf", "1" if on else "0", "ip6 autoconfig", number)


def read(path: str, *, proc: Path = PROC) -> str | None:
    """The value that is there, with one blank between words; None if the kernel has no such setting."""
    try:
        return " ".join((proc / path).read_text().split())
    except OSError:
        return None


def differs(setting: Setting, *, proc: Path = PROC) -> bool:
    """Is another value there? Some files say a name and its number (`active-backup 1`): either is the value."""
    now = read(setting.path, proc=proc)
    if setting.path.endswith(_LISTS):
        return set((now or "").split()) != set(setting.value.split(","))
    return now != setting.value and not (setting.path.startswith("/") and setting.value in (now or "").split())


def write(path: str, value: str, *, proc: Path = PROC) -> str:
    """Give a setting a value, if it has another; returns what went wrong."""
    if not differs(Setting(path, value), proc=proc):
        return ""
    try:
        for text in _pieces(path, value, read(path, proc=proc) or ""):
            (proc / path).write_text(text)
    except OSError as error:
        return f"{path.replace('/', '.')}={value}: {error.strerror}"
    return ""


def _pieces(path: str, value: str, now: str) -> list[str]:
    """What is written one after the other: a list is changed by what comes and what goes."""
    if not path.endswith(_LISTS):
        return [value]
    old, new = now.split(), [word for word in value.split(",") if word]
    return [*(f"+{word}" for word in new if word not in old), *(f"-{word}" for word in old if word not in new)]


def apply(wanted: Iterable[Setting], originals: Mapping[str, str], *, proc: Path = PROC) -> list[str]:
    """Give each setting its value, and those of `originals` that nobody wants any more the one of before. Returns what went
    wrong, as FILE:LINE: …"""
    settings = list(wanted)
    problems = [(setting, write(setting.path, setting.value, proc=proc)) for setting in settings]
    for path in set(originals) - {setting.path for setting in settings}:
        write(path, originals[path], proc=proc)
    return [f"{CONFIG}:{setting.line}: {setting.name}: {problem}" for setting, problem in problems if problem]


def keep_secondaries(interface: str, *, proc: Path = PROC) -> None:
    """Have the kernel keep the other addresses of a network when it loses the first one of them. It stays so: they may be
    somebody else's."""
    if interface:
        write(f"net/ipv4/conf/{interface}/promote_secondaries", "1", proc=proc)


def values_before(wanted: Iterable[Setting], known: Mapping[str, str], *, proc: Path = PROC) -> dict[str, str]:
    """What is to come back once nobody wants a setting any more: what is known of it, or what is there now."""
    now = {setting.path: read(setting.path, proc=proc) for setting in wanted if setting.path not in known}
    return {**{path: _first_word(path, value) for path, value in now.items() if value is not None}, **known}


def _first_word(path: str, value: str) -> str:
    """What can be written again: of a name and its number, the name."""
    return value.partition(" ")[0] if path.startswith("/") else value
