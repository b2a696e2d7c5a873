"""Sends requests to the peer API of another node, through a channel of the real sshd, with a key that it trusts; runs on a
node, started by `hostile.Sender`, and knows nothing of HTTP but where an answer ends.

usage: peer_api_sender.py KEY NODE WORKERS. Frames come on stdin and go to stdout, each with a number, a kind and a length before it.
"""

import contextlib
import json
import os
import queue
import re
import socket
import struct
import subprocess
import sys
import threading
import time

FRAME = struct.Struct("!IBI")
#: bytes, sent over a connection that stays open, which bring as many answers as the frame's first byte says
KEPT = 0
#: bytes, sent over a connection of their own that is half closed then, for whatever comes back until it is closed
WHOLE = 1
#: JSON: parts [text, times, pause], sent over a connection of their own while it can be, without closing it
PARTS = 2
#: JSON: how many connections to open and leave open, and the text that each sends; what each brings within a second
HELD = 3
#: seconds to wait for an answer
PATIENCE = 100


def main() -> None:
    key, node, workers = sys.argv[1], sys.argv[2], int(sys.argv[3])
    path = f"/tmp/sender-{os.getpid()}"
    with open("/run/firmware/csyncd/ssh_config") as file:
        text = file.read()
    text = re.sub(r"(?m)^IdentityFile .*", f"IdentityFile {key}", text)
    text = re.sub(r"(?m)^LocalForward .*", f"LocalForward {path} /run/firmware/peer/node-{node}.sock", text)
    with open(f"{path}.config", "w") as file:
        file.write(text)
    host = re.search(r"(?m)^HostKeyAlias (\S+)", text)[1]
    ssh = subprocess.Popen(["ssh", "-N", "-F", f"{path}.config", host])
    try:
        while not os.path.exists(path):
            if ssh.poll() is not None:
                sys.exit("sender: ssh ended")
            time.sleep(0.02)
        serve(path, workers)
    finally:
        ssh.terminate()
        ssh.wait()
        for name in (path, f"{path}.config"):
            if os.path.exists(name):
                os.unlink(name)


def serve(path: str, workers: int) -> None:
    work: queue.Queue = queue.Queue(workers * 4)
    writing = threading.Lock()

    def run() -> None:
        kept = Kept(path)
        while (frame := work.get()) is not None:
            number, kind, data = frame
            try:
                answer = kept.exchange(data) if kind == KEPT else (whole, parts, held)[kind - 1](path, data)
            except OSError as error:
                answer = b"SENDER " + str(error).encode()
            with writing:
                sys.stdout.buffer.write(FRAME.pack(number, kind, len(answer)) + answer)
                sys.stdout.buffer.flush()

    threads = [threading.Thread(target=run) for _ in range(workers)]
    for thread in threads:
        thread.start()
    while len(head := sys.stdin.buffer.read(FRAME.size)) == FRAME.size:
        number, kind, size = FRAME.unpack(head)
        work.put((number, kind, sys.stdin.buffer.read(size)))
    for _ in threads:
        work.put(None)
    for thread in threads:
        thread.join()


def connected(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE)
    connection.connect(path)
    return connection


class Kept:
    """A connection that stays open for as long as the other side wants that."""

    def __init__(self, path: str) -> None:
        self.path, self.connection, self.ahead = path, None, b""

    def exchange(self, data: bytes) -> bytes:
        if self.connection is None:
            self.connection, self.ahead = connected(self.path), b""
        try:
            self.connection.sendall(data[1:])
            answers = [self.answer() for _ in range(data[0])]
        except BaseException:
            self.close()
            raise
        if not all(answers) or any(b"\r\nconnection: close" in answer.lower() for answer in answers):
            self.close()
        return b"".join(answers)

    def answer(self) -> bytes:
        while not (head := re.match(rb"(?s).*?\r\n\r\n", self.ahead)):
            if not self.more():
                return self.ahead
        size = head.end() + int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", head[0])[1])
        while len(self.ahead) < size and self.more():
            pass
        answer, self.ahead = self.ahead[:size], self.ahead[size:]
        return answer

    def more(self) -> bool:
        data = self.connection.recv(65536)
        self.ahead += data
        return bool(data)

    def close(self) -> None:
        self.connection.close()
        self.connection = None


def rest(connection: socket.socket) -> bytes:
    """Whatever still comes, until the other side closes."""
    found = b""
    try:
        while data := connection.recv(65536):
            found += data
    except ConnectionResetError:
        pass
    return found


def whole(path: str, data: bytes) -> bytes:
    with connected(path) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it may have been turned away already
        return rest(connection)


def parts(path: str, data: bytes) -> bytes:
    with connected(path) as connection:
        reader: list[bytes] = []
        reading = threading.Thread(target=lambda: reader.append(rest(connection)))
        reading.start()
        try:
            for text, times, pause in json.loads(data):
                unit = text.encode("latin-1")
                for _ in range(times):
                    connection.sendall(unit)
                    if not reading.is_alive():
                        break
                    time.sleep(pause)
        except OSError:
            pass
        reading.join(PATIENCE)
        return reader[0] if reader else b""


open_connections: list[socket.socket] = []


def held(path: str, data: bytes) -> bytes:
    count, text = json.loads(data)
    made = [connected(path) for _ in range(count)]
    open_connections.extend(made)
    for connection in made:
        connection.settimeout(1)
        with contextlib.suppress(OSError):
            connection.sendall(text.encode("latin-1"))
    return json.dumps([first(connection) for connection in made]).encode()


def first(connection: socket.socket) -> str:
    try:
        return connection.recv(4096).decode("latin-1")
    except OSError:
        return ""


main()
