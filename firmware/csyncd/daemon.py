"""csyncd: holds the link to the peer and the sshd for its key, watches /etc, and serves two kinds of sockets.

Reading order: `main` → `_run`. The operator's socket (root alone) is `csyncd.operator`; a peer's is `csyncd.peer`.
Everything that blocks runs in a thread.
"""

import asyncio
import contextlib
import grp
import os
import signal
import socket
import struct
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path

from firmware import addresses, log, processes, run
from firmware.csyncd import CONTROL, heap, operator, peer, recovery_timer, saver, scrub
from firmware.csyncd.pair import Pair
from firmware.csyncd.tasks import start_task
from firmware.errors import Failure, report
from firmware.flows.recovery import recover
from firmware.http11.quota import Quota
from firmware.http11.server import Request, serve
from firmware.http11.wire import Response
from firmware.patterns import PathPatterns
from firmware.services.definition import APPLIED
from firmware.sync import peer_ports, peer_sshd, settings, space, transaction
from firmware.sync.inventory import Inventory
from firmware.sync.link_problems import LinkProblem, missing_keys
from firmware.sync.peer_sshd import RemotePeer
from firmware.sync.settings import Settings
from firmware.upgrade import attention
from firmware.watch import Watch

#: pid, uid, gid; see unix(7)
_CREDENTIALS = struct.Struct("3i")

#: connections of one peer, of which it needs one for notices and one for pushes, and answers worked out for it at a time
CONNECTIONS, ANSWERS = 8, 2
#: threads for what blocks, more than a few peers can keep busy together; each is made when it is needed first
THREADS = 32

#: seconds between two looks at who has come in
LOOK_INTERVAL = 1.0
#: seconds until the sshd is started again: one that ended, and one that could not be started
RESTART_INTERVAL, ERROR_INTERVAL = 1.0, 5.0

#: what is watched with all below it, and what alone: there a service's directory is put in place whole, after it was made ready
WATCHED = (Path("/etc"), Path("/run/firmware/saved"), Path("/run/firmware/scan"), attention.PATH.parent)
WATCHED_FLAT = (APPLIED,)
#: what csyncd makes ready itself: of a push on its way in, only the journal is of interest
NOT_WATCHED = PathPatterns((f"{transaction.STAGING}/*/*",))


def main(argv: list[str]) -> int:
    """Run csyncd in the foreground; with the word `recover`, only see to what an interrupted push left; with `save NAME`, only
    save for that peer."""
    if argv[:1] == ["save"]:
        return saver.main(argv[1])
    try:
        for line in recover():
            log.line(f"csyncd: {line}")
        if not argv:
            asyncio.run(_run(settings.read(local_addresses=addresses.local_addresses())))
    except Failure as error:
        log.line(report("csyncd", error))
        return error.status
    except OSError as error:
        log.line(report("csyncd", Failure(f"{error.filename or 'it ends'}: {error.strerror or error}")))
        return Failure.status
    return 0


async def _run(own_settings: Settings) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
    for place in (*WATCHED, *WATCHED_FLAT, peer_ports.RUN):
        place.mkdir(mode=0o755, parents=True, exist_ok=True)
    watch = Watch(WATCHED, lambda: start_task(servers.on_change()), flat=WATCHED_FLAT, leave_out=NOT_WATCHED)
    pair = Pair(own_settings, Inventory(watch.take_hints))
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    servers = PeerServers(pair)
    recovery_timer.schedule_recovery()
    parts = (ended.wait(), servers.keep_serving(), pair.link.stay_connected(), scrub.keep_scrubbing(pair))
    work = [asyncio.create_task(part) for part in parts]
    # Who waits until csyncd answers may count on its port being taken.
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(servers.attempted.wait(), ERROR_INTERVAL)
    server = await _listen(Path(CONTROL), lambda request, _: operator.answer(pair, request), mode=0o600)
    heap.freeze()
    try:
        done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        for part in done:
            part.result()
    finally:
        watch.close()
        server.close()
        for part in work:
            part.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        Path(CONTROL).unlink(missing_ok=True)
        recovery_timer.keep_one_sleeper()


