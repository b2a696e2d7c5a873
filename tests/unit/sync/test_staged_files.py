"""Files of a stage are written many at a time: each is what its entry says, whether it came, is here already, or comes twice."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from firmware import manifest, native
from firmware.errors import Failure
from firmware.manifest import Entry
from firmware.rc import document
from firmware.services.definition import Service
from firmware.sync import staged_files
from firmware.sync.proposal import Proposal

LARGE = bytes(range(256)) * 1024
#: contents by path: small ones in two directories, one that is there twice, an empty one, and one that is written alone
FILES = {
    "a": b"one", "sub/a": b"two", "sub/b": b"one", "empty": b"", "large": LARGE, "z": b"three", "sub/large": LARGE,
}  # fmt: skip


def file_entry(path: str, data: bytes) -> Entry:
    return Entry(path, "file", 0o640, "root", "root", len(data), native.bytes_digest(data))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("owned/sub", "tree/sub"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path / "tree"


def proposal_of(owned: Path, came: set[str]) -> Proposal:
    """One whose contents came for the files at these paths; the others lie in `owned`."""
    here = {path: data for path, data in FILES.items() if path not in came}
    for path, data in here.items():
        (owned / path).write_bytes(data)
    entries = {f"{owned}/{path}": file_entry(f"{owned}/{path}", data) for path, data in FILES.items()}
    sent = {native.bytes_digest(FILES[path]): FILES[path] for path in came}
    return Proposal(Service("some", "", owns=str(owned)), document.parse("service some\n").blocks[0], entries, sent)


def here(proposal: Proposal, owned: Path) -> dict[str, str]:
    return {entry.digest: path for path, entry in manifest.scan(owned).items() if entry.kind == "file"}


@pytest.mark.parametrize("came", [set(), {"a"}, {"a", "sub/a", "large"}, {"z", "empty"}, set(FILES)])
def test_all_files_are_written_as_their_entries_say(came: set[str], tree: Path, tmp_path: Path) -> None:
    owned = tmp_path / "owned"
    proposal = proposal_of(owned, came)
    sums = staged_files.write(tree, proposal, here(proposal, owned))
    found = manifest.scan(tree, named=owned)
    assert {path: entry for path, entry in found.items() if entry.kind == "file"} == proposal.entries
    assert sums == {f"{owned}/{path}": hashlib.sha256(data).digest() for path, data in FILES.items()}


def test_more_than_is_written_together_is_written_in_parts(tree: Path, tmp_path: Path) -> None:
    owned, data = tmp_path / "owned", {f"{number}": os.urandom(60_000) for number in range(30)}
    entries = {f"{owned}/{name}": file_entry(f"{owned}/{name}", content) for name, content in data.items()}
    sent = {native.bytes_digest(content): content for content in data.values()}
    block = document.parse("service some\n").blocks[0]
    staged_files.write(tree, Proposal(Service("some", "", owns=str(owned)), block, entries, sent), {})
    assert {path.name: path.read_bytes() for path in tree.iterdir() if path.is_file()} == data


@pytest.mark.parametrize("name", ["a", "large"])
def test_what_was_edited_meanwhile_is_not_staged(name: str, tree: Path, tmp_path: Path) -> None:
    owned = tmp_path / "owned"
    proposal = proposal_of(owned, set())
    known = here(proposal, owned)
    for path in ("a", "sub/b", "large", "sub/large"):
        if FILES[path] == FILES[name]:
            (owned / path).write_bytes(FILES[name] + b"an edit")
    with pytest.raises(Failure, match="could not be staged as it was sent"):
        staged_files.write(tree, proposal, known)


def test_a_link_in_the_place_of_a_file_is_not_followed(tree: Path, tmp_path: Path) -> None:
    owned = tmp_path / "owned"
    proposal = proposal_of(owned, set())
    known = here(proposal, owned)
    (tmp_path / "outside").write_bytes(b"three")
    (owned / "z").unlink()
    (owned / "z").symlink_to(tmp_path / "outside")
    with pytest.raises(OSError) as refused:
        staged_files.write(tree, proposal, known)
    assert (refused.value.errno, refused.value.filename) == (errno.ELOOP, f"{owned}/z")


def test_an_error_names_the_file_that_could_not_be_written(tree: Path, tmp_path: Path) -> None:
    owned = tmp_path / "owned"
    proposal = proposal_of(owned, {"sub/a"})
    (tree / "sub/a").touch()
    with pytest.raises(FileExistsError) as refused:
        staged_files.write(tree, proposal, here(proposal, owned))
    assert refused.value.filename == f"{tree}/sub/a"


def test_owners_are_given_as_numbers_and_modes_kept() -> None:
    assert staged_files.owners()(file_entry("/etc/some/a", b"")) == (0, 0, 0o640)
