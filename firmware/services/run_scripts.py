"""How a daemon is launched: its arguments, its account, and the two scripts that s6 runs for it.

The scripts are for /bin/sh, every word in them quoted; they end in `exec`, so that the daemon itself is s6's child:
nothing of ours lies between the supervisor and the daemon. One that is not root is confined (see `confinement`).
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from firmware.errors import Failure
from firmware.run import PATH
from firmware.services import confinement, permissions
from firmware.services.definition import Account, Argv, Context, Service

#: how many processes and threads its account may have on the whole node, where the kernel cannot count those of one daemon
PROCESSES = 4096
#: the kernel's oom_score_adj: who goes first where memory runs out, and who last
EXPENDABLE, INDISPENSABLE = 500, -900
#: where a daemon that is not root has a control group of its own, if the node has any; and what puts it there
CONTROL_GROUPS = "/sys/fs/cgroup"
ENCLOSE = "/usr/libexec/appliance/enclose"

_FINISH = """\
#!/bin/sh
exec 1<>{fifo} 2>&1
# How it ended goes to the log, and nothing that it started stays behind: its process group has its pid for a name.
if [ "$1" = 256 ]; then echo "-- ended: killed by signal $2"; else echo "-- ended: exit status $1"; fi
if read -r leader started <pid; then kill -s KILL -- "-$leader"; fi 2>/dev/null
{rest}{cleanup}rm -f pid
exit 0
"""
#: a process can leave its group, but neither its control group nor its account; one that forks while it is killed is killed
#: again
_REST = """\
if [ -e {kill} ]; then echo 1 >{kill}; fi
for again in 1 2 3; do pkill -KILL -u {account} || break; done
"""


def daemon_arguments(service: Service, context: Context) -> Argv:
    """The daemon's arguments, with the framework directives bin, cmdline and cpumask. Failure if it has no daemon."""
    if service.daemon is None:
        raise Failure(f"service {context.title} has no process")
    argv = context.block.value("cmdline").split() or service.daemon(context)
    if program := context.block.value("bin"):
        argv = [program, *argv[1:]]
    cpus = context.block.value("cpumask")
    return [*_affinity_command(cpus), *argv] if cpus else argv


def process_name(service: Service, context: Context) -> str:
    """The words by which its process is known."""
    replaced = context.block.value("bin") or context.block.value("cmdline").partition(" ")[0]
    return (
        context.block.value("procname")
        or replaced
        or service.procname
        or (service.daemon(context)[0] if service.daemon else "")
    )


def command_as_account(account: Account, argv: Argv) -> Argv:
    """`argv` as that account, with its capabilities, never to gain more; root stays what it is.

    The program gets TERM when its parent dies, so that none is left without a supervisor.
    """
    return _setpriv_command(account.user, account.capabilities, "TERM") + argv


def command_as_checker(account: Account, argv: Argv, *, more: bool = False) -> Argv:
    """`argv` as the account of its checker, without any capability but those on request, if it needs `more`; it is killed when
    its parent dies."""
    return _setpriv_command(account.checker, account.on_request if more else (), "KILL") + argv


def requests_more(service: Service, context: Context, files: Path | None = None) -> bool:
    """Do its files, in that directory if they do not lie in its own, ask for the capabilities that its account has on request?"""
    return service.requests is not None and service.requests(context, files or Path(service.owns))


def service_files(service: Service, context: Context, log: Path, *, more: bool) -> dict[str, str]:
    """The files of the two s6 service directories, of the daemon and of its logger, by their paths in the scan directory.
    `more`: the daemon also has the capabilities that its account has on request.

    Between them is a FIFO with a name, held open for both ways by both: neither notices when the other, or one of their
    supervisors, is gone for a moment.
    """
    title, logger = context.title, logger_name(context.title)
    log_script = [*service.log_script(context), "+"] if service.log_script else []
    keep = [*_environment_command({}), "s6-log", "-b", *log_script, "n4", "s65536", "T", str(log)]
    return {
        f"{title}/run": _run_script(service, context, f"../{logger}/fifo", more=more),
        f"{title}/finish": _finish_script(service, context, f"../{logger}/fifo"),
        f"{title}/timeout-kill": "5000\n",
        f"{logger}/run": f"#!/bin/sh\numask 077\nexec {shlex.join(keep)} 0<>fifo\n",
    }


