"""A reload does not wait for ever for a master's socket that somebody else has put there."""

import multiprocessing
import sys
from pathlib import Path

from lab_driver import eventually

from firmware.rc import document
from firmware.services.declared import haproxy
from firmware.services.definition import Context, Running


def _endless(path: str) -> None:
    """Whoever is haproxy may put another socket in the place of its master's."""
    import socket

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(100)
        while True:
            client, _ = listener.accept()
            try:
                while True:
                    client.sendall(b"x" * 65536)
            except OSError:
                client.close()


def _reload(path: str) -> None:
    config = document.parse("service haproxy\n")
    context = Context.of(haproxy.SERVICE, config.blocks[0], config)
    done = haproxy.reload(Running(context, 1, lambda name: None, lambda: ""), path=path, seconds=1)
    sys.exit(0 if done.status == 1 and "no new worker serves" in done.output else 1)


def test_an_answer_without_end_neither_fills_memory_nor_holds_a_reload(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    path = str(tmp_path / "master.sock")
    runs = [fork.Process(target=one, args=(path,)) for one in (_endless, _reload)]
    runs[0].start()
    assert eventually(lambda: (tmp_path / "master.sock").exists())
    runs[1].start()
    runs[1].join(30)
    ended = runs[1].exitcode
    for run in runs:
        run.kill()
        run.join()
    assert ended == 0
