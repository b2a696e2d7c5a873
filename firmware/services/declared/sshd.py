"""The login of administrators over ssh (csyncd has an sshd of its own).

There is no reload but a restart: on SIGHUP sshd, too, closes its port and begins anew, and is gone if it cannot. Those
who are logged in stay so either way, and after a restart a new process proves that it listens.
"""

import os
from pathlib import Path

from firmware.rc.block import Block
from firmware.rc.values import ADDRESS, PORT, path_below
from firmware.services import readiness
from firmware.services.definition import Argv, Context, Directive, Package, Service

PROGRAM = "/usr/sbin/sshd"
CONFIGURATION = "/etc/ssh/sshd_config"
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"


def arguments(block: Block) -> Argv:
    """What the block says; it comes before the file's own words."""
    ports = [word for (port,) in block.values("port") for word in ("-p", port)]
    listen = [word for (address,) in block.values("listen") for word in ("-o", f"ListenAddress={address}")]
    return ["-f", block.value("config") or CONFIGURATION, *ports, *listen]


def ports(context: Context) -> list[tuple[str, int]]:
    """Where administrators reach it: what the block says, else what the file says, else every address and port 22."""
    said = _file_words(context.block.value("config") or CONFIGURATION)
    block_ports, block_addresses = ([word for (word,) in context.block.values(key)] for key in ("port", "listen"))
    numbers = [int(word) for word in block_ports or said["port"] or ["22"] if word.isdecimal()]
    found = []
    for word in block_addresses or said["listenaddress"] or [""]:
        address, _, port = word.rpartition(":") if word.count(":") == 1 or "]:" in word else (word, "", "")
        found += [(address.strip("[]"), number) for number in ([int(port)] if port.isdecimal() else numbers)]
    return found


def _file_words(path: str) -> dict[str, list[str]]:
    """The ports and addresses that sshd_config names; none of a file that cannot be read."""
    found: dict[str, list[str]] = {"port": [], "listenaddress": []}
    try:
        lines = Path(path).read_text(errors="replace").splitlines()
    except OSError:
        return found
    for words in map(str.split, lines):
        if len(words) > 1 and words[0].lower() in found:
            found[words[0].lower()].append(words[1])
    return found


def check(context: Context) -> Argv:
    """sshd itself. Where it finds a key that it does not use, its banner names no remedy: that is added."""
    return ["sh", "-c", _CHECK, "sh", PROGRAM, "-t", *arguments(context.block)]


_CHECK = """\
"$@" && exit
status=$?
for key in /etc/ssh/ssh_host_*_key; do
    case $(stat -c %a "$key" 2>/dev/null) in *[1-7]?|*[1-7])
        echo "others may read $key, so sshd does not use it: chmod 600 $key" >&2;;
    esac
done
exit $status
"""


def setup(_: Context) -> list[Argv]:
    """A host key, where there is none yet."""
    return (
        [] if os.path.exists(HOST_KEY) else [["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", HOST_KEY]]
    )


SERVICE = Service(
    name="sshd",
    summary="administration over ssh",
    owns="/etc/ssh",
    node_specific="its keys and accounts belong to this node",
    makes=("/etc/ssh/ssh_host_*",),
    more_accounts=("sshd",),
    packages=(Package("openssh-server", "OPENSSH"),),
    check=check,
    daemon=lambda context: [PROGRAM, "-D", "-e", *arguments(context.block)],
    procname="sshd",
    runtime_directories=("/run/sshd",),
    setup=setup,
    ports=ports,
    ready=lambda _, pid: readiness.port_problem(pid),
    directives=(
        Directive(
            "config",
            path_below("/etc/ssh"),
            "its configuration file",
            default=CONFIGURATION,
            example="config /etc/ssh/other_config",
        ),
        Directive("port", PORT, "the TCP port", many=True, default="22", example="port 2222"),
        Directive(
            "listen",
            ADDRESS,
            "an address to listen on",
            many=True,
            default="every address",
            example="listen 192.0.2.10",
        ),
    ),
)
