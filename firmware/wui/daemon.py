"""The web UI's daemon: the half of it that faces the network. It reads what browsers send, and can do nothing by itself:
whatever is done is done by the session of who asks (`root_half`).

It listens as the block `service wui` says: `port` (4444), `listen` (every address of both families), and HTTPS with a
certificate made on the node unless it says `tls off`.
"""

import asyncio
import gc
import resource
import signal

from firmware import log
from firmware.errors import Failure, report
from firmware.services.declared.wui import Address
from firmware.wui import listening
from firmware.wui.attempts import Attempts
from firmware.wui.credentials import Credentials
from firmware.wui.pages import Pages
from firmware.wui.root_half import RootHalf
from firmware.wui.site import Site
from firmware.wui.web.server import Server

#: what the process may have whatever happens: descriptors, and bytes of memory (it needs a third of either)
CEILINGS = {resource.RLIMIT_NOFILE: 512, resource.RLIMIT_DATA: 128 << 20}


def main(argv: list[str]) -> int:
    """Run the web UI in the foreground, where the words LISTEN PORT tls|plain say, or else config.rc."""
    _set_limits()
    try:
        asyncio.run(_serve_until_stopped(listening.parse_address(argv)))
    except Failure as error:
        log.line(report("wui", error))
        return error.status
    return 0


def _set_limits() -> None:
    """The ceilings. And what a flood of connections leaves behind is collected after some hundreds of them: it takes a
    millisecond, for nothing that has been imported is looked at again."""
    for what, most in CEILINGS.items():
        resource.setrlimit(what, (most, most))
    gc.collect()
    gc.freeze()
    gc.set_threshold(700, 3, 3)


async def _serve_until_stopped(where: Address) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    tls = listening.tls_context() if where.tls else None
    server = Server(Site(Credentials(RootHalf(), Attempts()), Pages()), tls)
    listeners = listening.open_listeners(where)
    accepting = [asyncio.create_task(server.accept(listener)) for listener in listeners]
    await ended.wait()
    for task in accepting:
        task.cancel()
    for listener in listeners:
        listener.close()
    await server.stop()
