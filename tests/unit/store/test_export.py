"""What leaves the node: no secrets unless they are asked for, and then encrypted; and what comes back is whole, or refused."""

import subprocess
from pathlib import Path

import directory_node
import pytest

from firmware.errors import Refused
from firmware.store import archive, export, generations, repository
from firmware.store.paths import Paths

KEY = b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\n-----END PRIVATE KEY-----\n"
PASSPHRASE = "correct horse battery"


@pytest.fixture
def saved(node: Paths) -> Paths:
    """A node that has saved a key, a shadow file and something else."""
    directory_node.write(node.etc / "haproxy/site.pem", KEY, 0o600)
    directory_node.write(node.etc / "shadow", "root:$6$x$y:1::::::\n", 0o600)
    directory_node.write(node.etc / "haproxy/map", "a b\n")
    directory_node.save(node)
    return node


def exported(node: Paths) -> bytes:
    return export.without_secrets(generations.load(1, paths=node))[0]


def test_an_export_holds_no_secrets_unless_they_are_asked_for(saved: Paths) -> None:
    data, withheld = export.without_secrets(generations.load(1, paths=saved))
    assert withheld == ("/etc/haproxy/site.pem", "/etc/shadow")
    assert b"PRIVATE KEY" not in data and b"$6$" not in data
    found = archive.parse(data)
    assert found.withheld == withheld and found.content("/etc/haproxy/map") == b"a b\n"
    # The control: it is in what lies on flash.
    assert b"PRIVATE KEY" in generations.load(1, paths=saved).data


def test_what_holds_no_secrets_is_exported_as_every_firmware_reads_it(node: Paths) -> None:
    directory_node.save_config(node, "1")
    assert export.without_secrets(generations.load(1, paths=node)) == (generations.load(1, paths=node).data, ())


def test_files_that_were_withheld_stay_as_they_are_here(saved: Paths) -> None:
    data = exported(saved)
    directory_node.write(saved.etc / "haproxy/site.pem", KEY.replace(b"MC4", b"MC5"), 0o600)
    directory_node.write(saved.etc / "haproxy/map", "other\n")
    directory_node.save(saved)
    done = generations.import_archive(data, who="tester", paths=saved)
    assert (done.changes.paths, done.notes) == (("/etc/haproxy/map",), ())
    assert generations.load(3, paths=saved).content("/etc/haproxy/site.pem") == KEY.replace(b"MC4", b"MC5")
    assert generations.load(3, paths=saved).withheld == ()


def test_what_the_newest_generation_has_not_is_taken_from_etc_or_else_from_an_older_one(node: Paths) -> None:
    """With its public half, from the same place. The control: what is nowhere is said to be so."""
    for name in ("id_live", "id_older", "id_nowhere"):
        directory_node.write(node.etc / "haproxy" / name, KEY, 0o600)
        directory_node.write(node.etc / "haproxy" / f"{name}.pub", f"archive {name}\n")
    directory_node.save(node)
    data = exported(node)
    repository.path_of(node.repository, 1).unlink()
    (node.etc / "haproxy/id_nowhere").unlink()
    for name in ("id_live", "id_older"):
        directory_node.write(node.etc / "haproxy" / f"{name}.pub", f"saved {name}\n")
    directory_node.save(node)
    for path in ("id_live", "id_older", "id_live.pub", "id_older.pub"):
        (node.etc / "haproxy" / path).unlink()
    directory_node.save(node)
    newer = KEY.replace(b"MC4", b"MC5")
    directory_node.write(node.etc / "haproxy/id_live", newer, 0o640)
    directory_node.write(node.etc / "haproxy/id_live.pub", "live\n")
    done = generations.import_archive(data, who="tester", paths=node)
    assert done.notes == ("/etc/haproxy/id_nowhere: it is not in the archive, for it is secret, and not here",)
    made = generations.load(done.generation.number, paths=node)
    names = ("id_live", "id_older", "id_live.pub", "id_older.pub")
    assert [made.content(f"/etc/haproxy/{name}") for name in names] == [newer, KEY, b"live\n", b"saved id_older\n"]
    assert made.items["/etc/haproxy/id_live"].entry.mode == 0o640
    assert "/etc/haproxy/id_nowhere" not in made.items


def test_what_is_withheld_and_not_here_is_said(saved: Paths, tmp_path: Path) -> None:
    other = directory_node.make(tmp_path / "other")
    done = generations.import_archive(exported(saved), who="tester", paths=other)
    assert done.notes == tuple(
        f"{path}: it is not in the archive, for it is secret, and not here"
        for path in ("/etc/haproxy/site.pem", "/etc/shadow")
    )