def logger_name(title: str) -> str:
    """The name of the service directory of its logger; no title looks like that."""
    return f"{title}~log"


def pid_command(path: str) -> str:
    """Shell words that write the shell's pid to a file. It may lie where the account writes: a link there is replaced, not
    followed, and what comes between is no reason to follow it either."""
    file = shlex.quote(path)
    return f"if [ -L {file} ] || [ -f {file} ]; then rm -f {file}; fi; (set -C; echo $$ >{file})"


def _run_script(service: Service, context: Context, fifo: str, *, more: bool) -> str:
    account = command_as_account(_daemon_account(service, context, more=more), daemon_arguments(service, context))
    command = _environment_command(service.environment) + account
    if service.account.user != "root":
        command = confinement.daemon_command(command)
    pidfile = context.block.value("pidfile")
    lines = [
        "#!/bin/sh",
        *_opening_log(service.account, fifo),
        f"echo {_oom_score(service)} 2>/dev/null >/proc/self/oom_score_adj",
        # Who we are: the pid, which exec keeps, and when this process started (see proc(5)).
        "read -r line </proc/self/stat && set -- $line && echo $$ ${22} >pid.new && mv pid.new pid",
        *([pid_command(pidfile)] if pidfile else []),
        confinement.OPEN_FILES_LIMIT,
        *_bounds(service.account, context.title),
        "cd /",
        f"exec {shlex.join(command)}",
    ]
    return "\n".join(lines) + "\n"


def _daemon_account(service: Service, context: Context, *, more: bool) -> Account:
    account = service.account
    further = [*(service.capabilities(context) if service.capabilities else ()), *(account.on_request if more else ())]
    return replace(account, capabilities=(*account.capabilities, *further))


def _opening_log(account: Account, fifo: str) -> list[str]:
    """Whoever is not root writes there and reads nothing; it waits for the logger, and outlives it."""
    if account.user == "root":
        return [f"exec 1<>{shlex.quote(fifo)} 2>&1"]
    return ["trap '' PIPE", f"exec 1>{shlex.quote(fifo)} 2>&1"]


def _oom_score(service: Service) -> int:
    if service.dies_last:
        return INDISPENSABLE
    return 0 if service.account.user == "root" else EXPENDABLE


def _bounds(account: Account, title: str) -> list[str]:
    """Of memory and processes for a daemon that runs what others may have written."""
    if account.user == "root":
        return []
    return [f"{ENCLOSE} {shlex.quote(title)} $$ 2>/dev/null || prlimit --pid $$ --nproc={PROCESSES}"]


def _finish_script(service: Service, context: Context, fifo: str) -> str:
    account = service.account.user
    uid, _ = permissions.account_ids(account) if account != "root" else (0, 0)
    kill = shlex.quote(f"{CONTROL_GROUPS}/{context.title}/cgroup.kill")
    rest = _REST.replace("{account}", str(uid)).replace("{kill}", kill) if uid else ""
    cleanup = "".join(f"{shlex.join(argv)}\n" for argv in service.cleanup(context)) if service.cleanup else ""
    return _FINISH.replace("{fifo}", shlex.quote(fifo)).replace("{rest}", rest).replace("{cleanup}", cleanup)


def _environment_command(extra: Mapping[str, str]) -> Argv:
    """What a daemon sees is always the same, whoever started it."""
    wanted = {"PATH": PATH, "LC_ALL": "C.UTF-8", **extra}
    return ["env", "-i", *(f"{name}={value}" for name, value in wanted.items())]


def _affinity_command(cpus: str) -> Argv:
    return ["taskset", cpus] if cpus.startswith("0x") else ["taskset", "-c", cpus]


def _setpriv_command(user: str, capabilities: Sequence[str], signal: str) -> Argv:
    if user == "root":
        return ["setpriv", "--pdeathsig", signal, "--"]
    uid, gid = permissions.account_ids(user)
    kept = ",".join(["-all", *(f"+{name}" for name in capabilities)])
    return [
        "setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--no-new-privs",
        f"--inh-caps={kept}", f"--ambient-caps={kept}", f"--bounding-set={kept}", "--pdeathsig", signal, "--",
    ]  # fmt: skip
