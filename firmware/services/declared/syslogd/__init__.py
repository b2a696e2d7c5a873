"""The log of this node: busybox's syslogd, as an account of its own.

Programs write to /dev/log, which is a link to a socket that the account may make. What syslogd prints goes through
s6-log, which sorts it into files (see `rules`) and keeps every one bounded; with `buffer` it stays in
memory, for `logread`, and nothing is sorted.
"""

from firmware.rc.block import Block
from firmware.rc.values import SERVER, number, path_below
from firmware.services import readiness
from firmware.services.declared.syslogd import rules
from firmware.services.definition import Account, Argv, Context, Directive, Service

SOCKET = "/run/syslogd/log"
LOGS = "/var/log"


def daemon(context: Context) -> Argv:
    """In the foreground, to standard output or to memory, and to other servers too."""
    block = context.block
    buffer, level = block.value("buffer"), block.value("level")
    where = [f"-C{buffer}"] if buffer else ["-O", "-"]
    servers = [word for (server,) in block.values("remote") for word in ("-R", server)]
    return [
        "busybox",
        "syslogd",
        "-n",
        *where,
        *(["-L", *servers] if servers else []),
        *(["-l", level] if level else []),
    ]


def setup(context: Context) -> list[Argv]:
    """Links for those who write messages and those who read them."""
    links = [["ln", "-sfn", SOCKET, "/dev/log"]]
    for rule in _wanted_rules(context.block):
        links.append(["mkdir", "-p", f"{LOGS}/{rule.name}.d"])
        links.append(["ln", "-sfn", f"{rule.name}.d/current", f"{LOGS}/{rule.name}"])
    return links


def log_script(context: Context) -> Argv:
    """Each rule for itself: nothing selected, what it wants selected, and where that goes."""
    rotate, size = _bounds(context.block)
    bounds = [f"n{rotate}", f"s{size}"]
    return [
        word
        for rule in _wanted_rules(context.block)
        for word in ("-", f"+{rule.pattern}", *bounds, f"{LOGS}/{rule.name}.d")
    ]


def check(context: Context) -> Argv:
    """Is its own file right, and have all logs room together?"""
    kept = [] if context.block.value("buffer") else [str(number) for number in _bounds(context.block)]
    return ["/usr/bin/python3", "-I", rules.__file__, _rules_file(context.block), *kept]


def _bounds(block: Block) -> tuple[int, int]:
    """How many old files s6-log keeps of each log, and at how many bytes it begins a new one: 4096 at least."""
    return int(block.value("rotate") or 4), max(int(block.value("size") or 256) * 1024, 4096)


def _wanted_rules(block: Block) -> list[rules.Rule]:
    return [] if block.value("buffer") else rules.read_rules(_rules_file(block))


def _rules_file(block: Block) -> str:
    return block.value("config") or rules.FILE


SERVICE = Service(
    name="syslogd",
    summary="the log of this node",
    owns="/etc/syslogd",
    account=Account("syslog"),
    check=check,
    daemon=daemon,
    procname="busybox syslogd",
    runtime_directories=("/run/syslogd",),
    setup=setup,
    log_script=log_script,
    ready=lambda _, pid: readiness.socket_problem(SOCKET),
    directives=(
        Directive(
            "config",
            path_below("/etc/syslogd"),
            "its configuration file: which message goes where",
            default=rules.FILE,
            example="config /etc/syslogd/other.conf",
        ),
        Directive(
            "remote",
            SERVER,
            "a server that gets every message too; UDP port 514 unless given",
            many=True,
            local=True,
            example="remote 192.0.2.20:514",
        ),
        Directive(
            "size",
            number(0, 1048576, "kB"),
            "a log file begins anew at this many kB",
            local=True,
            default="256",
            example="size 512",
        ),
        Directive(
            "rotate", number(0, 99), "how many old log files are kept", local=True, default="4", example="rotate 8"
        ),
        Directive(
            "buffer",
            number(1, 65536, "kB"),
            "keep the log in a ring in memory of this many kB, not in files",
            local=True,
            example="buffer 1024",
        ),
        Directive(
            "level",
            number(1, 8),
            "log only what is more urgent than this level",
            local=True,
            default="8",
            example="level 6",
        ),
    ),
)
