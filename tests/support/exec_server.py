"""`nodes exec` without starting Python for each command: one process has it loaded, and forks for each that it is asked for.

A test run has thousands of commands, and to start Python takes longer than to enter a node. It runs as
`python -ES exec_server.py CONTROL`, CONTROL a descriptor through which there come, for each command, a socket and the command's three
streams; it ends when that is closed. On the socket are the words after `nodes`, as JSON; the answers are the pid of who waits
for the command, and its exit status.
"""

import json
import os
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import NoReturn

sys.path.append(str(Path(__file__).resolve().parents[1] / "lab"))

import cli
import inside  # noqa: F401 - before there is a fork

ANSWER = struct.Struct("!i")


def serve(control: socket.socket) -> None:
    """Fork for each command, until nobody can send any more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that fork here
    while handles := socket.recv_fds(control, 1, 4)[1]:
        if not os.fork():
            control.close()
            run(socket.socket(fileno=handles[0]), handles[1:])
        for handle in handles:
            os.close(handle)


def run(connection: socket.socket, streams: list[int]) -> NoReturn:
    """Be `nodes` for one command."""
    status = cli.NO_NODE
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        with connection.makefile("rb") as file:
            words = json.load(file)
        connection.sendall(ANSWER.pack(os.getpid()))
        status = cli.main(words)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        for number in range(3):
            os.close(number)
        connection.sendall(ANSWER.pack(status))
        os._exit(status)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
