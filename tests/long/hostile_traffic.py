"""A hostile peer: thousands of requests that a node with a valid key sends to the peer API of another, see `hostile_requests`.

It holds that every refusal says why, nothing changes on node 2 but the services that were pushed, csyncd stays the same
process, answers its operator all the while, and its memory stays bounded. `python tests/long/hostile_traffic.py COUNT [SEED]` plays it
alone, on nodes of its own.
"""

import json
import re
import struct
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1] / "support"))

import hostile_requests
import story
from hostile_requests import KEPT, WHOLE, Request
from lab_driver import Failed, Lab
from story import Broken, Stage

from firmware.rc import document
from firmware.services import catalog

SENDER = (Path(__file__).parents[1] / "support" / "peer_api_sender.py").read_text()
FRAME = struct.Struct("!IBI")
#: what else `peer_api_sender.py` can do with a frame
PARTS, HELD = 2, 3
#: csyncd's memory at its highest, in bytes. It begins with 27 MB. The largest message that is taken is there as bytes and as
#: text for a moment (2 × 24 MB), then as texts and what they mean (22 + 16 MB); what is no text is bounded to become less
#: than that. A third more is for the heap's holes
MOST_MEMORY = 104 << 20
#: what it may have more once all is over: modules imported since, and a heap that has been used
MOST_MORE = 24 << 20
#: characters of an answer that only says no
MOST_WORDS = 16384
#: requests that are on their way at a time, and after how many it is looked at what csyncd is
WINDOW, LOOK = 64, 2500
RESULTS = ("applied", "unchanged", "differs", "lacking", "refused", "failed", "busy", "rolled-back")
REFUSALS = RESULTS[4:]

MANIFEST = """
import hashlib, json, os, stat, sys
found = {}
def look(path):
    status = os.lstat(path)
    said = ""
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as file:
            said = hashlib.sha256(file.read()).hexdigest()
    elif stat.S_ISLNK(status.st_mode):
        said = os.readlink(path)
    found[path] = [oct(status.st_mode), status.st_uid, status.st_gid, said]
for top in sys.argv[1:]:
    for place, directories, names in os.walk(top):
        for name in (*directories, *names):
            try:
                look(os.path.join(place, name))
            except FileNotFoundError:
                pass
print(json.dumps(found))
"""
PLACES = ("/etc", "/flash", "/run", "/root", "/home", "/srv", "/var", "/tmp", "/usr/local")
#: what csyncd notes for itself, and what s6, the logs and a daemon do when they live on
NOTES = re.compile(
    r"/etc/\.staging|/run/firmware/csyncd/(link\.sock|peer-room)|/etc/firmware/ancestors\.json|/run/utmp|/run/(haproxy|syslogd)/.*|/run/firmware/(log|scan|saved)/.*"
    r"|/run/firmware/(received|synced)|/run/firmware/lock/(push of )?(ancestors|config\.rc|swap|save|"
    + "|".join(catalog.names())
    + r")|/var/log/.*"
)
#: what belongs to a service that was pushed
ITS = r"/etc/{0}(/.*)?|/run/firmware/(applied|received|synced|lock|scan|log)/{0}(/.*)?"
SAVED = re.compile(r"/flash/config/(\d{6}\.tar|journal)")


class Sender:
    """The program `peer_api_sender.py` on node 1, with a key that node 2 knows as that of `node`."""

    def __init__(self, lab: Lab, *, key: str = "/etc/csyncd/id_ed25519", node: int = 1, workers: int = 4) -> None:
        self._process = lab.start(1, "/usr/bin/python3", "-c", SENDER, key, str(node), str(workers))
        self._answers: dict[int, Future[bytes]] = {}
        self._number = 0
        self._one = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()

    def submit(self, kind: int, data: bytes) -> Future[bytes]:
        """Have it sent; the answer is whatever came back."""
        assert self._process.stdin
        with self._one:  # several threads send; a number is one frame's
            self._number += 1
            self._answers[self._number] = future = Future()
            self._process.stdin.write(FRAME.pack(self._number, kind, len(data)) + data)
            self._process.stdin.flush()
        return future

    def send(self, kind: int, data: bytes) -> bytes:
        """The same, and wait for it."""
        return self.submit(kind, data).result(200)

    def close(self) -> None:
        """End it; connections that it still holds end with it."""
        assert self._process.stdin
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(200)

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream
        while len(head := stream.read(FRAME.size)) == FRAME.size:
            number, _, size = FRAME.unpack(head)
            self._answers.pop(number).set_result(stream.read(size))
        for future in self._answers.values():
            future.set_exception(Broken("the sender ended"))


