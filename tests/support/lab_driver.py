"""Drives nodes from Python the way everybody does it: through the program tests/lab/nodes. What `Lab.run` runs on lab nodes is done
by the same code, in a process that is loaded already (`exec_client.py`)."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import exec_client

#: seconds that a state may take to come about. A wait that succeeds takes no longer than the state does, so this is for a machine
#: that has much else to do; a check that something does not happen says its own time
PATIENCE = 60.0
NODES = Path(__file__).resolve().parents[1] / "lab" / "nodes"


def eventually(holds: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Whether it holds within that time. Between two looks there is twice the time that one takes: others work meanwhile."""
    end = time.monotonic() + seconds
    while True:
        began = time.monotonic()
        if holds():
            return True
        now = time.monotonic()
        if now > end:
            return False
        time.sleep(min(max(0.02, 2 * (now - began)), 0.5))


@dataclass(frozen=True, slots=True)
class Result:
    """What a finished command left. `stdout` and `stderr` are text; what is not UTF-8 keeps its bytes as surrogates."""

    status: int
    stdout: str
    stderr: str


class Failed(AssertionError):
    """A command that had to work did not."""


@dataclass(frozen=True, slots=True)
class Lab:
    """Some nodes that belong to one state directory."""

    state: Path
    kind: str = "lab"
    cold: bool = False
    image: Path | None = None

    def up(self, count: int = 2) -> str:
        """Fresh nodes, in the place of those that are there. Returns what there is to say of it."""
        return self.nodes("up", str(count)).stdout.strip()

    def run(
        self, node: int, *argv: str | bytes, stdin: str | bytes = b"", check: bool = True, timeout: float | None = None
    ) -> Result:
        """Run a command on a node, which has five minutes for it: the machine may be busy, and a virtual unit is emulated. With
        `check`, an exit status other than 0 is Failed, with the command's words."""
        if self.kind != "lab":
            return self.nodes("exec", str(node), *argv, stdin=stdin, check=check, timeout=timeout or 300)
        words = [os.fsdecode(word) for word in (*self._options(), "exec", str(node), *argv)]
        return _result(words, exec_client.execute(words, _encode(stdin), timeout or 300), check)

    def start(self, node: int, *argv: str | bytes) -> subprocess.Popen[bytes]:
        """Start a command on a node and leave it running; its streams are pipes, and it ends when it is killed here."""
        pipe = subprocess.PIPE
        return subprocess.Popen(self._argv("exec", str(node), *argv), stdin=pipe, stdout=pipe, stderr=pipe)

    def read(self, node: int, path: str) -> str:
        """The text of a file on a node."""
        return self.run(node, "cat", path).stdout

    def write(self, node: int, path: str, text: str | bytes) -> None:
        """Write a file on a node as an editor or a redirection would: in place, owner and mode stay."""
        self.run(node, "sh", "-c", 'cat >"$0"', path, stdin=text)

    def reboot(self, node: int, *command: str) -> None:
        """An orderly reboot; or, of a virtual unit, one that a command leads to."""
        self.nodes("reboot", str(node), *command)

    def cut(self, node: int) -> None:
        """A power cut, then power on."""
        self.nodes("cut", str(node))

    def link(self, node: int, on: bool, *, after: int | None = None) -> None:
        """Plug the node's cable in, or pull it, now or as soon as more than `after` bytes have crossed it."""
        self.nodes("link", str(node), "up" if on else "down", *([] if after is None else ["--after", str(after)]))

    def delay(self, milliseconds: int) -> None:
        """Delay what the nodes send each other, each way."""
        self.nodes("delay", str(milliseconds))

    def down(self) -> None:
        """Everything away."""
        self.nodes("down")

    def nodes(self, *words: str | bytes, stdin: str | bytes = b"", check: bool = True, timeout: float = 600) -> Result:
        """Run the program itself."""
        done = subprocess.run(self._argv(*words), input=_encode(stdin), capture_output=True, timeout=timeout)
        return _result(words, (done.returncode, done.stdout, done.stderr), check)

    def _argv(self, *words: str | bytes) -> list[str | bytes]:
        return [sys.executable, "-ES", str(NODES), *self._options(), *words]

    def _options(self) -> list[str]:
        image = ["--image", str(self.image)] if self.image else []
        kind = ["--kind", self.kind] if self.kind else []
        return [*kind, "--state", str(self.state), *image, *(["--cold"] if self.cold else [])]


def _encode(text: str | bytes) -> bytes:
    return text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text


def _result(words: Sequence[str | bytes], done: tuple[int, bytes, bytes], check: bool) -> Result:
    result = Result(done[0], *(stream.decode("utf-8", "surrogateescape") for stream in done[1:]))
    if check and result.status:
        raise Failed(f"nodes {words!r}: exit status {result.status}\n{result.stdout}{result.stderr}")
    return result


def fresh_nodes(lab: Lab, count: int = 2) -> Iterator[Lab]:
    """Fresh nodes, for as long as a fixture has them."""
    try:
        lab.up(count)
        yield lab
    finally:
        lab.down()
