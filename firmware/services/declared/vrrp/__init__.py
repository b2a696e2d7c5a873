"""Which of a pair of nodes holds the virtual addresses: keepalived's half for VRRP.

Its configuration is made of the lines `vrrp …` of the network blocks. Where no network block has any, it is the operator's
own file, in keepalived's words.
"""

from collections.abc import Mapping

from firmware.rc.block import Block
from firmware.rc.document import Document
from firmware.rc.values import COMMAND, INTERFACE, NAME, list_of, path_below
from firmware.services import readiness
from firmware.services.declared.vrrp import instances
from firmware.services.definition import Argv, Context, Directive, Package, Service
from firmware.services.keepalived import daemon, release

FILE = "/etc/vrrp/keepalived.conf"
DIRECTORY = "/run/vrrp"


def generate(context: Context) -> Mapping[str, str]:
    """keepalived's main file, with the instances of the network blocks or with the operator's file in it."""
    own = f"include {_own_file(context)}\n" if _own_file(context) else instances.text(context)
    # It checks a changed file before it takes it up: a broken one would end it, and leave its addresses.
    checked = f"reload_check_config {DIRECTORY}/reload.log"
    return {daemon.MAIN: daemon.main_file(checked, "script_user root", "dynamic_interfaces") + own}


def cleanup(context: Context) -> list[Argv]:
    """What ends keepalived takes its addresses away."""
    applied = str(context.applied / _own_file(context).removeprefix("/etc/vrrp/"))
    files = [str(context.generated / daemon.MAIN), *([applied] if _own_file(context) else [])]
    return [["/usr/bin/python3", "-I", release.__file__, *files]]


def _own_file(context: Context) -> str:
    """The operator's file, "" where the network blocks say it."""
    if not context.reads["network vrrp"]:
        return context.block.value("config") or FILE
    return ""


def _problems(block: Block, document: Document) -> list[tuple[int, str]]:
    """What does not fit together in its block and the network blocks."""
    return instances.problems(block, document)


def _needs(_: Block, document: Document) -> list[str]:
    """It comes after the interfaces of its addresses: keepalived ends where one has no address to speak from."""
    return [block.title for block in instances.network_blocks(document)]


def _warnings(block: Block, document: Document) -> list[tuple[int, str]]:
    """What in it has no effect."""
    return instances.warnings(block, document)


SERVICE = Service(
    name="vrrp",
    summary="virtual addresses that move between the nodes",
    owns="/etc/vrrp",
    reads=("network vrrp",),
    problems=_problems,
    needs=_needs,
    warnings=_warnings,
    generates=generate,
    node_specific="its priorities and interfaces belong to this node",
    packages=(Package("keepalived", "KEEPALIVED"),),
    check=lambda context: daemon.check_arguments(context, "vrrp", _own_file(context)),
    daemon=lambda context: daemon.arguments(context, "vrrp", DIRECTORY),
    procname="keepalived",
    runtime_directories=(DIRECTORY,),
    ready=lambda _, pid: readiness.pid_file_problem(f"{DIRECTORY}/child.pid"),
    reload=daemon.reload,
    cleanup=cleanup,
    directives=(
        Directive(
            "config",
            path_below("/etc/vrrp"),
            "keepalived's own file, where no network block has vrrp lines",
            default=FILE,
            example="config /etc/vrrp/keepalived.conf",
        ),
        Directive(
            "group",
            list_of(INTERFACE),
            "interfaces whose addresses move together",
            many=True,
            example="group eth0 eth1",
        ),
        Directive("notify", COMMAND, "a program to run when the state changes", example="notify /etc/vrrp/notify"),
        Directive(
            "track_svc",
            list_of(NAME),
            "services without which this node gives up its addresses",
            many=True,
            example="track_svc haproxy ipvsd",
        ),
        Directive(
            "track_mgt",
            list_of(NAME),
            "services of the administration: each that is down takes 10 from the priority",
            many=True,
            example="track_mgt sshd wui",
        ),
    ),
)
