"""The web UI's daemon. It answers `GET /csyncd/keys` with this node's public keys, without a login, and nothing else yet.

It listens as the block `service wui` says: `port` (4444), `listen` (every address of both families), and HTTPS with a
certificate made on the node unless it says `tls off`.
"""

import asyncio
import gc
import resource
import signal

from firmware import log
from firmware.errors import Failure, Invalid, report
from firmware.http11.admission import Admission
from firmware.http11.server import Request
from firmware.http11.wire import Response
from firmware.operations import pairing
from firmware.operations.peer_web_ui import SETTINGS_INVALID
from firmware.services.declared.wui import Address
from firmware.wui import connections, listening

#: what the process may have whatever happens: descriptors, and bytes of memory (it needs a third of either)
CEILINGS = {resource.RLIMIT_NOFILE: 256, resource.RLIMIT_DATA: 128 << 20}


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
    admission = Admission(connections.MOST, connections.MOST_OF_ONE)
    listeners = listening.open_listeners(where)
    accepting = [asyncio.create_task(connections.accept(listener, admission, tls, _answer)) for listener in listeners]
    await ended.wait()
    for task in accepting:
        task.cancel()
    for listener in listeners:
        listener.close()


async def _answer(request: Request) -> Response:
    if request.path != "/csyncd/keys":
        return Response(404, {"error": f"{request.path}: there is no such page"})
    if request.method != "GET":
        return Response(405, {"error": f"{request.method}: it can only be read"})
    try:
        return Response(200, pairing.public_keys().json())
    except Failure as error:
        problem = {"problem": SETTINGS_INVALID} if isinstance(error, Invalid) else {}
        return Response(404, {"error": str(error), "hint": error.hint, **problem})
