"""Work that several processes do at once, each its share of it, and each in a copy of what lies below a directory.

The copy is mounted over the directory, for that process alone: so paths stay what they are.
"""

import multiprocessing
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, cast

import logged_disk

#: what a share of the work does: its number, and whom to tell how far it got
Work = Callable[[int, Callable[[Any], None]], Any]


def reports(count: int, top: Path, work: Work) -> Iterator[list[Any]]:
    """What each of `count` shares has said last, whenever one says something, and when all have ended; RuntimeError if one fails.
    `work` returns the last thing that is to be said."""
    context = multiprocessing.get_context("fork")
    pipes = [context.Pipe(duplex=False) for _ in range(count)]
    processes = [
        context.Process(target=_run, args=(number, top, work, pipe[1]), daemon=True)
        for number, pipe in enumerate(pipes)
    ]
    for process, (_, end) in zip(processes, pipes, strict=True):
        process.start()
        end.close()
    try:
        yield from _said([pipe for pipe, _ in pipes])
        for process in processes:
            process.join()
        if any(process.exitcode for process in processes):
            raise RuntimeError("a process that tried its share of the states has failed")
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _said(pipes: list[Connection]) -> Iterator[list[Any]]:
    last, waiting = dict[Connection, Any](), list(pipes)
    while waiting:
        for pipe in cast(list[Connection], wait(waiting)):
            try:
                last[pipe] = pipe.recv()
            except EOFError:
                waiting.remove(pipe)
        yield list(last.values())


def _run(number: int, top: Path, work: Work, pipe: Connection) -> None:
    logged_disk.hide_mounts()
    own = top / f"share-{number}"
    shutil.copytree(top / "node", own / "node", symlinks=True)
    (own / "mounted").mkdir()
    logged_disk.bind(own, top)
    with suppress(KeyboardInterrupt):  # told to end: what it has said last stands
        pipe.send(work(number, pipe.send))
