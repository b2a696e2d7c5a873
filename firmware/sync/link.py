"""The link: one ssh client that stays connected to the peer's sshd, and the HTTP connection inside it that stays open.

ssh's own words are kept, because they tell an operator what is wrong: a refused key, a changed host key, no route.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from firmware import files, run
from firmware.errors import Failure, Invalid, Lost, Refused
from firmware.http11.client import Client, connect_unix
from firmware.http11.encoded import Encoded
from firmware.sync import keys, packets
from firmware.sync.link_problems import CABLE_REMEDY, LinkProblem, SshOutput, explain_ssh_output, missing_keys
from firmware.sync.message import Message, parse_refusal
from firmware.sync.peer_ports import RUN
from firmware.sync.peer_sshd import ACCOUNT, peer_socket
from firmware.sync.settings import Settings, node_name

#: seconds between attempts to connect (who asks, and a peer that is back, makes it try at once), and for one attempt: ssh
#: gives up after 5 without an answer, and its sshd ends after 10 what has not proved who it is
RETRY_INTERVAL, CONNECT_TIME = 5.0, 12.0
#: seconds between attempts even if there is always a reason to try at once: a peer can give us one whenever it likes
MIN_INTERVAL = 0.2
#: seconds to wait for a link that broke before the peer had answered
RECONNECT_TIME = 20.0
#: seconds that it may take to say why an ssh has ended: three packets are sent for it (`packets.mtu_problem`)
REASON_TIME = 5.0

Answer = TypeVar("Answer")
#: what to do where the peer's answer is none
MALFORMED = "csync log there tells what came of it; see that both nodes run the same version of the firmware"


def ssh_configuration(settings: Settings, directory: Path = keys.DIRECTORY, where: Path = RUN) -> str:
    """The text of ssh_config: the peer is known by its key alone, under its node's name, whatever its address is."""
    return f"""\
Host *
HostName {settings.remote_ip.replace("%", "%%")}
HostKeyAlias {settings.peer}
Port {settings.port}
User {ACCOUNT}
BindAddress {settings.local_ip}
UserKnownHostsFile {directory / keys.KNOWN_HOSTS}
GlobalKnownHostsFile none
StrictHostKeyChecking yes
CheckHostIP no
UpdateHostKeys no
HostKeyAlgorithms {keys.TYPE}
IdentityFile {directory / keys.USER}
IdentitiesOnly yes
IdentityAgent none
PreferredAuthentications publickey
BatchMode yes
ForwardAgent no
ForwardX11 no
Compression no
ConnectTimeout 5
ServerAliveInterval 1
ServerAliveCountMax 3
ExitOnForwardFailure yes
StreamLocalBindUnlink yes
LocalForward {where / "link.sock"} {peer_socket(node_name(settings.local_node))}
LogLevel INFO
"""


