"""The variables of the environment that haproxy.cfg names. haproxy puts nothing in the place of one that is not set, without
a word: `bind "${VIP}:80"` is every address then.
"""

import re
from collections.abc import Iterator

from firmware.haproxy.configuration import configuration_files, logical_lines, read_lines

#: what haproxy sets itself, and what every daemon of the node has
_GIVEN = re.compile(r"HAPROXY_|PATH$|LC_ALL$|\.")
#: variables stand in double quotes alone; other parts of a line are passed over
_PART = re.compile(r"""\\.|'[^']*'?|"((?:\\.|[^"\\])*)"?|#.*""", re.S)
#: with a default after it, a variable may be missing; `[*]` makes words of it
_VARIABLE = re.compile(r"\\.|\$(?:\{(\.?\w+)(?:\[\*\])?(-)?|(\w+))", re.S)
_TESTED = re.compile(r"""defined\(["']?(\w+)["']?\)""")
_SETTING = ("setenv", "presetenv")
#: by whom those are known that nobody sets with `env`
_REMEDIES = {
    "NODE": "it is LOCAL_NODE of /etc/csyncd/csyncd.cfg",
    "LOCAL_IP": "it is in /etc/csyncd/csyncd.cfg",
}


def unknown_variables(path: str, base: str) -> list[str]:
    """Those that nothing sets: neither the file before that line, nor the files `base` that are read before it; as
    FILE:LINE: …, a line each. Those whose being there the file itself asks for are its own business."""
    known = {line.words[1] for line in read_lines(base) if line.words[0] in _SETTING and line.words[1:]}
    found = {}
    for file in configuration_files(path):
        for number, text in logical_lines(file):
            known |= _set_names(text)
            for name in named_variables(text):
                if name not in known and not _GIVEN.match(name):
                    remedy = _REMEDIES.get(name, f"config add system env {name} VALUE")
                    found[name] = f"{file}:{number}: this node does not know the variable {name}: {remedy}"
                    known.add(name)
    return list(found.values())


def named_variables(line: str) -> Iterator[str]:
    """The variables that have to be there for a line, in their order."""
    for part in _PART.finditer(line):
        for braced, default, plain in _VARIABLE.findall(part[1] or ""):
            if (braced or plain) and not default:
                yield braced or plain


def _set_names(line: str) -> set[str]:
    """Those that a line sets, or asks for."""
    words = line.split()
    tested = set(_TESTED.findall(line)) if words and words[0] in (".if", ".elif") else set()
    return tested | {words[1].strip("\"'")} if len(words) > 1 and words[0] in _SETTING else tested
