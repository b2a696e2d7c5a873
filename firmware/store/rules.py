"""What is never saved, and what is saved but is no change by itself: /etc/firmware/save.rules, a line for each pattern.

    ignore PATTERN      never saved, never restored, never a change
    quiet PATTERN       saved and restored at boot, but by itself not a change; what runs keeps its own

`*` stands for any characters, `?` for one, neither for a slash. A pattern that begins with a slash is a whole path, any
other one a name in any directory. What lies below a path that fits, fits too.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from firmware import files
from firmware.errors import Failure, Invalid, system_hint
from firmware.patterns import PathPatterns
from firmware.store.paths import NODE, Paths

FILE = "/etc/firmware/save.rules"

#: half-written files of the firmware and staged pushes: no rule can make these worth saving
_ALWAYS_IGNORED = (f"{files.TEMPORARY_PREFIX}????????", "/etc/.staging")
#: rules in a file, and characters of a pattern: they come with archives, and each path is compared with all of them
MAX_RULES, MAX_PATTERN = 256, 256
_REMEDY = f"put the factory's there: cp /usr/share/factory{FILE} {FILE}"


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules, ready to be asked about paths."""

    ignored: PathPatterns
    quiet: PathPatterns

    def ignores(self, path: str) -> bool:
        """Is the path none of the store's business?"""
        return self.ignored.match(path)

    def is_quiet(self, path: str) -> bool:
        """Is a difference there no change by itself?"""
        return self.quiet.match(path)


def load(paths: Paths = NODE) -> Rules:
    """This node's rules: its own file, or the factory's where there is none. Invalid, with FILE:LINE, if it has errors."""
    for path in (paths.in_etc(FILE), paths.in_factory(FILE)):
        text = _read(path)
        if text is not None:
            return parse(text, str(path))
    return parse("")


def load_tolerant(paths: Paths = NODE) -> Rules:
    """This node's rules for whoever only compares: where its file has errors or cannot be read, the factory's."""
    try:
        text = _read(paths.in_etc(FILE))
    except Failure:
        text = None
    return parse_tolerant(text, paths)


def parse_tolerant(text: str | None, paths: Paths = NODE) -> Rules:
    """The rules in `text`, or the factory's where there is none or it has errors: a restore has to work regardless."""
    with suppress(Invalid):
        if text is not None:
            return parse(text)
    with suppress(Failure):
        return parse(_read(paths.in_factory(FILE)) or "")
    return parse("")


def parse(text: str, name: str = FILE) -> Rules:
    """The rules in a text; `name` stands in messages."""
    patterns: dict[str, list[str]] = {"ignore": [*_ALWAYS_IGNORED], "quiet": []}
    problems = []
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split(maxsplit=1)
        if not words or words[0].startswith("#"):
            continue
        if len(words) < 2 or words[0] not in patterns:
            problems.append(f"{name}:{number}: a rule is `ignore PATTERN` or `quiet PATTERN`")
        elif len(words[1]) > MAX_PATTERN:
            problems.append(f"{name}:{number}: the pattern has {len(words[1])} characters, more than {MAX_PATTERN}")
        else:
            patterns[words[0]].append(words[1].strip())
    if sum(map(len, patterns.values())) > MAX_RULES + len(_ALWAYS_IGNORED):
        problems.append(f"{name}: more than {MAX_RULES} rules")
    if problems:
        raise Invalid(f"{name}: not understood", problems=problems)
    return Rules(PathPatterns(tuple(patterns["ignore"])), PathPatterns(tuple(patterns["quiet"])))


def _read(path: Path) -> str | None:
    """The text of a rules file, None if there is none. Failure if it cannot be read."""
    try:
        if path.is_file():
            return path.read_bytes().decode("utf-8", "surrogateescape")
        if not os.path.lexists(path):
            return None
        reason, hint = "it is not a file", _REMEDY
    except OSError as error:
        reason, hint = error.strerror or str(error), system_hint(error) or _REMEDY
    raise Failure(f"{path}: {reason}", hint)
