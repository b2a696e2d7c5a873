"""An agent on a node: it edits, pushes, breaks and looks there, as it is told by lines of JSON, each answered by one.

`tests/long/interruptions.py` runs it on each node with nothing but Python's own library, so that what it says of a node is what
lies and runs there, and not what the firmware thinks of itself.
"""

import grp
import hashlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

OWNED, APPLIED, CONFIG = Path("/etc/haproxy"), Path("/run/firmware/applied/haproxy"), Path("/etc/config.rc")
STAGING, LOCKS, FAULTS = Path("/etc/.staging"), Path("/run/firmware/lock"), Path("/run/faults")
TRAIL = Path("/var/log/csyncd")
HERE = "http://127.0.0.1:8080/"

known: set[str] = set()
pushing: list[subprocess.Popen[str]] = []
struck: list[dict[str, Any]] = []
taken: list[socket.socket] = []
striking: list[threading.Thread] = []
holding: list[threading.Thread] = []


def edit(files: dict[str, list[Any]], interval: str) -> dict[str, Any]:
    """Make haproxy's directory hold these files (name: mode, text) and nothing else, its block that check_interval (""
    for none), and apply it."""
    for old in OWNED.iterdir():
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    group = grp.getgrnam("haproxy").gr_gid
    for name, (mode, text) in files.items():
        path = OWNED / name
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
    for path in OWNED.rglob("*"):
        os.chown(path, 0, group)
        if path.is_dir():
            path.chmod(0o750)
    if interval != command("config", "get", "haproxy", "check_interval")["stdout"].strip():
        command(
            "config", *(["set"] if interval else ["del"]), "haproxy", "check_interval", *([interval] * bool(interval))
        )
    return command("service", "haproxy", "apply")


def command(*argv: str) -> dict[str, Any]:
    """What came of a command."""
    done = subprocess.run(argv, capture_output=True, text=True)
    return {"status": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


def push(*options: str) -> float:
    """Start a push; the time of this machine."""
    pipe = subprocess.PIPE
    command = ["csync", "push", "haproxy", "--json", *options]
    pushing[:] = [subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)]
    return time.monotonic()


def await_push(patience: float) -> dict[str, Any]:
    """Wait for its end."""
    try:
        stdout, stderr = pushing[0].communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        pushing[0].kill()
        stdout, stderr = pushing[0].communicate()
        return {
            "status": None,
            "stdout": "",
            "stderr": f"it did not end within {patience:g} s",
            "time": time.monotonic(),
        }
    return {"status": pushing[0].returncode, "stdout": stdout, "stderr": stderr, "time": time.monotonic()}


def fault(step: str, order: str) -> None:
    """Have something happen at that step."""
    FAULTS.mkdir(exist_ok=True)
    (FAULTS / step).write_text(order)


def strike(target: str, after: float, which: float = 0.0) -> None:
    """KILL a process of that kind `after` some seconds; `which` of several: from 0 to 1."""

    def act() -> None:
        time.sleep(after)
        _strike(target, which)

    _begin(act, striking)


def hold(seconds: float, target: str = "", which: float = 0.0) -> None:
    """Once csyncd has stopped itself: KILL a process of that kind, and have csyncd go on `seconds` later."""

    def act() -> None:
        deadline = time.monotonic() + 60
        while not (stopped := [pid for pid in pids_of("csyncd") if state_of(pid) == "T"]):
            if time.monotonic() > deadline or not holding:
                return
            time.sleep(0.005)
        if target:
            _strike(target, which)
        time.sleep(seconds)
        for pid in stopped:
            _signal(pid, signal.SIGCONT)

    _begin(act, holding)


def await_strikes() -> None:
    """Wait until all that is to be struck is."""
    for thread in striking:
        thread.join()
    striking.clear()


def take_port(port: int) -> None:
    """Let nobody else listen on it."""
    taken.append(socket.create_server(("", port)))


def give_port() -> None:
    """The opposite."""
    while taken:
        taken.pop().close()


def take_events() -> dict[str, Any]:
    """What was struck since the last question, and the steps whose faults still wait; those are taken away."""
    waiting = holding[:]
    holding.clear()
    for thread in waiting:
        thread.join()
    told, struck[:] = list(struck), []
    left = sorted(path.name for path in FAULTS.glob("*"))
    for name in left:
        (FAULTS / name).unlink(missing_ok=True)
    return {"struck": told, "left": left}


def _begin(act: Callable[[], None], threads: list[threading.Thread]) -> None:
    threads.append(threading.Thread(target=act, daemon=True))
    threads[-1].start()


def _strike(target: str, which: float) -> None:
    if target == "save":
        struck.append({"target": target, "pid": 1, "time": time.monotonic(), **command("config", "save")})
        return
    pids = pids_of(target)
    hit = pids[int(which * len(pids))] if pids else 0
    struck.append({"target": target, "pid": hit, "time": time.monotonic()})
    if hit:
        _signal(hit, signal.SIGKILL)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def pids_of(target: str) -> list[int]:
    """The pids of what is called so here."""
    return [pid for pid, parent, name, words in processes() if kind_of(name, words, parent) == target]


def processes() -> Iterator[tuple[int, int, str, list[str]]]:
    """Pid, parent, name and arguments of everything that runs here, but for this agent and what it started."""
    for pid in sorted(int(entry) for entry in os.listdir("/proc") if entry.isdigit()):
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        parent = int(stat.rpartition(")")[2].split()[1])
        if pid != os.getpid() and (parent != os.getpid() or "push" in words):
            yield pid, parent, stat[stat.index("(") + 1 : stat.rindex(")")], words


