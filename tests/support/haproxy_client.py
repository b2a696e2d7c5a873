"""A client of haproxy that never stops: it opens a new connection every few milliseconds, asks, and reads the whole answer.

It runs on a node: `python3 -c … ADDRESS PORT MILLISECONDS`, says "asking" after the first answer, and ends when its stdin
does, with one JSON object: how many connections it made in how many seconds, how each of them ended, and the slowest.

Connections are opened when they are due, however long others take; where the machine is too slow for that, fewer are made,
and `a_second` says so. The server closes first, so that no port of ours has to wait for its next use.
"""

import asyncio
import errno
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

#: seconds that a connection may take, from its beginning to the end of the answer
PATIENCE = 10.0
#: how many of those that went wrong are told one by one
MOST = 20


@dataclass
class Seen:
    """What became of the connections; `troubles` are [seconds since the start, seconds that it took, words]."""

    began: float = field(default_factory=time.monotonic)
    ends: Counter[str] = field(default_factory=Counter)
    troubles: list[tuple[float, float, str]] = field(default_factory=list)
    slowest: float = 0.0

    def note(self, began: float, end: str, words: str = "") -> None:
        """A connection came to its end."""
        now = time.monotonic()
        self.ends[end] += 1
        self.slowest = max(self.slowest, now - began)
        if end != "ok" and len(self.troubles) < MOST:
            self.troubles.append((round(began - self.began, 3), round(now - began, 3), f"{end}: {words}"))

    def report(self, made: int) -> dict[str, object]:
        """As JSON."""
        seconds = time.monotonic() - self.began
        ends = {end: self.ends[end] for end in ("ok", "refused", "broken", "timed out", "out of ports")}
        return {
            "made": made, "seconds": round(seconds, 3), "a_second": round(made / seconds, 1), **ends,
            "slowest": round(self.slowest, 3), "troubles": self.troubles,
        }  # fmt: skip


def main(address: str, port: str, milliseconds: str) -> None:
    """Ask until stdin ends."""
    seen = Seen()
    print(json.dumps(seen.report(asyncio.run(_keep_asking(seen, address, int(port), float(milliseconds) / 1000)))))


async def _keep_asking(seen: Seen, address: str, port: int, period: float) -> int:
    await _ask(seen, address, port)
    print("asking", flush=True)
    enough = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    made, due = 1, time.monotonic()
    under_way: set[asyncio.Task[None]] = set()
    while not enough.done():
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        due = max(due + period, time.monotonic() - period)
        under_way.add(task := asyncio.create_task(_ask(seen, address, port)))
        task.add_done_callback(under_way.discard)
        made += 1
    await asyncio.gather(*under_way)
    return made


async def _ask(seen: Seen, address: str, port: int) -> None:
    began = time.monotonic()
    try:
        async with asyncio.timeout(PATIENCE):
            answer = await _answer(address, port)
    except TimeoutError as error:
        seen.note(began, "timed out", str(error))
    except ConnectionRefusedError as error:
        seen.note(began, "refused", str(error))
    except OSError as error:
        seen.note(began, "out of ports" if error.errno == errno.EADDRNOTAVAIL else "broken", str(error))
    else:
        seen.note(began, "ok" if _whole(answer) else "broken", f"{answer[:200]!r} is not a whole answer")


async def _answer(address: str, port: int) -> bytes:
    reader, writer = await asyncio.open_connection(address, port)
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")
        return await reader.read()
    finally:
        writer.close()


def _whole(answer: bytes) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    size = next((line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b"")
    return head.startswith(b"HTTP/1.1 200 ") and size.strip() == b"%d" % len(body)


if __name__ == "__main__":
    main(*sys.argv[1:])
