"""The log of this node."""

from firmware.rc.values import SERVER, below, number
from firmware.services.definition import Directive, Service

SERVICE = Service(
    name="syslogd",
    summary="the log of this node",
    owns="/etc/syslogd",
    directives=(
        Directive("config", below("/etc/syslogd"), "its configuration file: which message goes where"),
        Directive("remote", SERVER, "a server that gets every message too; UDP port 514 unless given", many=True),
        Directive("size", number(0, 1048576, "kB"), "the log file begins anew at this many kB"),
        Directive("rotate", number(0, 99), "how many old log files are kept"),
        Directive("buffer", number(1, 65536, "kB"), "keep the log in a ring in memory of this many kB, not in a file"),
        Directive("level", number(1, 8), "log only what is more urgent than this level"),
    ),
)
