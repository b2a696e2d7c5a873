"""What csyncd answers, as data; and what is raised where it did not end well."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from firmware.errors import Damaged, Failure, Invalid, Refused, Usage
from firmware.operations import peer
from firmware.store.saved_state import SavedState
from firmware.sync.audit import Who

WHO = Who("root", "192.0.2.7", "")
CHANGE = {
    "path": "/etc/haproxy/haproxy.cfg",
    "change": "changed",
    "before": {"digest": "xxh3-128:00", "mode": "0640", "owner": "root:haproxy", "size": 1},
    "after": {"digest": "xxh3-128:11", "mode": "0640", "owner": "root:haproxy", "size": 2},
    "diff": "-a\n+b\n",
    "what a later version adds": 1,
}
ANSWER: dict[str, Any] = {
    "service": "haproxy",
    "node": 2,
    "result": "applied",
    "message": "",
    "hint": "",
    "files": [CHANGE],
    "check": {"status": 0, "output": "Configuration file is valid"},
    "reload": {"status": 0, "output": "a new worker serves (pid 7)"},
    "state": "xxh3-128:11",
    "lacking": [],
    "confirm": 60,
    "round_trips": 1,
    "seconds": 0.25,
}


def answers(monkeypatch: pytest.MonkeyPatch, answer: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """csyncd answers that; returns what it is asked."""
    asked: list[tuple[str, dict[str, Any]]] = []

    def ask(verb: str, content: dict[str, Any], on_wait: object = None, on_progress: object = None) -> dict[str, Any]:
        asked.append((verb, content))
        return dict(answer)

    monkeypatch.setattr(peer, "ask_csyncd", ask)
    return asked


def test_a_push_names_who_asks_and_returns_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answers(monkeypatch, ANSWER)
    report = peer.push("haproxy", who=WHO, force=True, confirm=60)
    by = {"account": "root", "origin": "192.0.2.7", "key": ""}
    assert asked == [("push", {"service": "haproxy", "force": True, "confirm": 60, "by": by, "progress": True})]
    assert report.json() == ANSWER
    assert (report.result, report.confirm, report.round_trips, report.seconds) == ("applied", 60, 1, 0.25)
    assert report.reload is not None and report.reload.output.startswith("a new worker serves")
    assert report.files[0].path == CHANGE["path"] and report.files[0].diff == CHANGE["diff"]
    peer.require_applied(report)


@pytest.mark.parametrize(
    ("change", "kind", "text"),
    [
        (
            {"result": "refused", "message": "it was changed"},
            Refused,
            "service haproxy: node 2 refused it: it was changed",
        ),
        (
            {"result": "rolled-back", "message": "it died", "reload": {"status": 1, "output": "no bind\n"}},
            Failure,
            "service haproxy: node 2 put everything back: it died:\nno bind",
        ),
        (
            {"result": "failed", "message": "it is invalid", "check": {"status": 1, "output": "line 1"}},
            Invalid,
            "service haproxy: node 2 is unchanged: it is invalid:\nline 1",
        ),
        ({"result": "failed", "message": "no room", "check": None}, Failure, "service haproxy: node 2: no room"),
    ],
)
def test_what_did_not_end_well_is_raised(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], kind: type[Failure], text: str
) -> None:
    answers(monkeypatch, ANSWER | change)
    report = peer.push("haproxy", who=WHO)
    with pytest.raises(kind) as raised:
        peer.require_applied(report)
    assert str(raised.value) == text and type(raised.value) is kind


def test_a_difference_that_could_not_be_had_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, ANSWER | {"result": "refused", "message": "busy"})
    with pytest.raises(Refused, match="node 2 refuses it: busy"):
        peer.require_pushable(peer.diff("haproxy"))
    answers(monkeypatch, ANSWER | {"result": "differs"})
    peer.require_pushable(peer.diff("haproxy"))


@pytest.mark.parametrize("broken", [{"files": [{}]}, {"files": 7}, {"check": {"status": 0}}, {"reload": "x"}], ids=str)
def test_an_answer_that_is_not_one_is_a_failure(monkeypatch: pytest.MonkeyPatch, broken: dict[str, Any]) -> None:
    answers(monkeypatch, ANSWER | broken)
    with pytest.raises(Damaged, match="csyncd's answer: damaged"):
        peer.push("haproxy", who=WHO)


def test_a_push_that_was_not_sent_has_a_report_too() -> None:
    report = peer.unsent_report("haproxy", Invalid("2 errors", "config check", ["a:1: x", "a:2: y"]))
    assert report.json() == {
        "service": "haproxy", "result": "failed", "message": "2 errors; a:1: x; a:2: y", "hint": "config check", "files": [],
        "check": None, "reload": None, "confirm": 0, "round_trips": 0, "seconds": 0.0,
        "more": 0,
    }  # fmt: skip


def test_a_save_by_a_peer_of_an_older_version(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"node": 2, "generation": 3, "digest": "sha256:00", "added": ["/etc/x"], "changed": [], "removed": []}
    answers(monkeypatch, answer)
    done = peer.save_peer(who=WHO)
    assert done.fresh and done.notes == () and done.added == ("/etc/x",) and done.json() == answer


def test_without_csyncd_the_pair_is_red_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(verb: str, content: dict[str, Any]) -> dict[str, Any]:
        raise Failure("csyncd: it does not run on this node", "service csyncd start")

    def read(**options: object) -> None:
        raise Invalid("csyncd.cfg: 1 error", problems=["csyncd.cfg:5: LOCAL_IP is empty"])

    monkeypatch.setattr(peer, "ask_csyncd", ask)
    monkeypatch.setattr("firmware.sync.settings.read", read)
    state = SavedState(None, "", {}, ())
    monkeypatch.setattr("firmware.store.saved_state.load", lambda: state)
    found = peer.status()
    assert found.state == "red" and "csyncd.cfg:5: LOCAL_IP is empty" in found.reasons
    assert found.local["reachable"] and not found.peer["reachable"]
    assert set(found.json()) == {"state", "reasons", "remedy", "serial", "local", "peer", "path", "services"}
    assert found.remedy == "edit /etc/csyncd/csyncd.cfg"
    # what is below /etc is the factory's: its csyncd.cfg is not what has to be edited
    state = replace(state, problem="generation 3 is damaged; a reboot brings back the factory's configuration")
    found = peer.status()
    assert found.reasons[0] == state.problem and found.remedy.startswith("config history")


@pytest.mark.parametrize("word", ["0", "3601", "-1", "soon", "", "1.5", "٣", "9" * 5000])
def test_seconds_that_are_none(word: str) -> None:
    with pytest.raises(Usage, match="is not a number of seconds from 1 to 3600"):
        peer.parse_confirm_seconds(word)


def test_seconds() -> None:
    assert [peer.parse_confirm_seconds(word) for word in ("1", "60", "3600")] == [1, 60, 3600]
