"""A way from this machine to the web UI of a node, wherever the node's network lies.

A lab node has a network of its own, so a socket that listens on the machine is handed to a program that runs on the node: it
accepts what comes in there and connects to the node's port 4444. The port of a virtual unit is forwarded by QEMU.
"""

import json
import socket
import subprocess
import sys
from dataclasses import dataclass, field

from lab_driver import NODES, Lab

PORT = 4444

#: runs on the node; its standard input is the socket that listens on the machine
_RELAY = """
import asyncio, socket, sys

async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof() if writer.can_write_eof() else None
    except OSError:
        pass

async def relay(reader, writer):
    try:
        there, here = await asyncio.open_connection(sys.argv[1], int(sys.argv[2]))
        await asyncio.gather(pump(reader, here), pump(there, writer))
        here.close()
    except OSError:
        pass
    writer.close()

async def serve():
    server = await asyncio.start_server(relay, sock=socket.socket(fileno=0))
    async with server:
        await server.serve_forever()

asyncio.run(serve())
"""


@dataclass
class Doorway:
    """Where a browser on this machine reaches a node's web UI. `open` again after the node was rebooted: the address stays."""

    lab: Lab
    node: int
    scheme: str = "https"
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    relay: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        """Let whoever connects in."""
        self.close()
        if self.lab.kind == "lab":
            words = ["--kind", "lab", "--state", str(self.lab.state), "exec", str(self.node), "/usr/bin/python3", "-c"]
            argv = [sys.executable, "-ES", str(NODES), *words, _RELAY, "127.0.0.1", str(PORT)]
            self.relay = subprocess.Popen(argv, stdin=self.listener, stdout=subprocess.DEVNULL)

    def close(self) -> None:
        """Shut it; whoever is connected loses the connection."""
        if self.relay:
            self.relay.terminate()
            self.relay.wait()
        self.relay = None

    @property
    def address(self) -> str:
        """Where a page lies, without a slash at the end."""
        if self.lab.kind == "lab":
            return f"{self.scheme}://127.0.0.1:{self.listener.getsockname()[1]}"
        return f"{self.scheme}://127.0.0.1:{json.loads(self.lab.nodes('ports', str(self.node)).stdout)['wui']}"