def test_an_encrypted_export_is_whole_and_needs_its_passphrase(saved: Paths) -> None:
    data = generations.load(1, paths=saved).data
    encrypted = export.encrypt(data, PASSPHRASE)
    assert export.is_encrypted(encrypted) and not export.is_encrypted(data)
    assert b"PRIVATE KEY" not in encrypted
    assert export.decrypt(encrypted, PASSPHRASE) == data
    assert export.encrypt(data, PASSPHRASE) != encrypted  # another salt
    for wrong, passphrase in (
        (encrypted, "correct horse batterz"), (encrypted[:-1], PASSPHRASE), (encrypted[:20], PASSPHRASE),
        (encrypted[:300] + bytes([encrypted[300] ^ 1]) + encrypted[301:], PASSPHRASE),
    ):  # fmt: skip
        with pytest.raises(Refused, match="the passphrase is another one, or the file is damaged"):
            export.decrypt(wrong, passphrase)


def test_a_short_passphrase_is_refused_and_one_that_nobody_can_type(saved: Paths) -> None:
    """openssl would take the first line of it."""
    for passphrase, words in (
        ("", "less than 12"),
        ("short", "less than 12"),
        ("a\nlonger one of two lines", "cannot be typed"),
    ):
        with pytest.raises(Refused, match=words):
            export.encrypt(b"x", passphrase)


def test_an_encrypted_export_is_opened_by_hand_as_the_manual_says(saved: Paths, tmp_path: Path) -> None:
    data = generations.load(1, paths=saved).data
    (tmp_path / "saved.csyncd").write_bytes(export.encrypt(data, PASSPHRASE))
    text = (directory_node.TOP / "docs/operate.md").read_text()
    (line,) = [line for line in text.splitlines() if "openssl enc -d" in line]
    command = line.replace("FILE", "saved.csyncd").replace("-out saved.tar", "-out saved.tar -pass file:passphrase")
    (tmp_path / "passphrase").write_text(f"{PASSPHRASE}\n")
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "saved.tar").read_bytes() == data


def test_an_import_that_is_refused_changes_nothing(saved: Paths) -> None:
    before = {path: path.read_bytes() for path in saved.flash.rglob("*") if path.is_file()}
    for wrong in (b"", exported(saved)[:-1], export.encrypt(b"x" * 5000, PASSPHRASE)):
        with pytest.raises(Refused):
            generations.import_archive(wrong, who="tester", paths=saved)
    assert {path: path.read_bytes() for path in saved.flash.rglob("*") if path.is_file()} == before
    assert repository.numbers(saved.repository) == [1]


def test_a_public_half_stays_beside_the_key_that_stays(node: Paths) -> None:
    """Also where this node has none. The control: one whose private half is not withheld comes."""
    key, public = node.etc / "csyncd/id_ed25519", node.etc / "csyncd/id_ed25519.pub"
    directory_node.write(key, KEY, 0o600)
    directory_node.write(public, "the old one\n")
    directory_node.write(node.etc / "csyncd/other.pub", "the old one\n")
    directory_node.save(node)
    data = exported(node)
    for name in ("id_ed25519.pub", "other.pub"):
        directory_node.write(node.etc / "csyncd" / name, "the new one\n")
    directory_node.write(key, KEY.replace(b"MC4", b"MC5"), 0o600)
    directory_node.save(node)
    done = generations.import_archive(data, who="tester", paths=node)
    assert done.changes.paths == ("/etc/csyncd/other.pub",)
    assert generations.load(3, paths=node).content("/etc/csyncd/id_ed25519.pub") == b"the new one\n"
    public.unlink()
    directory_node.save(node)
    generations.import_archive(data, who="tester", paths=node)
    assert "/etc/csyncd/id_ed25519.pub" not in generations.load(5, paths=node).items


def test_what_no_node_could_start_from_is_refused_by_the_name_of_the_archive(saved: Paths) -> None:
    """Not by that of this node's file, which is there."""
    label = generations.load(1, paths=saved).label
    for data, why in (
        (archive.build(label, archive.Draft({}, {}, ("/etc/config.rc",))), "its config.rc is missing or empty"),
        (b"\x1f\x8b" + exported(saved), "it is no export of one"),
    ):
        with pytest.raises(Refused, match=f"^old: not a configuration that can be taken: {why}$") as raised:
            generations.import_archive(data, who="tester", name="old", paths=saved)
        assert raised.value.hint == "config export FILE on the node that saved it writes one"
    assert repository.numbers(saved.repository) == [1]
