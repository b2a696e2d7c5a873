"""The time of day, by OpenNTPD: its process that may set the clock reads nothing from the network.

Two releases of it are in use. Up to 6.2 the option -s sets the clock at the start; from 6.6 on the word `trusted` after a
server does, and -s does nothing. The program itself is asked which one it is.
"""

from collections.abc import Mapping

from firmware.rc.block import Block
from firmware.rc.document import Document
from firmware.rc.values import FLAG, HOST, TEXT, path_below
from firmware.services.definition import Argv, Context, Directive, Package, Service

#: the generated files: of the servers, and the same for a release that sets the clock at the start by itself
SERVERS, TRUSTED = "ntpd.conf", "trusted.conf"
#: where each release keeps how fast the clock is, and its socket
_PLACES = ["/var/lib/openntpd/db", "/var/lib/openntpd/run", "/var/db"]
_CHECK = 'said=$(ntpd -n -f "$1" 2>&1) || { echo "$said"; exit 1; }'
_START = 'if ntpd -n -f "$2" 2>/dev/null; then exec ntpd -d -f "$2"; fi; exec ntpd -d -s -f "$1"'


def generates(context: Context) -> Mapping[str, str]:
    """Its configuration, where the block names servers."""
    servers = [host for (host,) in context.block.values("server")]
    if not servers:
        return {}
    return {
        SERVERS: "".join(f"server {host}\n" for host in servers),
        TRUSTED: "".join(f"server {host} trusted\n" for host in servers),
    }


def daemon(context: Context) -> Argv:
    """In the foreground; what it says goes to its log."""
    block = context.block
    if not block.flag("hard_sync", True):
        return ["ntpd", "-d", "-f", _configuration_file(context)]
    if own := block.value("config"):
        return ["ntpd", "-d", "-s", "-f", own]
    return ["sh", "-c", _START, "sh", str(context.generated / SERVERS), str(context.generated / TRUSTED)]


def problems(block: Block, _: Document) -> list[tuple[int, str]]:
    """It asks somebody, and it reads one list of servers."""
    servers, config = block.occurrences("server"), block.value("config")
    if servers and config:
        return [(servers[0].line.number, f"server in service ntp has no effect beside 'config {config}'")]
    return [] if servers or config else [(block.lines[0].number, "service ntp names no server to take the time from")]


def remarks(_: str) -> list[str]:
    """Whether the clock follows the servers, in its own words."""
    from firmware.run import run

    done = run(["ntpctl", "-s", "status"], check=False)
    return done.output.strip().splitlines()[:1]


def _configuration_file(context: Context) -> str:
    return context.block.value("config") or str(context.generated / SERVERS)


SERVICE = Service(
    name="ntp",
    summary="time from other servers",
    owns="/etc/ntp",
    node_specific="its time servers are those of its network",
    more_accounts=("ntpd",),
    packages=(Package("openntpd", "OPENNTPD"),),
    problems=problems,
    generates=generates,
    setup=lambda _: [["mkdir", "-p", *_PLACES]],
    check=lambda context: ["sh", "-c", _CHECK, "sh", _configuration_file(context)],
    daemon=daemon,
    procname="ntpd",
    remarks=remarks,
    directives=(
        Directive(
            "config",
            path_below("/etc/ntp"),
            "its configuration file, in the place of server lines",
            example="config /etc/ntp/ntpd.conf",
        ),
        Directive("server", HOST, "a server to take the time from", many=True, example="server 192.0.2.123"),
        Directive(
            "hard_sync",
            FLAG,
            "set the clock at once when it starts, and slowly from then on",
            default="on",
            example="no hard_sync",
        ),
        Directive(
            "sync_servers",
            TEXT,
            "servers for the start alone",
            many=True,
            example="sync_servers 192.0.2.123",
            not_supported="the clock is set at the start from those of `server`",
        ),
        Directive(
            "keys",
            TEXT,
            "a file of keys that servers prove themselves with",
            example="keys /etc/ntp/ntp.keys",
            not_supported="OpenNTPD knows no keys; it believes the median of its servers: name three or more",
        ),
    ),
)
