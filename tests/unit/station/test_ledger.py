"""The chain of records: whatever is done to it shows, it survives whoever is killed, and OpenSSH checks it without this program."""

import json
import multiprocessing
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from factory import make_key

from firmware.errors import Damaged, Failure, Refused
from firmware.station import ledger, signatures, unit_record
from firmware.station.ledger import Ledger
from firmware.station.unit_record import UnitRecord
from firmware.station.verify import verify

SERIALS = ("A-1", "A-2", "A-3", "A-4")


def add(kept: Ledger, key: Path, serial: str, reach: Callable[[str], None] = lambda _: None) -> UnitRecord:
    def make(number: int, before: str) -> UnitRecord:
        order = {"serial": serial, "macs": [f"02:00:5e:00:00:{number:02x}"]}
        return UnitRecord(number, before, "2026-11-28T08:00:00Z", order, {}, [])

    return ledger.append(kept, key, make, reach=reach)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four records, below `records`, and the key that signed them; nobody changes these."""
    top = tmp_path_factory.mktemp("factory")
    kept = Ledger(top / "records")
    ledger.prepare(kept, make_key(top / "key"))
    for serial in SERIALS:
        add(kept, top / "key", serial)
    return top


@pytest.fixture
def top(made: Path, tmp_path: Path) -> Path:
    """A copy of them."""
    shutil.copytree(made, tmp_path / "copy")
    return tmp_path / "copy"


def test_what_nobody_touched_is_whole(made: Path) -> None:
    found = verify(made / "records")
    assert (found.count, found.problems, found.notes) == (4, (), ())
    assert found.head and found.head.count == 4


def test_openssh_checks_a_record_by_itself(made: Path) -> None:
    records = made / "records"
    argv = [
        "ssh-keygen",
        "-Y",
        "verify",
        "-f",
        "allowed_signers",
        "-I",
        "factory",
        "-n",
        "provisioning@csyncd",
        "-s",
        "000002-A-2.json.sig",
    ]
    data = (records / "000002-A-2.json").read_bytes()
    assert subprocess.run(argv, cwd=records, input=data).returncode == 0
    assert subprocess.run(argv, cwd=records, input=data.replace(b"A-2", b"A-9"), capture_output=True).returncode != 0


def _edit(top: Path) -> None:
    path = top / "records/000002-A-2.json"
    path.write_bytes(path.read_bytes().replace(b'"02:00:5e:00:00:02"', b'"02:00:5e:00:00:99"'))


def _lose(top: Path) -> None:
    (top / "records/000002-A-2.json").unlink()


def _lose_last(top: Path) -> None:
    (top / "records/000004-A-4.json").unlink()


def _lose_all(top: Path) -> None:
    for path in (top / "records").glob("0000*"):
        path.unlink()


def _lose_signature(top: Path) -> None:
    (top / "records/000003-A-3.json.sig").unlink()


def _lose_head(top: Path) -> None:
    for path in (top / "records").glob("head-*"):
        path.unlink()


def _rename(top: Path) -> None:
    for end in ("", ".sig"):
        (top / f"records/000002-A-2.json{end}").rename(top / f"records/000002-A-9.json{end}")


def _reorder(top: Path) -> None:
    for end in ("", ".sig"):
        one, other = (top / f"records/{name}.json{end}" for name in ("000002-A-2", "000003-A-3"))
        held = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(held)


def _invent_with_another_key(top: Path) -> None:
    before = unit_record.digest((top / "records/000004-A-4.json").read_bytes())
    data = UnitRecord(5, before, "", {"serial": "A-5"}, {}, []).dump()
    (top / "records/000005-A-5.json").write_bytes(data)
    (top / "records/000005-A-5.json.sig").write_bytes(signatures.sign(data, make_key(top / "other")))


def _invent_beside(top: Path) -> None:
    """A record that the factory's key signed, by somebody who has it for a moment, in a place that is taken."""
    data = UnitRecord(4, "sha256:" + "1" * 64, "", {"serial": "A-5"}, {}, []).dump()
    (top / "records/000004-A-5.json").write_bytes(data)
    (top / "records/000004-A-5.json.sig").write_bytes(signatures.sign(data, top / "key"))


def _replay(top: Path) -> None:
    """An old record again, under the next number."""
    for end in ("", ".sig"):
        shutil.copy(top / f"records/000001-A-1.json{end}", top / f"records/000005-A-1.json{end}")


def _sign_for_something_else(top: Path) -> None:
    path = top / "records/000002-A-2.json"
    argv = ["ssh-keygen", "-Y", "sign", "-n", "file", "-f", top / "key"]
    path.with_name(f"{path.name}.sig").write_bytes(
        subprocess.run(argv, input=path.read_bytes(), capture_output=True).stdout
    )


def _respell(top: Path) -> None:
    """The same words, signed by the factory's key, in another spelling."""
    path = top / "records/000002-A-2.json"
    path.write_text(json.dumps(json.loads(path.read_bytes())))
    path.with_name(f"{path.name}.sig").write_bytes(signatures.sign(path.read_bytes(), top / "key"))


def _count_less(top: Path) -> None:
    """The last record and the head go, and another head is made up."""
    _lose_last(top)
    _lose_head(top)
    data = unit_record.Head(3, unit_record.digest((top / "records/000003-A-3.json").read_bytes())).dump()
    (top / "records/head-000003.json").write_bytes(data)
    (top / "records/head-000003.json.sig").write_bytes(signatures.sign(data, make_key(top / "other")))


