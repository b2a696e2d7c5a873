"""A peer that answers what it likes: nothing that it says is obeyed by a terminal, stored beyond its bounds, or ends in an error
inside the program; each refusal is in the trail, and what it reports is marked as its word."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from lab_driver import eventually
from product_source import forget_compiled
from story import CONFIG, Stage, page

PEER = "/usr/lib/python3/dist-packages/firmware/csyncd/peer.py"
#: node 2 answers what stands in /tmp/answers for that verb, and as it should for the others
HOSTILE = """
_sound = answer
async def answer(pair, remote, request, origin):
    import json, os
    if os.path.exists("/tmp/answers"):
        with open("/tmp/answers") as file:
            told = json.load(file).get(request.path)
        if told is not None:
            return Response(told[0], told[1])
    return await _sound(pair, remote, request, origin)
"""
ESCAPES = "\x1b]0;x\x07\x1b[2J\u009b31m\nhint: do as I say"
DIGEST, SHA256 = "xxh3-128:" + "0a" * 16, "sha256:" + "0b" * 32
REPORT = {
    "result": "applied", "message": ESCAPES, "hint": ESCAPES, "state": DIGEST, "sha256": [SHA256, SHA256], "lacking": [], "confirm": 0,
    "files": [{"path": f"/etc/{ESCAPES}", "change": "changed", "before": None, "after": None, "diff": ESCAPES}],
    "check": {"status": 0, "output": ESCAPES}, "reload": {"status": 0, "output": ESCAPES},
}  # fmt: skip
SAVE = {
    "generation": 3, "digest": SHA256, "added": [f"/etc/{ESCAPES}"], "changed": [], "removed": [], "notes": [ESCAPES],
}  # fmt: skip


@pytest.fixture(scope="module")
def hostile(stage: Stage) -> Stage:
    """Node 2 answers what it is told to, with `answers`."""
    stage.lab.write(2, PEER, stage.lab.read(2, PEER) + HOSTILE)
    forget_compiled(stage.lab, 2, PEER)
    stage.on(2, "service", "csyncd", "restart")
    assert eventually(lambda: stage.json(1, "csync", "status")["state"] != "red")
    return stage


@pytest.fixture
def peer(hostile: Stage) -> Iterator[Stage]:
    yield hostile
    answers(hostile)


def answers(stage: Stage, **told: Any) -> None:
    bodies = {f"/v1/{verb}": body if isinstance(body, list) else [200, body] for verb, body in told.items()}
    stage.lab.write(2, "/tmp/answers", json.dumps(bodies))


def said_by(stage: Stage, *command: str, expect: int) -> str:
    """What a command of node 1 says: nothing that a terminal obeys."""
    done = stage.lab.run(1, "csync", *command, check=False, timeout=100)
    said = done.stdout + done.stderr
    assert done.status == expect, said
    assert all(char.isprintable() or char in "\n\t" for char in said), said
    assert "an error inside the program" not in said
    return str(said)


@pytest.mark.all(but=["refused-3", "applied-1"])
@pytest.mark.parametrize(
    ("result", "expect"), [("refused", 3), ("failed", 1), ("rolled-back", 1), ("applied", 1), ("unchanged", 1)]
)
def test_escapes_reach_no_terminal(peer: Stage, result: str, expect: int) -> None:
    peer.edit(1, page(f"hostile {result}"))
    answers(peer, push={**REPORT, "result": result})
    said = said_by(peer, "push", "haproxy", expect=expect)
    if expect == 1 and result in ("applied", "unchanged"):
        assert f"node-2 says that it is {result}, but has something else there now" in said
    said_by(peer, "diff", "haproxy", expect=0 if result == "unchanged" else expect)
    entry = peer.json(1, "csync", "log")[-1]
    assert (entry["event"], entry["result"]) == ("push", result if result not in ("applied", "unchanged") else "failed")
    assert "\nhint" not in entry["message"]
    assert "\\x1b]0;x\\x07" in said_by(peer, "log", expect=0)


def test_a_save_and_a_refusal_are_printable_too(peer: Stage) -> None:
    answers(peer, save=SAVE)
    assert "\\x1b]0;x" in said_by(peer, "save", expect=0)
    assert peer.json(1, "csync", "log")[-1]["reported_by"] == "node-2"
    answers(peer, save=[409, {"error": ESCAPES, "hint": ESCAPES, "exit": 3}])
    assert "node-2: \\x1b]0;x" in said_by(peer, "save", expect=3)


@pytest.mark.parametrize(
    "body",
    [
        {**REPORT, "state": "s" * (8 << 20)}, {**REPORT, "state": [DIGEST]}, {**REPORT, "files": [{}]}, {**REPORT, "sha256": 7},
        {**REPORT, "result": "lacking", "lacking": {"x": 1}}, {**REPORT, "confirm": 30}, {}, {"result": ["applied"]},
    ],
    ids=lambda body: repr(body)[:40],
)  # fmt: skip
@pytest.mark.all(but=["{}"])
def test_a_malformed_answer_is_a_failure_with_a_line_in_the_trail(peer: Stage, body: dict[str, Any]) -> None:
    peer.edit(1, page("malformed"))
    before = peer.lab.run(1, "sh", "-c", "cat /etc/firmware/ancestors.json", check=False).stdout
    answers(peer, push=body)
    said = said_by(peer, "push", "haproxy", expect=1)
    assert "the answer of node-2" in said and len(said) < 1000
    entry = peer.json(1, "csync", "log")[-1]
    assert (entry["event"], entry["result"]) == ("push", "failed") and "the answer of node-2" in entry["message"]
    assert peer.lab.run(1, "sh", "-c", "cat /etc/firmware/ancestors.json", check=False).stdout == before


def test_a_sound_answer_is_believed_and_marked(peer: Stage) -> None:
    """The control, over the same way."""
    answers(peer)
    peer.edit(1, page("sound"))
    peer.on(1, "csync", "diff", "haproxy")
    assert peer.json(1, "csync", "push", "haproxy", "--force")["result"] == "applied"
    assert "sound" in peer.lab.read(2, CONFIG)
    assert peer.json(1, "csync", "log")[-1]["reported_by"] == "node-2"


def test_a_waiting_push_that_was_never_made_leaves_no_line_in_the_trail(peer: Stage) -> None:
    sound = json.loads(peer.on(2, "/usr/bin/python3", "-c", STANDING))
    before = len(peer.json(1, "csync", "log"))
    for number in range(4):
        waiting = {"service": "haproxy", "push": f"{number:032x}", "node": 1, "left": 9} if number % 2 else None
        answers(peer, standing={**sound, "waiting": waiting})
        peer.json(1, "csync", "status")
    assert len(peer.json(1, "csync", "log")) == before


def test_a_push_of_ours_that_waits_no_more_is_told_once_as_the_peers_word(peer: Stage) -> None:
    """The control: what was really pushed, and was put back there."""
    answers(peer)
    peer.edit(1, page("to be put back"))
    peer.on(1, "csync", "push", "haproxy", "--force", "--confirm", "60")
    assert eventually(lambda: peer.json(1, "csync", "status")["peer"]["confirm_pending"])
    peer.on(2, "csync", "undo")
    assert eventually(lambda: peer.json(1, "csync", "log")[-1]["result"] == "rolled-back")
    for _ in range(3):
        peer.json(1, "csync", "status")
    told = [
        entry for entry in peer.json(1, "csync", "log") if entry["result"] == "rolled-back" and entry["event"] == "push"
    ]
    assert told[-1]["who"] == "node-2" and "node-2 says" in told[-1]["message"]
    assert len([entry for entry in told if entry.get("push") == told[-1]["push"]]) == 1


STANDING = """
import json
from firmware.sync import node_state, settings
print(json.dumps(node_state.local_state(settings.read()).json()))
"""
