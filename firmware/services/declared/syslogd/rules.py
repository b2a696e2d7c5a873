"""What syslogd's own file says: which message goes where. Run as a program it is syslogd's checker.

One rule a line, `FACILITY.LEVEL[;FACILITY.LEVEL…] /var/log/NAME`: messages of these facilities (several with commas
between, `*` for all) that are at least as urgent as the level (`*` for any) go to that file. `#` begins a comment.
Run with two more words, how many old files are kept of each log and how many bytes each may have, the checker also says
where all of them would take more than their share of the file system, which lies in memory.
busybox's syslogd reads no file in every build, and would not say what is wrong with one; s6-log does the sorting, and
keeps each log bounded: it lies in /var/log/NAME.d, and /var/log/NAME is a link to what is written now.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from firmware import log
from firmware.errors import Failure

FILE = "/etc/syslogd/syslog.conf"

FACILITIES = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    *(f"local{number}" for number in range(8)),
)  # fmt: skip
LEVELS = ("emerg", "alert", "crit", "err", "warn", "notice", "info", "debug")

LOGS = "/var/log"
#: how much of that file system all logs may take
SHARE = 0.5

_SPELLINGS = {"warning": "warn", "error": "err", "panic": "emerg", "*": "debug"}
#: the most rules, for each is a log of its own, and the most characters that say what goes there
MOST_RULES, LONGEST = 64, 1024
#: names below /var/log that others write to
_TAKEN = ("csyncd", "wtmp", "btmp", "lastlog")
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")


@dataclass(frozen=True, slots=True)
class Rule:
    """`choices` are pairs of facilities and levels; messages that are in any of them go to the log `name`."""

    name: str
    choices: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]

    @property
    def pattern(self) -> str:
        """An extended regular expression for the lines of syslogd (time stamp, host, FACILITY.LEVEL, text)."""
        pairs = "|".join(rf"({'|'.join(facilities)})\.({'|'.join(levels)})" for facilities, levels in self.choices)
        return f"^.{{15}} [^ ]+ ({pairs}) "


def read_rules(path: str) -> list[Rule]:
    """The rules of a file that has no errors; those that it has are left out. None if the file is not there."""
    return [found for _, found in _parse_file(path) if isinstance(found, Rule)]


def problems(path: str) -> list[str]:
    """What is wrong with it, as FILE:LINE: …"""
    return [f"{path}:{number}: {found}" for number, found in _parse_file(path) if isinstance(found, str)]


def room_problems(path: str, rotate: int, size: int, *, logs: str = LOGS) -> list[str]:
    """The first rule with which the logs take more than SHARE of the file system they lie in, as FILE:LINE: …"""
    status = os.statvfs(logs)
    room = int(status.f_blocks * status.f_frsize * SHARE)
    each = size * (max(rotate, 1) + 1)
    lines = [number for number, found in _parse_file(path) if isinstance(found, Rule)]
    if len(lines) * each <= room:
        return []
    too_much = (
        f"{len(lines)} logs of {rotate} old files and one, {size >> 10} kB each, may take {len(lines) * each >> 20} MiB"
    )
    return [
        f"{path}:{lines[room // each]}: {too_much}; at most {room >> 20} MiB of {logs}: smaller `size` or `rotate`, or fewer"
    ]


def _parse_file(path: str) -> list[tuple[int, Rule | str]]:
    try:
        text = Path(path).read_bytes().decode()
    except FileNotFoundError:
        return [] if path == FILE else [(1, "there is no such file")]
    except (OSError, UnicodeDecodeError) as error:
        return [(1, f"it cannot be read: {error}")]
    lines = [(number, line.partition("#")[0].split()) for number, line in enumerate(text.split("\n"), 1)]
    filled = [(number, words) for number, words in lines if words]
    found = [(number, _parse_rule(words)) for number, words in filled[:MOST_RULES]]
    return found + [(number, f"more than {MOST_RULES} rules") for number, _ in filled[MOST_RULES : MOST_RULES + 1]]


def _parse_rule(words: list[str]) -> Rule | str:
    if len(words) != 2:
        return "a rule is FACILITY.LEVEL, blanks, and a file below /var/log"
    name = words[1].removeprefix("/var/log/")
    if name == words[1] or not name or not _NAME.issuperset(name) or name[0] == "." or len(name) > 64:
        return f"{words[1]!r} is not a file right below /var/log"
    if name in _TAKEN or name.endswith(".d"):
        return f"{words[1]!r} is where others keep their own: take another name"
    if len(words[0]) > LONGEST:
        return f"more than {LONGEST} characters before the file"
    try:
        return Rule(name, tuple(_parse_choice(part) for part in words[0].split(";")))
    except Failure as error:
        return str(error)


def _parse_choice(word: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    facilities, dot, level = word.partition(".")
    level = _SPELLINGS.get(level, level)
    named = FACILITIES if facilities == "*" else tuple(facilities.split(","))
    if not dot or level not in LEVELS:
        raise Failure(f"{word!r} does not end in a level: {', '.join(LEVELS)} or *")
    for facility in named:
        if facility not in FACILITIES:
            raise Failure(f"{facility!r} is not a facility: {', '.join(FACILITIES)} or *")
    return named, LEVELS[: LEVELS.index(level) + 1]


if __name__ == "__main__":
    found = problems(sys.argv[1]) or (room_problems(sys.argv[1], *map(int, sys.argv[2:])) if sys.argv[2:] else [])
    log.line("\n".join(found))
    sys.exit(1 if found else 0)