@contextmanager
def sending(lab: Lab, **options: Any) -> Iterator[Sender]:
    """A sender, and its end."""
    made = Sender(lab, **options)
    try:
        yield made
    finally:
        made.close()


@dataclass(frozen=True)
class Answer:
    """One answer: its status, and its JSON (None: it has no body, as one to HEAD)."""

    status: int
    content: Any

    @property
    def refusal(self) -> str:
        """Why nothing was done; "" if something was."""
        if self.status >= 400:
            return str(self.content["error"])
        said = self.content or {}
        return f"{said['result']}: {said['message']}" if said.get("result") in REFUSALS else ""


def answers(data: bytes, *, bare: bool = False) -> list[Answer]:
    """The answers in what came back; Broken if there is anything else in it. `bare`: those to HEAD have no body."""
    found = []
    while data:
        head = re.match(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n", data)
        if not head:
            raise Broken(f"no answer, but {data[:300]!r}")
        data = data[head.end() :]
        if head[1] == b"100":
            continue
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head[0])
        if not length:
            raise Broken(f"an answer without its length: {head[0]!r}")
        size = int(length[1])
        missing = bare and not data.startswith(b"{")
        body, data = (b"null", data) if missing else (data[:size], data[size:])
        found.append(Answer(int(head[1]), json.loads(body)))
    return found


def checked_answers(request: Request, data: bytes) -> list[Answer]:
    """The answers to a request; Broken if one of them is not as it has to be."""
    bare = request.kind == WHOLE and request.data.startswith(b"HEAD ")
    found = answers(data, bare=bare)
    wanted = request.data[0] if request.kind == KEPT else 1
    if len(found) < wanted:
        raise Broken(f"{len(found)} answers")
    for answer in found:
        if answer.content is not None or not bare:
            _require_sound(answer)
    if request.path == "/v1/push" and found[0].status == 200:
        _require_harmless(request.content, found[0].content)
    return found


def _require_sound(answer: Answer) -> None:
    said = answer.content
    if not isinstance(said, dict) or answer.status == 500 or answer.status not in range(200, 600):
        raise Broken(f"status {answer.status}: {said}")
    if answer.status >= 400 and not (isinstance(said.get("error"), str) and said["error"].strip()):
        raise Broken(f"refused without a reason: {said}")
    if "result" in said and said["result"] not in RESULTS:
        raise Broken(f"an unknown result: {said}")
    if said.get("result") in REFUSALS and not (said["message"] or said["check"]):
        raise Broken(f"refused without a reason: {said}")
    if answer.refusal and not said.get("files") and len(json.dumps(said)) > MOST_WORDS:
        raise Broken(f"a refusal of {len(json.dumps(said))} characters")


def _require_harmless(proposal: Any, report: Any) -> None:
    """What was not refused is, as this file sees it, harmless."""
    if report["result"] in REFUSALS or not isinstance(proposal, dict) or not isinstance(proposal.get("entries"), list):
        return
    for entry in proposal["entries"]:
        parts = entry["path"].split("/")
        if {"", ".", ".."} & set(parts) or entry["kind"] not in ("file", "dir") or int(entry["mode"], 8) & 0o7000:
            raise Broken(f"it was taken: {entry}")


def memory(stage: Stage) -> tuple[int, int, int]:
    """Of node 2's csyncd: its pid, its memory in bytes, and that at its highest."""
    (pid,) = [item["pid"] for item in stage.json(2, "service", "list") if item["name"] == "csyncd"]
    said = dict(re.findall(r"(VmRSS|VmHWM):\s+(\d+) kB", stage.on(2, "cat", f"/proc/{pid}/status")))
    return pid, int(said["VmRSS"]) << 10, int(said["VmHWM"]) << 10


def manifest(stage: Stage) -> tuple[dict[str, Any], str]:
    """Everything on node 2 that can change, and its config.rc."""
    found = json.loads(stage.on(2, "/usr/bin/python3", "-c", MANIFEST, *PLACES))
    return found, stage.lab.read(2, document.PATH)


def changed(
    before: tuple[dict[str, Any], str], after: tuple[dict[str, Any], str], pushed: set[str], *, saved: bool
) -> list[str]:
    """What is different and should not be, if these services were pushed and perhaps a save was asked for."""
    old, new = before[0], after[0]
    its = re.compile("|".join([ITS.format(re.escape(title)) for title in sorted(pushed)]) or "nothing")
    return [
        path
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
        and not (NOTES.fullmatch(path) or its.fullmatch(path) or (saved and SAVED.fullmatch(path)))
        and (path != document.PATH or _others(before[1], pushed) != _others(after[1], pushed))
    ]


