"""The memory of a process and its children at its highest, on a node: `python3 -c … PID SECONDS`.

It looks every few milliseconds until its standard input ends, and prints the most bytes that all of them had together. What the
process itself had at its highest between two looks counts (VmHWM).
"""

import os
import select
import sys


def memory(pid: str, key: str) -> int:
    """That figure of a process, in bytes; 0 once it has gone."""
    try:
        with open(f"/proc/{pid}/status") as file:
            return next((int(line.split()[1]) << 10 for line in file if line.startswith(key)), 0)
    except OSError:
        return 0


def children(pid: str) -> list[str]:
    """Those that it has now, whichever of its threads started them, and theirs."""
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                found += file.read().split()
        except OSError:
            continue
    return found


def comparing(pid: str) -> list[str]:
    """The children that compare files."""
    named = []
    for child in children(pid):
        try:
            with open(f"/proc/{child}/comm") as file:
                named += [child] * (file.read().strip() in ("busybox", "prlimit", "diff"))
        except OSError:
            continue
    return named


def watch(pid: str) -> tuple[int, int]:
    """Of the process alone, and with those that compare files for it."""
    with open(f"/proc/{pid}/clear_refs", "w") as file:
        file.write("5")
    together = 0
    while not select.select([0], [], [], 0.005)[0]:
        together = max(together, memory(pid, "VmRSS") + sum(memory(child, "VmRSS") for child in comparing(pid)))
    alone = memory(pid, "VmHWM")
    return alone, max(alone, together)


if __name__ == "__main__":
    print(*watch(sys.argv[1]))
