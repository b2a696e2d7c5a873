"""haproxy's checker, run as a program with the path of haproxy.cfg: what `haproxy -c` does not see, then `haproxy -c`.

haproxy starts as an account of its own that may bind low ports and nothing else. Where its file wants to change the
account or the root directory, `haproxy -c` finds nothing wrong, but every worker would die after it has taken over.
"""

import os
import sys

SECTIONS = frozenset(
    (
        "global", "defaults", "frontend", "backend", "listen", "userlist", "peers", "resolvers", "mailers", "ring", "cache",
        "program", "http-errors", "fcgi-app", "log-forward", "crt-store", "log-profile", "traces", "acme",
    )
)  # fmt: skip

#: global keyword → the only values with which a worker starts
ACCOUNT = {"user": ("haproxy",), "group": ("haproxy",), "uid": (), "gid": (), "chroot": ()}


def problems(path: str) -> list[str]:
    """The lines of the global section that would stop every worker, in haproxy's own manner of speaking."""
    found, section = [], ""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.split() for line in file]
    except OSError:
        return []  # haproxy itself says so
    for number, words in enumerate(lines, 1):
        if not words or words[0].startswith("#"):
            continue
        if words[0] in SECTIONS:
            section = words[0]
        elif section == "global" and words[0] in ACCOUNT and not _starts(words):
            found.append(f"[ALERT] {path}:{number}: '{words[0]}': haproxy runs as an account of its own; leave it out")
    return found


def _starts(words: list[str]) -> bool:
    return len(words) > 1 and words[1].strip("\"'") in ACCOUNT[words[0]]


if __name__ == "__main__":
    if wrong := problems(sys.argv[1]):
        print("\n".join(wrong), file=sys.stderr)
        sys.exit(1)
    os.execvp("haproxy", ["haproxy", "-c", "-f", sys.argv[1]])
