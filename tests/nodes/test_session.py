"""What people and scripts have from `service`, `config` and `csync`: a recorded session, played again, has the same words.

    RECORD=1 build/venv/bin/python -m pytest tests/nodes/test_session.py

writes it anew; what differs then is what people will see change.
"""

import difflib
import json
import os
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from lab_driver import Lab

SESSION = Path(__file__).with_name("session.txt")

#: runs commands on a node, in one go: a list of them in, a list of [status, stdout, stderr] out
RUNNER = """
import json, os, subprocess, sys
os.environ["SSH_CONNECTION"] = "192.0.2.7 1 192.0.2.8 22"
def run(command):
    done = subprocess.run(["sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, timeout=120, cwd="/")
    return [done.returncode, *(text.decode("utf-8", "backslashreplace") for text in (done.stdout, done.stderr))]
json.dump([run(command) for command in json.load(sys.stdin)], sys.stdout)
"""

#: what differs from one time to the next, and what stands in the record for it
VARYING = (
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:Z|\+00:00)?", "TIME"),
    (r'("(?:time|since|seconds)": )\d+(?:\.\d+)?(?:e-?\d+)?', r"\1SECONDS"),
    (r"\b\d+\.\d\d s\b", "SECONDS s"),
    (r"\b\d+ s left", "SECONDS s left"),
    (r"\bput back in \d+ s\b", "put back in SECONDS s"),
    (r'("(?:left)": )\d+(?:\.\d+)?', r"\1SECONDS"),
    (r'("pid": )\d+', r"\1PID"),
    (r"\bpid \d+", "pid PID"),
    (r"(?m)^(\S+ +(?:running|failed|stopped|disabled) +)(?:\d+|-) +(TIME|-) +", r"\1PID  \2  "),
    (r"(?m)^(SERVICE +STATE +)PID +SINCE +", r"\1PID  SINCE  "),
    (r"SHA256:[A-Za-z0-9+/]{43}", "SHA256:FINGERPRINT"),
    (r"AAAA[A-Za-z0-9+/]{60,}={0,2}", "KEY"),
    (r"\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3,}\b", "CODE"),
    (r"\b(xxh3-128|sha256):[0-9a-f]+", r"\1:DIGEST"),
    (r"\b[0-9a-f]{64}\b", "DIGEST"),
    (r"(?<=  )[0-9a-f]{12}(?=  )", "DIGEST"),
    (r"\b[0-9a-f]{32}\b", "NUMBER"),
    (r"(?m)^(\[\w+\] +\()\d+", r"\1PID"),
)


def test_the_session_has_the_same_words(fresh_lab: Lab) -> None:
    recorded = SESSION.read_text("utf-8")
    played = "\n".join(play(fresh_lab, recorded)) + "\n"
    if os.environ.get("RECORD"):
        SESSION.write_text(played, "utf-8")
        return
    changed = difflib.unified_diff(recorded.splitlines(), played.splitlines(), "recorded", "played", lineterm="", n=8)
    assert not (lines := list(changed)), "\n".join(lines)


def play(lab: Lab, record: str) -> Iterator[str]:
    """The record with what its commands say now."""
    kept = [line for line in record.splitlines() if line[:1] not in ("|", "!", "?")]
    for node, lines in groupby(kept, key=lambda line: line[:1] if line[1:3] in ("$ ", "# ") else ""):
        if node:
            commands = list(lines)
            answers = lab.run(
                int(node), "python3", "-c", RUNNER, stdin=json.dumps([line[3:] for line in commands]), timeout=600
            )
            for command, answer in zip(commands, json.loads(answers.stdout), strict=True):
                yield command
                yield from told(*answer) if command[1] == "$" else ()
        else:
            yield from lines


def told(status: int, stdout: str, stderr: str) -> Iterator[str]:
    """What a command said, as it stands in the record."""
    for mark, text in (("| ", stdout), ("! ", stderr)):
        yield from ((mark + line).rstrip() for line in steady(text).splitlines())
    if status:
        yield f"? {status}"


def steady(text: str) -> str:
    """The text without what differs from one time to the next."""
    for pattern, name in VARYING:
        text = re.sub(pattern, name, text)
    return text
