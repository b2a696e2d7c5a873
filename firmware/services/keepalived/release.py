"""Takes away the virtual addresses that a dead keepalived has left, run as a program: `release.py FILE…`, its files.

keepalived removes them when it is asked to end. Killed, it leaves them, and then both nodes have them.
"""

import sys
from pathlib import Path

from firmware.errors import Failure
from firmware.run import run
from firmware.services.keepalived import configuration


def batch(texts: list[str]) -> str:
    """The lines for `ip -batch` that take away every virtual address of these files."""
    found = dict.fromkeys(pair for text in texts for pair in configuration.virtual_addresses(configuration.parse(text)))
    return "".join(f"address del {_with_prefix(address)} dev {device}\n" for address, device in found if device)


def main(paths: list[str]) -> None:
    """Nothing is said of addresses that are not there, and nothing of files."""
    texts = []
    for path in paths:
        try:
            texts.append(Path(path).read_text(encoding="utf-8", errors="surrogateescape"))
        except OSError:
            continue
    try:
        run(["ip", "-force", "-batch", "-"], stdin=batch(texts).encode(), check=False)
        for family in ("-4", "-6"):
            run(["ip", family, "route", "flush", "proto", "keepalived"], check=False)
    except (Failure, configuration.BraceProblem):
        pass


def _with_prefix(address: str) -> str:
    return address if "/" in address else f"{address}/{128 if ':' in address else 32}"


if __name__ == "__main__":
    main(sys.argv[1:])
