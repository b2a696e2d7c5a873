"""Two fresh virtual units are provisioned over their ttyS1 as a factory does it, and leave it as a pair that is green.

Run by `make -f image.mk provision`. What is made (orders, key, records, labels) is left in build/provision.
"""

import argparse
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from lab_driver import Failed, Lab
from story import ADDRESSES, Broken, Stage, alone, stay

COLUMNS = "serial,model,mac,host_name,address,network,port,password,pair"
SERIALS = {1: "VIRTUAL-0001", 2: "VIRTUAL-0002"}
PROJECT = Path(__file__).resolve().parents[2]


def order_row(stage: Stage, node: int) -> str:
    """What is ordered for a unit; its addresses are those at its ports."""
    mac = " ".join(f"02:00:0a:20:{port:02x}:{10 + node:02x}" for port in (0, 1))
    line = f"unix://{(stage.lab.state / str(node) / 'ttyS1').absolute()}"
    pair = SERIALS[2] if node == 1 else ""
    return f"{SERIALS[node]},Virtual unit,{mac},bench{node},{ADDRESSES[node]},10.32.0.0/24,{line},at the bench,{pair}"


def provision(*words: str | Path) -> int:
    """The program, as a worker starts it; its words go to the terminal. Returns its exit status."""
    return subprocess.run([sys.executable, "-m", "firmware", "provision", *words], cwd=PROJECT).returncode


def write_orders(stage: Stage, top: Path, more: Sequence[str] = ()) -> Path:
    """The orders of both units, and what others are in the same batch."""
    path = top / "units.csv"
    path.touch(mode=0o600)
    path.write_text("\n".join((COLUMNS, *(order_row(stage, node) for node in (1, 2)), *more)) + "\n")
    return path


def make_factory(top: Path) -> None:
    """An empty directory with the factory's key."""
    shutil.rmtree(top, ignore_errors=True)
    top.mkdir(parents=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "factory", "-f", top / "key"], check=True)


def play(stage: Stage, top: Path) -> None:
    """All of it."""
    stage.tell("   0.0 s  two fresh units get power")
    stage.lab.up(2)
    with stage.step("two units answer on ttyS1, and are nobody yet"):
        make_factory(top)
        orders = write_orders(stage, top)
    records = top / "records"
    with stage.step("provision batch: tested, identified, paired, saved, locked; a record and a label each"):
        words = (
            "--records",
            records,
            "--key",
            top / "key",
            "--labels",
            top / "labels",
            "--summary",
            top / "summary.csv",
        )
        require(provision("batch", orders, *words) == 0, "provision batch failed")
    with stage.step("provision verify: every record is as it was signed"):
        require(provision("verify", records) == 0, "the records are not whole")
    with stage.step("repeating the command finds both done already"):
        require(provision("batch", orders, "--records", records, "--key", top / "key") == 0, "repeating failed")
    with stage.step("both units: green"):
        for node in (1, 2):
            stage.shows(node, "green")


def require(holds: bool, what: str) -> None:
    """Broken unless it holds."""
    if not holds:
        raise Broken(what)


def perform(stage: Stage, top: Path, *, then_stay: bool) -> int:
    """Play it, and take the units away whatever happens; returns the exit status."""
    held = False
    try:
        play(stage, top)
        held = True
        print(f"all of it held; records and labels are in {top}", flush=True)
        if then_stay:
            stay(stage)
    except (Broken, Failed) as error:
        print(f"the story broke: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0 if held else 130
    finally:
        stage.lab.down()
    return 0


def main() -> int:
    """The arguments, and Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stay", action="store_true", help="leave the units running until Ctrl-C")
    parser.add_argument("--cold", action="store_true", help="power them on, even if they once booted this image")
    given = parser.parse_args()
    stage = Stage(Lab(Path("build/qemu"), "qemu", given.cold), tell=partial(print, flush=True), began=time.monotonic())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with alone(stage.lab.state):
            return perform(stage, Path("build/provision"), then_stay=given.stay)
    except Broken as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