def _tear(top: Path) -> None:
    path = top / "records/000003-A-3.json"
    path.write_bytes(path.read_bytes()[:40])


def _link(top: Path) -> None:
    path = top / "records/000003-A-3.json"
    path.rename(top / "elsewhere")
    path.symlink_to(top / "elsewhere")


def _put_something_beside(top: Path) -> None:
    (top / "records/notes.txt").write_text("x")


TAMPERING = [
    _edit, _lose, _lose_last, _lose_all, _lose_signature, _lose_head, _rename, _reorder, _invent_with_another_key, _invent_beside,
    _replay, _sign_for_something_else, _respell, _count_less, _tear, _link, _put_something_beside,
]  # fmt: skip


@pytest.mark.parametrize("tamper", TAMPERING, ids=lambda act: act.__name__.strip("_"))
def test_whatever_is_done_to_the_records_shows(tamper: Callable[[Path], None], top: Path) -> None:
    tamper(top)
    assert verify(top / "records").problems


def test_each_fault_is_told_once(top: Path) -> None:
    """What is wrong with one record is said of no other one."""
    _lose_signature(top)
    (problem,) = verify(top / "records").problems
    assert "000003-A-3.json.sig: it is not there" in problem and "nobody knows whether" in problem
    (top / "records/000002-A-2.json").unlink()
    assert any("000003-A-3.json: record 2 before it is lost" in one for one in verify(top / "records").problems)


def test_an_older_copy_of_all_shows_by_a_head_that_was_kept_elsewhere(top: Path, tmp_path: Path) -> None:
    shutil.copytree(top / "records", tmp_path / "older")
    add(Ledger(top / "records"), top / "key", "A-5")
    aside = tmp_path / "aside"
    aside.mkdir()
    for path in (top / "records").glob("head-*"):
        shutil.copy(path, aside)
    assert verify(tmp_path / "older").problems == ()
    assert verify(top / "records", copy=aside / "head-000005.json").problems == ()
    (problem,) = verify(tmp_path / "older", copy=aside / "head-000005.json").problems
    assert "number 5, is not in" in problem


def test_signers_of_ones_own_do_not_believe_those_beside_the_records(top: Path) -> None:
    """Somebody signs everything anew with a key of his own, and puts that into the directory."""
    trusted = top / "trusted"
    shutil.copy(top / "records/allowed_signers", trusted)
    forged = Ledger(top / "forged")
    ledger.prepare(forged, make_key(top / "other"))
    add(forged, top / "other", "A-1")
    assert verify(forged.top).problems == ()
    assert verify(forged.top, trusted).problems
    assert verify(top / "records", trusted).problems == ()


def test_another_key_is_refused(top: Path) -> None:
    with pytest.raises(Refused, match="the factory's key is not in it"):
        ledger.prepare(Ledger(top / "records"), make_key(top / "other"))


def test_a_key_that_asks_for_a_passphrase_fails_at_once(top: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", top / "locked"], check=True)
    with pytest.raises(Failure, match="does not sign") as caught:
        ledger.prepare(Ledger(top / "fresh"), top / "locked")
    assert "ssh-agent" in caught.value.hint


def test_a_unit_has_one_record(top: Path) -> None:
    with pytest.raises(Refused, match="A-2: it has a record already"):
        add(Ledger(top / "records"), top / "key", "A-2")
    assert verify(top / "records").problems == ()


def test_nothing_is_written_after_a_record_that_is_lost(top: Path) -> None:
    _lose_last(top)
    with pytest.raises(Damaged, match="not those that the head names"):
        add(Ledger(top / "records"), top / "key", "A-5")
    _lose_head(top)
    with pytest.raises(Damaged, match="there is no head"):
        add(Ledger(top / "records"), top / "key", "A-5")


class Killed(BaseException):
    """Whoever writes is gone."""


@pytest.mark.parametrize("step", range(6))
def test_killed_at_any_step_the_chain_is_whole_and_the_record_is_there_once(step: int, top: Path) -> None:
    kept, seen = Ledger(top / "records"), []

    def kill(where: str) -> None:
        seen.append(where)
        if len(seen) == step + 1:
            raise Killed

    with pytest.raises(Killed):
        add(kept, top / "key", "A-5", kill)
    assert verify(kept.top).problems == ()
    if not kept.find("A-5"):
        add(kept, top / "key", "A-5")
    add(kept, top / "key", "A-6")
    found = verify(kept.top)
    assert (found.count, found.problems, found.notes) == (6, (), ())
    assert len(kept.head_names()) == 1


def _add_some(top: Path, name: str) -> None:
    for number in range(3):
        add(Ledger(top / "records"), top / "key", f"{name}-{number}")


def test_stations_that_write_at_once_wait_for_each_other(top: Path) -> None:
    stations = [
        multiprocessing.get_context("fork").Process(target=_add_some, args=(top, f"S{number}")) for number in range(4)
    ]
    for station in stations:
        station.start()
    for station in stations:
        station.join(60)
    assert [station.exitcode for station in stations] == [0] * 4
    found = verify(top / "records")
    assert (found.count, found.problems) == (16, ())
