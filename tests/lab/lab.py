"""What the verbs of `nodes` do, but for `exec`."""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import inside
import sockets
from state import Trouble, hold_lock, hub_pid, init_pid, lock_holder, open_init, require_hub

HERE = Path(__file__).resolve().parent
#: seconds that a node may take to boot, and a lab to go away
PATIENCE = 60.0
#: the mark that `service boot` leaves at its end
BOOTED = "run/firmware/booted"


def up(state: Path, count: int, layers: list[str]) -> None:
    """Fresh nodes 1 to `count`, booted. Those that are there go first."""
    claim_directory(state, "lab")
    for number in range(1, count + 1):
        for name in ("flash", "root"):
            (state / str(number) / name).mkdir(parents=True)
    (state / "layers").mkdir()
    start_hub(state, count, layers)
    _await_boot(state, range(1, count + 1))


def claim_directory(state: Path, kind: str) -> None:
    """A state directory without nodes, known for one by its lock, that is for nodes of that kind; what was up in it goes first.
    Trouble if others play a story there."""
    player = lock_holder(f"{state}.story")
    if player not in (0, os.getppid()):
        raise Trouble(
            f"{state}: a run (pid {player}) is at work there; end that one first\nhint: or --state DIR, for another place"
        )
    down(state)
    state.mkdir(parents=True, exist_ok=True)
    (state / "lab.lock").touch()
    (state / "kind").write_text(f"{kind}\n")


def start_hub(state: Path, count: int, layers: list[str]) -> None:
    """Start the process that holds a lab up; without layers, of virtual units. Their directories are there already."""
    lock = hold_lock(str(state))
    hear, ready = os.pipe()
    with open(state / "hub.log", "wb") as log:
        numbers = [str(number) for number in (count, lock, ready)]
        subprocess.Popen(
            [sys.executable, "-EsS", str(HERE / "hub.py"), str(state), *numbers, *layers],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", pass_fds=(lock, ready), start_new_session=True,
        )  # fmt: skip
    os.close(lock)
    os.close(ready)
    if not os.read(hear, 1):
        raise Trouble(f"the lab does not come up\n{_read_text(state / 'hub.log')}")


def reboot(state: Path, number: int) -> None:
    """An orderly reboot: the services are stopped, then the power goes off and on."""
    pidfd = open_init(str(state), number)
    child = os.fork()
    if not child:
        os._exit(inside.execute(pidfd, ["service", "shutdown"]))
    if not _has_ended(os.pidfd_open(child), PATIENCE):
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        print(f"nodes: node {number}: service shutdown: exit status {status}", file=sys.stderr)
    cut(state, number)


def cut(state: Path, number: int) -> None:
    """A power cut, then power on; returns when the node has booted."""
    send_order(state, "cut", number)
    _await_boot(state, [number])


def link(state: Path, number: int, on: bool, *, after: int | None = None) -> None:
    """Plug a node's cable in, or pull it, now or `after` that many bytes."""
    send_order(state, "link", number, on, *([] if after is None else [after]))


def delay(state: Path, milliseconds: float) -> None:
    """Delay what the nodes send to each other, each way."""
    send_order(state, "delay", milliseconds)


def down(state: Path) -> None:
    """Everything away. Does no harm where no lab is up, or only half of one."""
    if not state.exists():
        return
    if not state.is_dir() or (any(state.iterdir()) and not (state / "lab.lock").exists()):
        raise Trouble(f"{state}: this is not the state directory of a lab; it is left alone")
    pid = hub_pid(str(state))
    if pid:
        handle = os.pidfd_open(pid)
        signal.pidfd_send_signal(handle, signal.SIGTERM)
        if not _has_ended(handle, 10):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            _has_ended(handle, PATIENCE)
    shutil.rmtree(state)


def send_order(state: Path, *words: object) -> None:
    """Give the hub an order. Trouble if it cannot be carried out."""
    wrong = _ask_hub(state, *words)
    if wrong:
        raise Trouble(wrong)


def _ask_hub(state: Path, *words: object) -> str:
    """Give the hub an order; returns what is wrong with it, or nothing."""
    require_hub(str(state))
    with sockets.connect(state / "control") as connection:
        connection.sendall(json.dumps(words).encode())
        return connection.recv(4096).decode()


def _await_boot(state: Path, numbers: Iterable[int]) -> None:
    """Wait until `service boot` has left its mark on these nodes."""
    end = time.monotonic() + PATIENCE
    for number in numbers:
        while not _has_booted(state, number):
            dead = _ask_hub(state, "power", number)
            if dead or time.monotonic() > end:
                console = _read_text(state / str(number) / "console.log")
                raise Trouble(f"node {number} does not boot; its console:\n{console}{_read_text(state / 'hub.log')}")
            time.sleep(0.01)


def _has_booted(state: Path, number: int) -> bool:
    try:
        return os.path.exists(f"/proc/{init_pid(str(state), number)}/root/{BOOTED}")
    except Trouble:
        return False


def _has_ended(pidfd: int, seconds: float) -> bool:
    return bool(select.select([pidfd], [], [], seconds)[0])


def _read_text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
