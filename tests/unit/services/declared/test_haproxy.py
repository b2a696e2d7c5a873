"""A reload does not wait for ever for a master's socket that somebody else has put there."""

import multiprocessing
import os
import socket
import sys
from pathlib import Path

from lab_driver import eventually

from firmware.haproxy import master
from firmware.rc import document
from firmware.services.declared import haproxy
from firmware.services.definition import Context, Running


def _endless(path: str) -> None:
    """Whoever is haproxy may put another socket in the place of its master's."""
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


def _running(context: Context, pid: int) -> Running:
    return Running(context, pid, lambda name: None, lambda: False, lambda: "-- ended: exit status 0")


def _reload(path: str, pid: int) -> None:
    config = document.parse("service haproxy\n")
    context = Context.of(haproxy.SERVICE, config.blocks[0], config)
    done = haproxy.reload(_running(context, pid), path=path, seconds=1)
    sys.exit(0 if done.status == 1 and "no new worker serves" in done.output else 1)


def test_an_answer_without_end_neither_fills_memory_nor_holds_a_reload(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    path = str(tmp_path / "master.sock")
    runs = [fork.Process(target=_endless, args=(path,))]
    runs[0].start()
    assert eventually(lambda: (tmp_path / "master.sock").exists())
    runs.append(fork.Process(target=_reload, args=(path, runs[0].pid)))
    runs[1].start()
    runs[1].join(30)
    ended = runs[1].exitcode
    for run in runs:
        run.kill()
        run.join()
    assert ended == 0


def _answers(path: str) -> None:
    """Answers as a master does whose new worker serves, whatever it is asked."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(100)
        while True:
            client, _ = listener.accept()
            with client:
                client.recv(100)
                client.sendall(b"1   master  7  [failed: 0]\nPid: 4711\n")


def test_only_the_master_itself_is_believed(tmp_path: Path) -> None:
    path = str(tmp_path / "master.sock")
    listening = multiprocessing.get_context("fork").Process(target=_answers, args=(path,))
    listening.start()
    try:
        assert eventually(lambda: master.worker_pid(path, listening.pid or 0) == 4711)
        assert master.reload_counts(path, listening.pid or 0) == (7, 0)
        assert master.worker_pid(path, os.getpid()) == 0 and master.reload_counts(path, os.getpid()) is None
    finally:
        listening.kill()
        listening.join()
