"""`config digest`: the digests by which nodes compare files."""

import sys

from firmware.commands.cli import split_options
from firmware.operations import digests


def digest(argv: list[str]) -> int:
    """Print the digests of files, a line each; with --json, a list."""
    names, options = split_options(argv, flags=("--json",))
    found = digests.file_digests(names)
    if "--json" in options:
        import json

        print(json.dumps([one.json() for one in found], indent=2))
        return 0
    for one in found:
        sys.stdout.buffer.write(one.line)
    sys.stdout.buffer.flush()
    return 0