def _others(text: str, pushed: set[str]) -> str:
    return "".join(block.text for block in document.parse(text).blocks if block.title not in pushed)


def play(stage: Stage, count: int, seed: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """So many requests from node 1 to node 2, which are paired; returns the figures. Broken if something did not hold."""
    tally = _Tally()
    before, (pid, start, _) = manifest(stage), memory(stage)
    stage.on(2, "sh", "-c", f"echo 5 >/proc/{pid}/clear_refs")
    began = time.monotonic()
    with sending(stage.lab) as sender:
        waiting: deque[tuple[Request, Future[bytes]]] = deque()
        for number, request in enumerate(hostile_requests.requests(count, seed), 1):
            waiting.append((request, sender.submit(request.kind, request.data)))
            if len(waiting) > WINDOW:
                tally.add(*waiting.popleft())
            if number % LOOK == 0:
                _require_alive(stage, pid)
                tell(f"{number} of {count} requests, {time.monotonic() - began:.0f} s: {dict(tally.statuses)}")
        while waiting:
            tally.add(*waiting.popleft())
    seconds = time.monotonic() - began
    _require_alive(stage, pid)
    _, now, peak = memory(stage)
    if now > start + MOST_MORE:
        raise Broken(f"csyncd had {start >> 20} MB, and has {now >> 20} MB now")
    if wrong := changed(before, manifest(stage), tally.pushed, saved=tally.saved):
        raise Broken(f"on node 2 is changed: {', '.join(wrong[:20])}")
    kilobytes = {"before": start >> 10, "peak": peak >> 10, "after": now >> 10}
    return {
        "requests": count,
        "seed": seed,
        "seconds": round(seconds, 1),
        **tally.figures(),
        "csyncd_kB": kilobytes,
        "changed": [],
    }


def _require_alive(stage: Stage, pid: int) -> None:
    """It is the same process, its operator is served, and its memory is bounded."""
    stage.json(2, "csync", "status")
    now, _, peak = memory(stage)
    if now != pid:
        raise Broken("csyncd is another process than before")
    if peak > MOST_MEMORY:
        raise Broken(f"csyncd had {peak >> 20} MB")


class _Tally:
    """What came of the requests."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.reasons: Counter[str] = Counter()
        self.results: Counter[str] = Counter()
        self.pushed: set[str] = set()
        self.saved = False

    def add(self, request: Request, future: Future[bytes]) -> None:
        data = future.result(200)
        try:
            found = checked_answers(request, data)
        except (Broken, KeyError, TypeError, ValueError) as error:
            raise Broken(f"{error!r}\nthe request: {request.data[:1000]!r}\nwhat came: {data[:1000]!r}") from None
        for answer in found:
            self.statuses[answer.status] += 1
            if answer.content and answer.refusal:
                self.reasons[re.sub(r"\W.*", "", answer.refusal.split(": ")[-1])] += 1
            if answer.status == 200:
                self._done(request, answer.content)

    def _done(self, request: Request, said: dict[str, Any]) -> None:
        self.results[said.get("result", request.path.rpartition("/")[2] or "answered")] += 1
        self.saved |= "generation" in said
        if said.get("result") in ("applied", "unchanged", "failed", "rolled-back") and isinstance(
            request.content, dict
        ):
            self.pushed.add(str(request.content.get("service")))

    def figures(self) -> dict[str, Any]:
        refused = sum(count for status, count in self.statuses.items() if status >= 400)
        refused += sum(self.results[result] for result in REFUSALS)
        total = sum(self.statuses.values())
        return {
            "answers": total, "refused_with_a_reason": refused, "accepted": total - refused,
            "statuses": dict(sorted(self.statuses.items())), "results": dict(self.results),
        }  # fmt: skip


def main() -> int:
    """Play it on nodes of its own."""
    count, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    stage = Stage(Lab(Path("build/lab-hostile-traffic")), tell=lambda text: None)
    try:
        stage.lab.up(2)
        story.pair(stage)
        print(json.dumps(play(stage, count, seed, lambda text: print(text, flush=True)), indent=2))
    except (Broken, Failed) as error:
        print(f"hostile_traffic: seed {seed}: {error}", file=sys.stderr)
        return 1
    finally:
        stage.lab.down()
    return 0


if __name__ == "__main__":
    sys.exit(main())
