"""Runs commands on lab nodes through a process that stays (`exec_server.py`), one for each process that this is in."""

import functools
import json
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

SERVER = Path(__file__).with_name("exec_server.py")
_ANSWER = struct.Struct("!i")
_PIECE = 1 << 16
_starting = threading.Lock()


def execute(words: list[str], data: bytes, seconds: float) -> tuple[int, bytes, bytes]:
    """What `nodes` with these words does with that input: exit status, standard output and standard error.
    TimeoutExpired, and it is ended, if it takes longer."""
    deadline = time.monotonic() + seconds
    ours, theirs = socket.socketpair()
    (stdin, to), (out, stdout), (err, stderr) = (os.pipe() for _ in range(3))
    _send_streams([theirs.fileno(), stdin, stdout, stderr])
    theirs.close()
    for handle in (stdin, stdout, stderr):
        os.close(handle)
    with ours:
        try:
            ours.sendall(json.dumps(words).encode())
            ours.shutdown(socket.SHUT_WR)
            pid = _receive(ours, deadline)
            said, complained = _exchange(to, data, [out, err], deadline)
            return _receive(ours, deadline), said, complained
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(["nodes", *words], seconds) from None


def _send_streams(handles: list[int]) -> None:
    """Ask for a command that has these. Where the server has ended meanwhile, as processes here may be ended by tests, nothing has
    been done yet, and another one is asked."""
    try:
        socket.send_fds(_server(os.getpid()), [b"x"], handles)
    except (BrokenPipeError, ConnectionResetError):
        _start_server.cache_clear()
        socket.send_fds(_server(os.getpid()), [b"x"], handles)


@functools.cache
def _start_server(pid: int) -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        argv = [sys.executable, "-ES", str(SERVER), str(theirs.fileno())]
        subprocess.Popen(argv, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], cwd="/")
    return ours


def _server(pid: int) -> socket.socket:
    """The way to the server of this process, which is started when it is needed first."""
    with _starting:
        return _start_server(pid)


def _receive(connection: socket.socket, deadline: float) -> int:
    """A number that is answered; TimeoutError after the deadline."""
    connection.settimeout(max(0.001, deadline - time.monotonic()))
    answer = connection.recv(_ANSWER.size, socket.MSG_WAITALL)
    assert len(answer) == _ANSWER.size, "exec_server.py has ended"
    (number,) = _ANSWER.unpack(answer)
    return int(number)


def _exchange(stdin: int, data: bytes, outputs: list[int], deadline: float) -> list[bytes]:
    """Write all that goes in, and read all that comes out, at the same time; TimeoutError after the deadline."""
    found = {handle: bytearray() for handle in outputs}
    rest = memoryview(data)
    os.set_blocking(stdin, False)
    with selectors.DefaultSelector() as selector:
        for handle in (*outputs, stdin):
            selector.register(handle, selectors.EVENT_WRITE if handle == stdin else selectors.EVENT_READ)
        try:
            while selector.get_map():
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                if not ready and time.monotonic() >= deadline:
                    raise TimeoutError
                for key, _ in ready:
                    if key.fd == stdin:
                        rest = _write(stdin, rest)
                        is_over = not rest
                    else:
                        more = os.read(key.fd, _PIECE)
                        found[key.fd] += more
                        is_over = not more
                    if is_over:
                        selector.unregister(key.fd)
                        os.close(key.fd)
        finally:
            for key in list(selector.get_map().values()):
                os.close(key.fd)
    return [bytes(found[handle]) for handle in outputs]


def _write(handle: int, data: memoryview) -> memoryview:
    """What is left of it once some was written; nothing if nobody reads it."""
    try:
        return data[os.write(handle, data[:_PIECE]) :] if data else data
    except BrokenPipeError:
        return data[:0]
