"""The web UI, as an account of its own."""

import os
from dataclasses import dataclass

from firmware.rc.block import Block
from firmware.rc.values import ADDRESS, FLAG, PORT
from firmware.services import readiness
from firmware.services.definition import Account, Argv, Companion, Context, Directive, Package, Service

DAEMON: Argv = ["/usr/bin/python3", "-m", "firmware", "wui"]
#: where the root half is reached (see `accounts.sessions`), and how many may be about to log in at a time
SOCKETS, LOGINS = "/run/firmware/wui", 16
#: certificate and key, in one file that an operator may replace
CERTIFICATE = "/etc/wui/tls.pem"
#: the accounts, which only the root half reads
ACCOUNTS = "/etc/wui/accounts.json"
#: its first word where it listens at every address, of IPv4 and IPv6
EVERY = "*"
#: its last word, by whether it is HTTPS
SCHEMES = {True: "tls", False: "plain"}


@dataclass(frozen=True, slots=True)
class Address:
    """Where the web UI listens, on this node and, by convention, on its peer; `listen` is "" for every address."""

    listen: str
    port: int
    tls: bool


def address(block: Block | None) -> Address:
    """What its block says: every address, port 4444 and HTTPS unless it says something else."""
    if block is None:
        return Address("", 4444, True)
    return Address(block.value("listen"), int(block.value("port", "4444")), block.flag("tls", True))


def ports(context: Context) -> list[tuple[str, int]]:
    """Where administrators reach it."""
    where = address(context.block)
    return [(where.listen, where.port)]


def daemon(context: Context) -> Argv:
    """It is told where to listen: its account need not be able to read config.rc."""
    where = address(context.block)
    return [*DAEMON, where.listen or EVERY, str(where.port), SCHEMES[where.tls]]


def setup(context: Context) -> list[Argv]:
    """The directory of its sockets, which its account may enter and nobody may write to but root; and a self-signed
    certificate, where HTTPS is wanted and there is none."""
    directory = [["mkdir", "-p", SOCKETS], ["chown", "root:wui", SOCKETS], ["chmod", "750", SOCKETS]]
    if not address(context.block).tls or os.path.lexists(CERTIFICATE):
        return directory
    made = f"{CERTIFICATE}.new"
    return [
        *directory,
        ["mkdir", "-p", "/etc/wui"],
        ["rm", "-f", made],
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "3650",
            "-subj", "/CN=load balancer", "-keyout", made, "-out", made,
        ],
        ["mv", made, CERTIFICATE],
    ]  # fmt: skip


def companions(context: Context) -> list[Companion]:
    """What starts the root half: a process for each who logs in (see `session.daemon`), and only that."""
    listen = ["s6-ipcserver-socketbinder", "-a", "0666", "-b", "64", f"{SOCKETS}/login.sock"]
    serve = ["s6-ipcserverd", "-c", str(LOGINS), "-C", str(LOGINS)]
    # Else what is freed after a password was checked would stay with the process.
    session = [
        "env",
        "MALLOC_ARENA_MAX=2",
        "MALLOC_MMAP_THRESHOLD_=131072",
        "/usr/bin/python3",
        "-m",
        "firmware",
        "session",
    ]
    return [Companion(context.title, "login", [*listen, *serve, *session], serve[0])]


SERVICE = Service(
    name="wui",
    summary="web UI",
    owns="/etc/wui",
    private=(ACCOUNTS,),
    follows=(ACCOUNTS,),
    node_specific="its accounts and its certificate belong to this node",
    account=Account("wui", ("net_bind_service",)),
    makes=("/etc/wui/tls*",),
    packages=(Package("openssl", "LIBOPENSSL_BIN"),),
    setup=setup,
    ports=ports,
    check=lambda context: [*daemon(context), "check"],
    checks_itself=True,
    daemon=daemon,
    companions=companions,
    procname="python3 -m firmware wui",
    ready=lambda _, pid: readiness.port_problem(pid),
    directives=(
        Directive("port", PORT, "the TCP port", default="4444", example="port 8443"),
        Directive("listen", ADDRESS, "the address to listen on", default="every address", example="listen 192.0.2.10"),
        Directive("tls", FLAG, "HTTPS; off: HTTP", default="on", example="tls off"),
    ),
)
