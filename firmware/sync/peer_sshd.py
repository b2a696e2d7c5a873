"""The peer sshd: it lets in exactly the peers' keys, each to its own Unix socket of csyncd and to nothing else.

`ssh -L` to a socket was chosen over a forced command with a relay: no program of ours and no shell ever runs for a peer
(MaxSessions 0), each key is tied to its own socket (permitopen), and csyncd knows by the socket whose request it reads.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from firmware import files, processes, run
from firmware.printable import bracket_address
from firmware.sync import keys
from firmware.sync.audit import Who
from firmware.sync.peer_ports import RUN, SSHD, peer_ports
from firmware.sync.settings import Settings

SOCKETS = Path("/run/firmware/peer")
ACCOUNT = "csync"
#: sessions of one key at a time
MAX_SESSIONS = 4


@dataclass(frozen=True, slots=True)
class RemotePeer:
    """A peer that may come in: its node's name, its key, the socket at which csyncd hears it, the address from which it
    speaks ("" if that is not known), and whether it has gone before it was answered."""

    name: str
    key: keys.Key
    socket: Path
    address: str = ""
    has_gone: Callable[[], bool] = field(default=lambda: False, compare=False)

    @property
    def node(self) -> int:
        """The number in its name."""
        return int(self.name.removeprefix("node-"))

    @property
    def key_holder(self) -> keys.KnownPeer:
        """The peer that holds this key."""
        return keys.KnownPeer(self.node, self.key.fingerprint)

    @property
    def who(self) -> Who:
        """As the audit trail names it."""
        return Who(self.name, self.address, self.key.fingerprint)


def authorized_peers(settings: Settings, directory: Path = keys.DIRECTORY, sockets: Path = SOCKETS) -> list[RemotePeer]:
    """Everyone in csyncd_authorized."""
    authorized = keys.authorized_keys(directory, settings.remote_node)
    return [RemotePeer(one.node, one.key, peer_socket(one.node, sockets)) for one in authorized]


def peer_socket(name: str, sockets: Path = SOCKETS) -> Path:
    """The socket that belongs to the node of that name; the same path on every node, so that its own ssh can name it."""
    return sockets / f"{name}.sock"


def sshd_config(
    settings: Settings, peers: list[RemotePeer], directory: Path = keys.DIRECTORY, where: Path = RUN
) -> str:
    """The text of sshd_config."""
    opens = " ".join(f"[{remote.socket}]:*" for remote in peers) or "none"
    listen = "\n".join(f"ListenAddress {bracket_address(settings.local_ip)}:{port}" for port in peer_ports(settings))
    return f"""\
{listen}
HostKey {directory / keys.HOST}
AuthorizedKeysFile {where / "authorized"}
PidFile {where / "sshd.pid"}
AllowUsers {ACCOUNT}
AuthenticationMethods publickey
PubkeyAcceptedAlgorithms {keys.TYPE}
HostKeyAlgorithms {keys.TYPE}
PermitRootLogin no
PermitTTY no
PermitUserRC no
PermitUserEnvironment no
X11Forwarding no
AllowAgentForwarding no
PermitTunnel no
GatewayPorts no
AllowStreamLocalForwarding local
AllowTcpForwarding local
PermitOpen {opens}
PermitListen none
ForceCommand /bin/false
MaxSessions 0
MaxAuthTries 3
MaxStartups 100:30:200
PerSourceMaxStartups 10
LoginGraceTime 10
ClientAliveInterval 3
ClientAliveCountMax 2
Compression no
UseDNS no
PrintMotd no
LogLevel INFO
"""


def authorized_keys(peers: list[RemotePeer]) -> str:
    """The text of the authorized keys: each key leads to its own socket, and to nothing else."""
    return "".join(
        f'restrict,port-forwarding,permitopen="[{remote.socket}]:*",permitlisten="localhost:1",command="/bin/false" '
        f"{remote.key.line} {remote.name}\n"
        for remote in peers
    )


async def start(settings: Settings, peers: list[RemotePeer], where: Path = RUN) -> asyncio.subprocess.Process:
    """Start the sshd for these peers; whatever an earlier one left behind is ended first."""
    end_leftovers(where)
    keys.require_private_host_key()
    (where / "sshd.pid").unlink(missing_ok=True)
    os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    files.write(where / "sshd_config", sshd_config(settings, peers, where=where).encode(), mode=0o600)
    files.write(where / "authorized", authorized_keys(peers).encode(), mode=0o644)
    # What it merely warns of, it says again when it runs, and that goes to the log.
    await asyncio.to_thread(run.run, [SSHD, "-t", "-f", str(where / "sshd_config")])
    return await run.start_helper([SSHD, "-D", "-e", "-f", str(where / "sshd_config")])


class SessionLimit:
    """How often each peer may come in. It needs one session; of more than a few the oldest is ended, for each is a process
    and a megabyte, and sshd itself bounds only those that have not proved yet who they are.

    A session is a process below sshd that runs as the peers' account, so its key has been accepted. Whose it is, the socket
    tells through which it spoke to csyncd. Those that never spoke count together: they push out each other, and nobody else.
    """

    def __init__(self, sshd: int) -> None:
        self._sshd = sshd
        self._peers: dict[processes.Identity, str] = {}

    def note_connection(self, pid: int, peer: str) -> None:
        """The process `pid` has connected to the socket of that peer."""
        if session := processes.identity(pid):
            self._peers[session] = peer

    def enforce(self) -> None:
        """End the oldest sessions of whoever has too many."""
        sessions = processes.children(self._sshd, ACCOUNT)
        self._peers = {session: self._peers[session] for session in sessions if session in self._peers}
        held: dict[str, list[processes.Identity]] = {}
        for session in sessions:
            held.setdefault(self._peers.get(session, ""), []).append(session)
        for of_one in held.values():
            processes.terminate_each(of_one[:-MAX_SESSIONS])


def end_leftovers(where: Path = RUN) -> None:
    """End an sshd that outlived its csyncd, and every session of the peers' account: a key may have been taken away."""
    processes.terminate_all(account=ACCOUNT, command=f"{SSHD} -D -e -f {where / 'sshd_config'}")
