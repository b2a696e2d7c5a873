"""What a peer answers becomes values of a type and within bounds, or an error that names the part."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from firmware.errors import Failure, Refused, report
from firmware.sync import message, node_state, peer_save, push_report
from firmware.sync.message import Message

DIGEST, SHA256 = "xxh3-128:" + "0a" * 16, "sha256:" + "0b" * 32
FACTS = {"digest": DIGEST, "mode": "0640", "owner": "root:haproxy", "size": 7}
REPORT = {
    "result": "applied", "message": "", "hint": "", "state": DIGEST, "sha256": [SHA256, SHA256], "lacking": [DIGEST], "confirm": 0,
    "files": [{"path": "/etc/haproxy/haproxy.cfg", "change": "changed", "before": FACTS, "after": FACTS, "diff": "-a\n+b\n"}],
    "check": {"status": 0, "output": "valid"}, "reload": {"status": 1, "output": "no"},
}  # fmt: skip
SAVE = {
    "generation": 3, "digest": SHA256, "time": "2026-01-31T23:59:59Z", "message": "", "version": "1", "who": "root", "fresh": True,
    "added": ["/etc/x"], "changed": [], "removed": [], "notes": ["a note"],
}  # fmt: skip
STANDING = {
    "node": 2, "address": "10.32.0.12", "remote_node": 1, "remote_address": "10.32.0.11", "version": "1", "protocols": [1, 2],
    "unsaved": ["/etc/x"], "unapplied": ["haproxy"], "down": ["haproxy"], "wrong": "",
    "waiting": {"service": "haproxy", "push": "0" * 32, "node": 1, "left": 3},
    "services": {"haproxy": {"files": DIGEST, "applied": DIGEST, "saved": DIGEST}},
}  # fmt: skip
ANSWERS: dict[str, tuple[dict[str, Any], Callable[[Message], Any]]] = {
    "push": (REPORT, push_report.parse),
    "save": (SAVE, peer_save.parse),
    "standing": (STANDING, node_state.parse),
}
#: in the place of each part, one after the other
HOSTILE = (
    None,
    True,
    -1,
    10**400,
    0.5,
    [],
    [[]],
    {},
    {"x": {}},
    "",
    "\x1b]0;x\x07\n\x9b2J",
    "x" * (8 << 20),
    ["\ud800"] * 3,
    [{}] * 40_000,
)


def everywhere(value: Any, put: Any) -> Iterator[Any]:
    """The value with each of its parts, one after the other, replaced or gone."""
    yield put
    if isinstance(value, dict):
        for key in value:
            yield {name: part for name, part in value.items() if name != key}
            yield from ({**value, key: part} for part in everywhere(value[key], put))
    if isinstance(value, list):
        for at in range(len(value)):
            yield from ([*value[:at], part, *value[at + 1 :]] for part in everywhere(value[at], put))


@pytest.fixture(params=ANSWERS)
def answer(request: pytest.FixtureRequest) -> tuple[dict[str, Any], Callable[[Message], Any]]:
    return ANSWERS[request.param]


def test_a_sound_answer_is_read(answer: tuple[dict[str, Any], Callable[[Message], Any]]) -> None:
    body, parse = answer
    found = json.loads(json.dumps(parse(Message(body)).json()))
    assert {key: found[key] for key in body} == body


@pytest.mark.parametrize("put", HOSTILE, ids=lambda put: repr(put)[:20])
def test_a_hostile_answer_is_a_failure_or_a_bounded_value(
    answer: tuple[dict[str, Any], Callable[[Message], Any]], put: Any
) -> None:
    body, parse = answer
    for told in everywhere(body, put):
        if not isinstance(told, dict):  # a body is an object: that is held before
            continue
        try:
            found = parse(Message(told, "the answer of node-2: it is malformed"))
        except Failure as error:
            assert str(error).startswith("the answer of node-2: it is malformed: ") and str(error).isprintable()
            assert len(report("csync push", error)) < 500
            continue
        assert len(json.dumps(found.json())) < 4_100_000
        words = [
            getattr(found, name, "")
            for name in ("message", "hint", "state", "wrong", "version", "address", "time", "who")
        ]
        assert all(str(word).isprintable() for word in words)


def test_words_for_people_are_one_line_and_outputs_keep_their_lines() -> None:
    hostile = Message({"x": "a\x1b[2J\nhint: do it\n\n\u2028b"})
    assert hostile.words("x") == "a\\x1b[2J; hint: do it; b"
    assert hostile.output("x") == "a\\x1b[2J\nhint: do it\n\n\\u2028b"
    assert hostile.words("y", "-") == "-"


@pytest.mark.parametrize(
    ("content", "kind", "text"),
    [
        ({"error": "no\x1b[2J\nhint: x", "exit": 3}, Refused, "node-2: no\\x1b[2J; hint: x"),
        ({"error": "no", "exit": True}, Failure, "node-2: no"),
        ({"error": "no", "exit": 10**30}, Failure, "node-2: no"),
        ({}, Failure, "node-2: it refuses it, and does not say why"),
    ],
)
def test_a_refusal_is_one_line(content: dict[str, Any], kind: type[Failure], text: str) -> None:
    found = message.parse_refusal(content, "node-2")
    assert type(found) is kind and str(found) == text


def test_a_refusal_is_as_long_as_people_read() -> None:
    assert len(str(message.parse_refusal({"error": "x" * (8 << 20)}, "node-2"))) < 2100
    with pytest.raises(Failure, match="node-2: it is malformed: error: missing, or not text"):
        raise message.parse_refusal({"error": ["x"]}, "node-2")
