"""The records that released firmware keeps of its syncs are read for ever: none of them had a format number."""

from pathlib import Path

from firmware.sync import ancestor, audit, push_report, transaction
from firmware.sync.audit import Who
from firmware.sync.keys import KnownPeer

GOLDEN = Path(__file__).parent / "golden"


def test_ancestors() -> None:
    found = ancestor.find(KnownPeer(2, "SHA256:any"), "haproxy", GOLDEN / "ancestors.json")
    assert found is not None
    assert (found.digest, found.time, found.pushed_by) == ("xxh3-128:" + "0a" * 16, 1769903999.25, 1)
    assert found.files == ("xxh3-128:" + "0b" * 16, "xxh3-128:" + "0c" * 16)
    assert ancestor.find(KnownPeer(1, ""), "haproxy", GOLDEN / "ancestors.json") is None


def test_a_transaction() -> None:
    found = transaction.read(GOLDEN / "transaction")
    assert found is not None
    assert (found.phase, found.title, found.push, found.peer) == ("waiting", "haproxy", "push-1", 1)
    assert found.who == Who("node-1", "10.32.0.11", "SHA256:abc")
    assert (found.block, found.existed, found.inode, found.confirm, found.deadline) == (
        "service haproxy\n", True, 4711, 30, 1234.5,
    )  # fmt: skip
    assert (found.files, found.report["result"]) == (("xxh3-128:" + "0c" * 16,), "applied")


def test_the_report_of_a_push() -> None:
    found = push_report.recall("haproxy", "push-1", GOLDEN / "received")
    assert found is not None
    assert (found["result"], found["confirm"], found["reload"]) == ("applied", 30, {"status": 0, "output": "w\u00e9ll"})


def test_the_trail() -> None:
    found = audit.read(GOLDEN / "trail").entries
    assert [(entry["event"], entry["who"], entry["result"]) for entry in found] == [
        ("push", "node-1", "applied"), ("push", "root", "refused"),
    ]  # fmt: skip
