"""The layer 7 load balancer (the LB Layer7 tab): haproxy's master and its workers.

A reload is asked for by signal; whether it worked, only the master knows. It is asked at its socket: a new worker that
answers through it has taken over; `failed` counts the reloads since the last good one, and the old worker serves on.
"""

from collections.abc import Mapping
from pathlib import Path

from firmware import haproxy
from firmware.haproxy import account, addresses, master, transparent, words
from firmware.rc.block import Block
from firmware.rc.values import number, path_below
from firmware.services import node_values
from firmware.services.definition import Account, Argv, Context, Directive, Outcome, Package, Running, Service
from firmware.services.permissions import account_ids
from firmware.services.states import service_state
from firmware.services.strays import Family

FILE = "/etc/haproxy/haproxy.cfg"
PID_FILE = "/run/haproxy/haproxy.pid"
#: what an operator says in `service system`
_ALLOWS = f"system {transparent.ALLOWED}"
#: its name among the generated files
BASE = "base.cfg"
#: workers that may go on with their last connections after reloads
OLD_WORKERS = "4"

#: seconds that a new worker has to take over: much for maps and certificates by the thousand
RELOAD_SECONDS = 60.0
#: seconds that a master has to answer before it is asked to reload. One that starts does; one that lost its socket never
#: will, but reloads, and answers then: a program section that cannot be started takes the socket out of its epoll set
#: (haproxy 2.6: the child fails between fork and exec, and cleans up what it shares with its parent).
SILENT_SECONDS = 5.0

_POLL = 0.005
#: runs the checker without whatever else Python would load; the first word is where our package lies
_CHECKER = "import sys; sys.path.append(sys.argv[1]); from firmware.haproxy import checker; sys.exit(checker.main(*sys.argv[2:]))"
_PACKAGES = Path(haproxy.__file__).parents[2]
#: seconds in which what the master says has come through the log
_PATIENCE = 2.0


def daemon(context: Context) -> Argv:
    """Master and workers in the foreground, with a pid file where they may write, whatever the file says about that."""
    files = ["-f", str(context.generated), "-f", _configuration_file(context.block)]
    return ["haproxy", "-W", "-db", "-p", PID_FILE, *files, "-S", f"{master.SOCKET},mode,600"]


def check(context: Context) -> Argv:
    """`haproxy -c`, in the node's network."""
    return _checker_command("check", context)


def trial(context: Context) -> Argv:
    """Started for a moment, and what a start does not see."""
    return _checker_command("start", context)


def generates(context: Context) -> Mapping[str, str]:
    """What is read before its own file, which may say otherwise."""
    reloads = f"global\n    mworker-max-reloads {context.block.value('old_workers') or OLD_WORKERS}\n"
    values = node_values.haproxy_text(node_values.set_variables(context))
    allowed = {transparent.ALLOWED: ""} if capabilities(context) else {}
    return {BASE: reloads, "environment.cfg": values, **allowed}


def generates_at_load(context: Context, files: Path) -> Mapping[str, str]:
    """The same of what the node is, and of what its own files ask for and cannot have."""
    given = node_values.haproxy_text(node_values.given_variables())
    return {"node.cfg": given, "account.cfg": account.prelude(_file_in(files, context))}


def capabilities(context: Context) -> tuple[str, ...]:
    """Only an operator of this node lets it speak for its clients: what a peer pushes cannot ask for that."""
    allowed = any(block.flag(transparent.ALLOWED, False) for block in context.reads[_ALLOWS])
    return ("net_raw",) if allowed else ()


def conflicts(context: Context) -> list[str]:
    """The addresses that its file binds and somebody else has."""
    return addresses.occupied_addresses(_configuration_file(context.block), _own_ports())


def remarks(title: str) -> list[str]:
    """How many workers go on with their last connections after reloads."""
    pid = service_state(title).pid
    old = master.old_workers(master.SOCKET, pid) if pid else []
    return [f"old workers: {len(old)} (pid {', '.join(map(str, old))})" if old else "old workers: none"]