class Link:
    """The way to the peer. `reason` is "" while it is up, and else why it is not, in ssh's own words."""

    def __init__(
        self, settings: Settings, up: Callable[[], Awaitable[object]], down: Callable[[str], None], where: Path = RUN
    ) -> None:
        self._settings, self._on_up, self._on_down, self._directory = settings, up, down, where
        self._socket = where / "link.sock"
        self._clients: dict[str, Client] = {}
        self._ssh: asyncio.subprocess.Process | None = None
        self._wake, self._attempted = asyncio.Event(), asyncio.Event()
        self.reason, self.remedy = "the first connection is being made", ""

    async def stay_connected(self) -> None:
        """Connect, stay connected, connect again; until cancelled."""
        while True:
            self._wake.clear()
            try:
                await self._connect_once()
            except Failure as error:
                self.mark_down(str(error), error.hint)
            await asyncio.sleep(MIN_INTERVAL)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), RETRY_INTERVAL)

    def reconnect_now(self) -> None:
        """There is reason to try again at once."""
        self._wake.set()

    def mark_down(self, why: str, remedy: str = "") -> None:
        """The link is down, and this is why, and what to do."""
        self.reason, self.remedy = why, remedy
        self._attempted.set()
        self._on_down(why)

    async def wait_for_attempt(self, timeout: float) -> None:
        """If the link is down, wait for what the next attempt brings, `timeout` seconds at the most."""
        if self.reason:
            self._attempted.clear()
            self.reconnect_now()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._attempted.wait(), timeout)

    async def request(
        self,
        path: str,
        content: dict[str, Any] | Encoded,
        parse: Callable[[Message], Answer],
        *,
        lane: str,
        timeout: float,
    ) -> Answer:
        """POST to the peer over the connection of that lane, which stays open; opening one costs more round trips. `parse`
        makes of its answer what is returned: as it came, nobody gets it.

        A push has its own lane, so that it never waits behind a notice, nor a notice behind a long reload.
        """
        if self.reason:
            raise self._unreachable(self.reason)
        client = self._clients.get(lane)
        if client is None or not client.is_open:
            client = self._clients[lane] = await self._open_client()
        try:
            answer = await client.request("POST", path, content, timeout=timeout)
        except Lost:
            raise
        except Failure as error:  # of what came, which is too large or no JSON
            told = str(error).replace("the answer", f"the answer of {self._settings.peer}", 1)
            raise Failure(told, error.hint or MALFORMED) from None
        if answer.status != 200:
            raise parse_refusal(answer.content, self._settings.peer)
        return parse(Message(answer.content, f"the answer of {self._settings.peer}: it is malformed", hint=MALFORMED))

    async def retry_if_lost(self, ask: Callable[[float], Awaitable[Answer]], seconds: float) -> Answer:
        """What `ask` answers within that time. If the link breaks before that, ask again as soon as it is back, so only for
        what may be asked twice; Lost if there is no answer RECONNECT_TIME seconds later."""
        try:
            return await ask(seconds)
        except Lost as error:
            lost = error
        deadline = time.monotonic() + RECONNECT_TIME
        while (left := deadline - time.monotonic()) > 0:
            await asyncio.sleep(0.5)
            try:
                await self.wait_for_attempt(left)
                return await ask(max(1.0, deadline - time.monotonic()))
            except (Refused, Invalid):
                raise
            except Failure:
                continue
        raise Lost(
            f"{lost}, and the peer cannot be asked again", "once csync status is not red, ask again: it does no harm"
        )

    def close(self) -> None:
        """Close the connection for good."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        if self._ssh and self._ssh.returncode is None:
            self._ssh.terminate()

    async def _open_client(self) -> Client:
        try:
            return await connect_unix(self._socket)
        except OSError as error:
            # ssh has ended just now. Why that is will be known in a moment, and says more than a socket without a listener.
            if not self.reason:
                self._attempted.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._attempted.wait(), REASON_TIME)
            raise self._unreachable(self.reason or error.strerror or str(error)) from None

    def _unreachable(self, why: str) -> Failure:
        return Failure(f"the peer cannot be reached: {why}", self.remedy or "csync check")

    async def _connect_once(self) -> None:
        if (missing := missing_keys(self._settings)).text:
            raise Failure(missing.text, missing.remedy)
        files.write(
            self._directory / "ssh_config",
            ssh_configuration(self._settings, where=self._directory).encode(),
            mode=0o600,
        )
        with contextlib.suppress(FileNotFoundError):
            self._socket.unlink()
        self._ssh = ssh = await run.start_helper(
            ["ssh", "-N", "-F", str(self._directory / "ssh_config"), self._settings.peer]
        )
        output = SshOutput()
        why = ""
        collecting = asyncio.create_task(self._collect_output(ssh, output))
        try:
            await self._wait_for_forwarding(ssh)
            if ssh.returncode is None:
                self.reason = ""
                await self._on_up()
                self._attempted.set()
            await ssh.wait()
        except Failure as error:
            why = str(error)
        finally:
            self.close()
            await ssh.wait()
            await collecting
        problem = explain_ssh_output(output.lines, self._settings)
        silent = problem.remedy == CABLE_REMEDY or (why and not problem.text)
        if silent and (large := await asyncio.to_thread(packets.mtu_problem, self._settings.remote_ip)):
            problem = LinkProblem("; ".join(filter(None, (large, problem.text or why))), packets.REMEDY)
        self.mark_down(problem.text or why or "ssh ended without a word", problem.remedy)

    async def _wait_for_forwarding(self, ssh: asyncio.subprocess.Process) -> None:
        # ssh makes the local socket once it has been let in; there is nothing else to wait on.
        try:
            async with asyncio.timeout(CONNECT_TIME):
                while ssh.returncode is None and not self._socket.exists():
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise Failure(f"{self._settings.peer} answers, but lets nobody in within {CONNECT_TIME:g} s") from None

    async def _collect_output(self, ssh: asyncio.subprocess.Process, output: SshOutput) -> None:
        async for line in run.read_lines(ssh.stderr):
            output.note_line(line)
            if "open failed" in output.lines[-1]:
                # A channel that the peer refuses is as good as no link: begin anew, until it is let in again.
                self.close()