class PeerServers:
    """The sshd for peers and their sockets behind it, kept as csyncd_authorized says."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._allowed: list[RemotePeer] = []
        self._reopen = asyncio.Event()
        self._said = asyncio.Event()
        #: set once the sshd listens, or could not be started
        self.attempted = asyncio.Event()
        self._sessions: peer_sshd.SessionLimit | None = None

    async def on_change(self) -> None:
        """Something changed below /etc: perhaps the keys, and certainly worth telling the peer."""
        if peer_sshd.authorized_peers(self._pair.settings) != self._allowed:
            self._reopen.set()
        if missing_keys(self._pair.settings).text:
            self._pair.link.close()
        recovery_timer.keep_one_sleeper()  # what waited may have been put back by a command
        await self._pair.tell_peer()
        heap.trim_when_idle()

    async def keep_serving(self) -> None:
        """Serve the peers; anew when their keys change or the sshd ends; until cancelled."""
        while True:
            self._reopen.clear()
            self._allowed = peer_sshd.authorized_peers(self._pair.settings)
            async with contextlib.AsyncExitStack() as stack:
                try:
                    for remote in self._allowed:
                        stack.callback(_close_server, await self._serve(remote), remote.socket)
                    sshd = await peer_sshd.start(self._pair.settings, self._allowed)
                    stack.push_async_callback(_end_sshd, sshd)
                    await self._wait_for_end(sshd)
                except Failure as error:
                    log.line(f"csyncd: {error}")
                    words = "; ".join(str(error).splitlines())
                    self._note_trouble(LinkProblem(f"no peer can come in: {words}", error.hint))
            self.attempted.set()
            self._pair.link.reconnect_now()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(
                    self._reopen.wait(), ERROR_INTERVAL if self._pair.sshd_problem.text else RESTART_INTERVAL
                )

    async def _serve(self, remote: RemotePeer) -> asyncio.Server:
        group = grp.getgrnam(peer_sshd.ACCOUNT).gr_gid
        remote.socket.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        os.chown(remote.socket.parent, 0, group)
        quota = Quota(CONNECTIONS, ANSWERS, heap.large_work, space.spool_room)
        answer = partial(peer.answer, self._pair, remote)
        server = await _listen(remote.socket, answer, partial(self._note_session, remote), mode=0o660, quota=quota)
        os.chown(remote.socket, 0, group)
        return server

    def _note_session(self, remote: RemotePeer, pid: int) -> None:
        if self._sessions:
            self._sessions.note_connection(pid, remote.name)
            self._said.set()

    async def _wait_for_end(self, sshd: asyncio.subprocess.Process) -> None:
        work = [
            asyncio.create_task(part)
            for part in (
                self._log_sshd_output(sshd),
                self._limit_sessions(sshd),
                self._watch_ports(sshd),
                run.wait_for_end(sshd),
                self._reopen.wait(),
            )
        ]
        try:
            await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            if not self._reopen.is_set() and not peer_ports.has_bound():
                await self._note_ports(peer_ports.peer_ports(self._pair.settings))
        finally:
            for part in work:
                part.cancel()

    async def _watch_ports(self, sshd: asyncio.subprocess.Process) -> None:
        """See whether sshd got its ports. If it did not, it is started again as soon as they are free."""
        while not peer_ports.has_bound():
            await asyncio.sleep(0.02)
        missing = await asyncio.to_thread(peer_ports.missing_ports, self._pair.settings, sshd.pid)
        await self._note_ports(missing)
        self.attempted.set()
        while missing:
            await asyncio.sleep(ERROR_INTERVAL)
            if not await asyncio.to_thread(peer_ports.taken_ports, self._pair.settings):
                self._reopen.set()
        await run.wait_for_end(sshd)

    async def _note_ports(self, missing: list[int]) -> None:
        words = await asyncio.to_thread(peer_ports.describe_trouble, self._pair.settings, missing)
        self._note_trouble(LinkProblem(words, peer_ports.REMEDY.format(self._pair.settings.local_node)))

    def _note_trouble(self, trouble: LinkProblem) -> None:
        """Peers cannot come in, or they can again: the peer is told, too."""
        if trouble.text != self._pair.sshd_problem.text:
            self._pair.sshd_problem = trouble
            start_task(self._pair.tell_peer())

    async def _log_sshd_output(self, sshd: asyncio.subprocess.Process) -> None:
        """Write to the log what sshd says. Somebody may have come in then, whatever it says: that is looked into."""
        async for line in run.read_lines(sshd.stderr):
            log.line(f"sshd: {line}")
            self._said.set()

    async def _limit_sessions(self, sshd: asyncio.subprocess.Process) -> None:
        """Look after the sessions when there is reason to, once in LOOK_INTERVAL at most, however much sshd says."""
        self._sessions = peer_sshd.SessionLimit(sshd.pid)
        while True:
            await self._said.wait()
            self._said.clear()
            await asyncio.to_thread(self._sessions.enforce)
            await asyncio.sleep(LOOK_INTERVAL)


Answer = Callable[[Request, Callable[[], str]], Awaitable[Response]]


async def _listen(
    path: Path,
    answer: Answer,
    connected: Callable[[int], None] = lambda pid: None,
    *,
    mode: int,
    quota: Quota | None = None,
) -> asyncio.Server:
    """Serve at that socket; `answer` gets the request and what finds out, once, from which address the connection came.
    `connected` is told the pid of each who connects."""

    async def serve_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        credentials = writer.get_extra_info("socket").getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size
        )
        pid = _CREDENTIALS.unpack(credentials)[0]
        connected(pid)
        origin = cache(lambda: processes.remote_address(pid))
        await serve(reader, writer, lambda request: answer(request, origin), quota=quota, program="csyncd")
        heap.trim_when_idle()

    path.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(serve_connection, str(path))
    # Until here nobody but root could write to it, and so connect.
    path.chmod(mode)
    return server


def _close_server(server: asyncio.Server, path: Path) -> None:
    server.close()
    path.unlink(missing_ok=True)


async def _end_sshd(sshd: asyncio.subprocess.Process) -> None:
    if sshd.returncode is None:
        sshd.terminate()
    # The sessions first: they hold the pipe of sshd's words, and asyncio waits for its end.
    await asyncio.to_thread(peer_sshd.end_leftovers)
    await sshd.wait()
