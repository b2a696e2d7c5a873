"""The layer 4 load balancer (the LB Layer4 tab): keepalived's half for LVS, which sets up the kernel's virtual servers.

Its file may come from the other node. So it runs as an account of its own that may set up the network and nothing else, and
its checker refuses what would run a program or read another file.
"""

from collections.abc import Mapping

from firmware.rc.values import path_below
from firmware.services import readiness
from firmware.services.definition import Account, Argv, Context, Directive, Package, Service
from firmware.services.keepalived import daemon

FILE = "/etc/ipvsd/ipvsd.conf"
DIRECTORY = "/run/ipvsd"


def generate(context: Context) -> Mapping[str, str]:
    """keepalived's main file: our definitions, and the operator's file. There is no `reload_check_config` in it, which wants to
    be root: it would go on with what it had read before. The service's own check comes before every reload."""
    return {daemon.MAIN: daemon.main_file("script_user ipvsd ipvsd") + f"include {_file(context)}\n"}


def setup(_: Context) -> list[Argv]:
    """The kernel's half. Where it is not there, keepalived says so."""
    return [["-", "modprobe", "ip_vs"]]


def _file(context: Context) -> str:
    return context.block.value("config") or FILE


SERVICE = Service(
    name="ipvsd",
    summary="layer 4 load balancer",
    owns="/etc/ipvsd",
    generates=generate,
    account=Account("ipvsd", ("net_admin",)),
    packages=(Package("keepalived", "KEEPALIVED"),),
    check=lambda context: daemon.check_arguments(context, "ipvsd", _file(context)),
    daemon=lambda context: daemon.arguments(context, "ipvsd", DIRECTORY),
    procname="keepalived",
    runtime_directories=(DIRECTORY,),
    setup=setup,
    ready=lambda _, pid: readiness.pid_file_problem(f"{DIRECTORY}/child.pid"),
    reload=daemon.reload,
    directives=(
        Directive(
            "config",
            path_below("/etc/ipvsd"),
            "its configuration file, in keepalived's words",
            default=FILE,
            example="config /etc/ipvsd/layer4.conf",
        ),
    ),
)
