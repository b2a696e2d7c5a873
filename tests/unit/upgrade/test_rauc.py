"""RAUC, as it is started."""

import os
import select
import signal
import time
from pathlib import Path

import pytest

from firmware import run
from firmware.upgrade import rauc


def test_an_installation_ends_with_who_began_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However that ended: else RAUC would write on, and nobody would hold the locks."""
    for name, script in (
        ("modprobe", "exit 0"),
        ("rauc", f"echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; exec sleep 60"),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(run, "PATH", f"{tmp_path}:{run.PATH}")
    monkeypatch.setattr(rauc, "MOUNTS", tmp_path / "mounts")
    child = os.fork()
    if not child:
        rauc.install(tmp_path / "bundle", "a", 1, other_model=False)
        os._exit(0)
    await_file(tmp_path / "pid")
    handle = os.pidfd_open(int((tmp_path / "pid").read_text()))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert select.select([handle], [], [], 20)[0]
    os.close(handle)


def await_file(path: Path) -> None:
    end = time.monotonic() + 20
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.01)
