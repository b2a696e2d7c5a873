"""A disk that fails when it is told to, without a guest: a file → QEMU's `blkdebug`, while it shall fail → an export by FUSE → a loop
device. What it is told to do fails with EIO, whatever the program that is under test does; nothing of it is pretended."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import logged_disk

_EIO = 5


@dataclass(frozen=True, slots=True)
class FailingDisk:
    """`device` is to be mounted. It works until it is told to fail."""

    device: Path
    monitor: Path
    export: Path

    @contextmanager
    def failing(self, *kinds: str) -> Iterator[None]:
        """Meanwhile every "read" or "write" fails, or the first "flush" (for the daemon itself flushes when it is told to go on);
        it works again afterwards."""
        rules = [
            {"event": "none", "iotype": kind, "errno": _EIO, "immediately": True, "once": kind == "flush"}
            for kind in kinds
        ]
        node = {"driver": "blkdebug", "node-name": "failing", "image": "image", "inject-error": rules}
        self._forget()
        self._tell("blockdev-add", node)
        self._lead_to("failing")
        try:
            yield
        finally:
            self._lead_to("image")
            self._tell("blockdev-del", {"node-name": "failing"})

    def _lead_to(self, node: str) -> None:
        self._tell("blockdev-reopen", {"options": [{"driver": "raw", "node-name": "exported", "file": node}]})

    def _forget(self) -> None:
        """Have the kernel read anew what it remembers of the disk."""
        os.sync()
        handle = os.open(self.export, os.O_RDONLY)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)

    def _tell(self, command: str, arguments: dict[str, Any]) -> None:
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.connect(str(self.monitor))
            answers = monitor.makefile("r")
            for words in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                monitor.sendall(json.dumps(words).encode() + b"\n")
            said = [json.loads(answers.readline()) for _ in range(3)]
        assert "error" not in said[-1], said


@contextmanager
def attached(image: Path, top: Path) -> Iterator[FailingDisk]:
    """A device with what the file `image` holds."""
    monitor = top / "monitor"
    nodes = (f"driver=file,node-name=image,filename={image}", "driver=raw,node-name=exported,file=image")
    words = ("--chardev", f"socket,id=monitor,path={monitor},server=on,wait=off", "--monitor", "chardev=monitor")
    with logged_disk.export(nodes, top, *words) as file, logged_disk.loop_device(file) as device:
        yield FailingDisk(device, monitor, file)