def _checker_command(verb: str, context: Context) -> Argv:
    files = [str(context.generated), _configuration_file(context.block)]
    return ["/usr/bin/python3", "-ISc", _CHECKER, str(_PACKAGES), verb, *files]


def reload(running: Running, *, path: str = master.SOCKET, seconds: float = RELOAD_SECONDS) -> Outcome:
    """Signal the master, and wait until a new worker serves or the master says that the reload failed."""
    import time

    deadline = time.monotonic() + seconds
    pid = running.pid
    before, worker = master.reload_counts(path, pid), master.worker_pid(path, pid)
    patient = min(deadline, time.monotonic() + SILENT_SECONDS)
    while before is None and time.monotonic() < patient and not running.has_ended():
        time.sleep(_POLL)
        before, worker = master.reload_counts(path, pid), master.worker_pid(path, pid)
    file = _configuration_file(running.context.block)
    if taken := conflicts(running.context):
        return Outcome(1, "\n".join(taken))
    if not running.has_ended():
        running.signal("USR2")
    while time.monotonic() < deadline:
        time.sleep(_POLL)
        now = master.reload_counts(path, pid)
        if running.has_ended():
            return Outcome(1, _logged_alerts(running, file) or "haproxy: its master ended")
        if now is not None and now != before and now[1]:
            return Outcome(1, _logged_alerts(running, file) or "haproxy: the reload failed")
        if (serving := master.worker_pid(path, pid)) and serving != worker:
            return Outcome(0, f"a new worker serves (pid {serving})")
    return Outcome(1, f"haproxy: no new worker serves after {seconds:g} s")


def family(pid: int, *, path: str = master.SOCKET) -> Family | None:
    """The master, its workers and programs; of a former worker nothing that it has started. None if the master is silent."""
    known = master.processes(path, pid)
    return Family(*known) if known else None


def _file_in(files: Path, context: Context) -> str:
    """Its configuration in a directory that holds its files."""
    return f"{files}{_configuration_file(context.block).removeprefix(SERVICE.owns)}"


def _configuration_file(block: Block) -> str:
    return block.value("config") or FILE


def _own_ports() -> set[int]:
    """The ports at which processes of its account listen now."""
    uid, _ = account_ids(SERVICE.account.user)
    return {port for _, port, owner in addresses.listening_sockets() if owner == uid}


def _logged_alerts(running: Running, file: str) -> str:
    """Why it failed, in its own words with their places. They take another way than the answers, through the log, and may come
    after them."""
    import time

    deadline = time.monotonic() + _PATIENCE
    while not (found := [line for line in running.log_text().splitlines() if "[ALERT]" in line]):
        if time.monotonic() > deadline:
            break
        time.sleep(_POLL)
    return "\n".join(words.messages("\n".join(found), file).errors)


SERVICE = Service(
    name="haproxy",
    summary="layer 7 load balancer",
    owns="/etc/haproxy",
    account=Account("haproxy", ("net_bind_service",), on_request=("sys_chroot",)),
    capabilities=capabilities,
    requests=lambda context, files: account.asks_for_chroot(_file_in(files, context)),
    reads=(node_values.READS, _ALLOWS),
    packages=(Package("haproxy", "HAPROXY"),),
    check=check,
    trial=trial,
    generates=generates,
    conflicts=conflicts,
    remarks=remarks,
    generates_at_load=generates_at_load,
    daemon=daemon,
    procname="haproxy",
    runtime_directories=("/run/haproxy",),
    runtime_links=("/var/lib/haproxy",),
    ready=lambda _, pid: "" if master.worker_pid(master.SOCKET, pid) else f"no worker answers at {master.SOCKET}",
    reload=reload,
    family=family,
    binds=True,
    directives=(
        Directive(
            "config",
            path_below("/etc/haproxy"),
            "its configuration file",
            default=FILE,
            example="config /etc/haproxy/other.cfg",
        ),
        Directive(
            "old_workers",
            number(1, 1000, "workers"),
            "how many workers may go on with their last connections once they are replaced",
            default=OLD_WORKERS,
            example="old_workers 10",
        ),
    ),
)