def state_of(pid: int) -> str:
    """The letter of its state; "" if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def kind_of(name: str, words: list[str], parent: int) -> str:
    """What a process is called in a strike, and when they are counted."""
    line = " ".join(words)
    if words[1:4] == ["-m", "firmware", "csyncd"]:
        return "csyncd"
    if "/usr/sbin/csync push" in line:
        return "push"
    if name == "sshd" and "/csyncd/sshd_config" in line:
        return "listener"
    if name == "sshd" and line.startswith("sshd: csync"):
        return "session"
    if name == "haproxy":
        return "worker" if name_of(parent) == "haproxy" else "master"
    return name


def name_of(pid: int) -> str:
    """The name of a process; "" if it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def count_processes() -> dict[str, int]:
    """How many of each kind run here."""
    return dict(Counter(kind_of(name, words, parent) for _, parent, name, words in processes()))


def settle(counts: dict[str, int], patience: float) -> list[str]:
    """Wait until nothing is under way here any more: no lock held, nothing staged, haproxy answers, these processes and no
    others. What is still missing when patience ends (seconds)."""
    deadline = time.monotonic() + patience
    while (missing := _missing_until_settled(counts)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return missing


def _missing_until_settled(counts: dict[str, int]) -> list[str]:
    missing = [f"a lock is held: {name}" for name in held_locks()]
    missing += [f"it is staged: {path}" for path in STAGING.glob("*")] if STAGING.exists() else []
    now = count_processes()
    for kind in sorted((counts.keys() | now.keys()) - {"session"}):
        if counts.get(kind, 0) != now.get(kind, 0):
            missing.append(f"processes: {now.get(kind, 0)} of {kind}, not {counts.get(kind, 0)}")
    if not missing and not http_answer(HERE):
        missing.append("haproxy does not answer")
    return missing


def status() -> dict[str, Any]:
    """What `csync status` says."""
    done = command("csync", "status", "--json")
    return dict(json.loads(done["stdout"])) if done["stdout"] else {"state": "red", "reasons": [done["stderr"]]}


def held_locks() -> list[str]:
    """The names of locks that somebody holds."""
    rows = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    held = {row[5] for row in rows if row[1] == "FLOCK"}
    return sorted(path.name for path in LOCKS.glob("*") if _lock_id(path) in held)


def _lock_id(path: Path) -> str:
    status = path.stat()
    return f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"


def http_answer(url: str) -> str:
    """What is answered over HTTP; "" if nothing."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return str(response.read().decode().strip())
    except OSError:
        return ""


def look(other: str) -> dict[str, Any]:
    """Everything there is to know of this node; `served` is what the other one's haproxy answers."""
    block, rest = blocks(CONFIG.read_text())
    services = json.loads(command("service", "list", "--json")["stdout"])
    times = {json.loads(line)["time"] for line in known}
    trail = json.loads(command("csync", "log", "--json")["stdout"] or "[]")
    return {
        "disk": listing(OWNED), "block": block, "rest": rest, "applied": listing(APPLIED / "files"),
        "applied block": blocks((APPLIED / "block").read_text())[0], "served": http_answer(f"http://{other}:8080/"),
        "unapplied": [one["name"] for one in services if one["needs_apply"]],
        "not running": [one["name"] for one in services if one["state"] == "failed"],
        "trail": [entry for entry in trail if entry["time"] not in times],
        "staged": sorted(map(str, STAGING.rglob("*"))), "leftovers": sorted(map(str, Path("/etc").rglob(".firmware-*"))),
        "counted": count_processes(), "locked": held_locks(),
    }  # fmt: skip


def blocks(text: str) -> tuple[list[str], list[str]]:
    """The lines of haproxy's block of a config.rc, and all others; without white space around them."""
    block, rest, inside = [], [], False
    for line in text.splitlines():
        if line.startswith("service "):
            inside = line.split() == ["service", "haproxy"]
        if line.strip():
            (block if inside else rest).append(" ".join(line.split()))
    return block, rest


def listing(top: Path) -> dict[str, str]:
    """Each name below `top` with mode, owner, and what is in it."""
    found = {}
    for path in sorted(top.rglob("*")):
        status = path.lstat()
        owner = f"{pwd.getpwuid(status.st_uid).pw_name}:{grp.getgrgid(status.st_gid).gr_name}"
        inside = "dir" if path.is_dir() else describe(path.read_text())
        found[str(path.relative_to(top))] = f"{status.st_mode & 0o7777:04o} {owner} {inside}"
    return found


def describe(text: str) -> str:
    """A file's text in a few words."""
    return f"{hashlib.sha256(text.encode()).hexdigest()[:12]} {text[:30]!r}"


def run(*argv: str) -> dict[str, Any]:
    """Run a command to its end."""
    return command(*argv)


def note_trail() -> None:
    """Remember what the trail has: later it is what came since. Clocks may be set, and do not tell."""
    known.clear()
    known.update(line for path in TRAIL.glob("*.log*") for line in path.read_text().splitlines())


def main() -> None:
    """Do what is told until there is no more."""
    verbs: tuple[Callable[..., Any], ...] = (
        edit, push, await_push, fault, strike, await_strikes, hold, take_port, give_port, take_events, settle, status, look, run,
        note_trail, count_processes,
    )  # fmt: skip
    named = {verb.__name__: verb for verb in verbs}
    for line in sys.stdin:
        told = json.loads(line)
        try:
            said = {"answer": named[told.pop("do")](*told.pop("words"), **told)}
        except Exception:
            said = {"error": traceback.format_exc()}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
