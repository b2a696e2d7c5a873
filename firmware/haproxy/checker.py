"""haproxy's checker, as a program of its own: first what `haproxy -c` does not see, then `haproxy -c`.

It runs with few modules and none of ours but those of this package, for each start of it is waited for.
"""

import os
import sys

from firmware.haproxy.addresses import node_port_problems
from firmware.haproxy.configuration import account_problems
from firmware.haproxy.words import with_places


def main(path: str, *node_ports: str) -> int:
    """Check the file; further words, SERVICE=ADDRESS:PORT, are the node's own ports. Returns the exit status."""
    if wrong := [*account_problems(path), *node_port_problems(path, list(node_ports))]:
        print("\n".join(wrong), file=sys.stderr)
        return 1
    return _run_haproxy_check(path)


def _run_haproxy_check(path: str) -> int:
    """Run `haproxy -c`, pass on what it says, and return its exit status."""
    with open(os.memfd_create("words"), "r+", encoding="utf-8", errors="surrogateescape") as words:
        to_words = [(os.POSIX_SPAWN_DUP2, words.fileno(), 2)]
        try:
            pid = os.posix_spawnp("haproxy", ["haproxy", "-W", "-c", "-f", path], os.environ, file_actions=to_words)
        except OSError as error:
            print(f"haproxy could not be started to check the file: {error.strerror}", file=sys.stderr)
            return 1
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        words.seek(0)
        said = with_places(words.read(), failed=status != 0)
    if said:  # a name that is no UTF-8 leaves as it came: whoever reads it spells it
        sys.stderr.buffer.write(f"{said}\n".encode("utf-8", "surrogateescape"))
        sys.stderr.buffer.flush()
    return status if status >= 0 else 128 - status
