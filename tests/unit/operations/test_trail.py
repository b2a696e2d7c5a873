"""The audit trail as data."""

import pytest

from firmware.operations import trail
from firmware.sync import audit
from firmware.sync.audit import Who

LINE = {
    "time": 1700000000.5, "event": "push", "who": "root", "from": "192.0.2.7", "key": "SHA256:x", "result": "applied",
    "service": "haproxy", "files": ["/etc/haproxy/haproxy.cfg"],
}  # fmt: skip


def test_an_entry_has_who_did_it_and_what_else_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "read", lambda: audit.Trail((LINE,), ("audit.log: 1 line is damaged",)))
    found = trail.read()
    (entry,) = found.entries
    assert found.problems == ("audit.log: 1 line is damaged",)
    assert (entry.time, entry.event, entry.result) == (1700000000.5, "push", "applied")
    assert entry.who == Who("root", "192.0.2.7", "SHA256:x")
    assert entry.details == {"service": "haproxy", "files": ["/etc/haproxy/haproxy.cfg"]}
    assert entry.json() == LINE


def test_an_entry_of_an_older_version_lacks_something(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "read", lambda: audit.Trail(({"time": 1, "event": "push", "who": "root"},), ()))
    (entry,) = trail.read().entries
    assert (entry.result, entry.who) == ("", Who("root")) and entry.details == {}
