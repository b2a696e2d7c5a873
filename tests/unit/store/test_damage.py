"""What is damaged, torn, of another type or of a newer format: never a trace, always a Failure with what and remedy.

Each record of the store is tried in each way, with everything that is done to it. Whatever can go on without it, does.
"""

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import directory_node
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import Failure, Invalid, NewerFormat, Refused
from firmware.store import archive, changes, flash, generations, repository, restore, rules, saved_state
from firmware.store.archive import Draft, Label, tar
from firmware.store.paths import Paths

Harm = Callable[[Path], None]


@pytest.fixture
def node(tmp_path: Path) -> Paths:
    """With two generations, and something that is not saved yet."""
    node = directory_node.make(tmp_path)
    for text in ("one", "two"):
        directory_node.write(node.etc / "config.rc", f"service haproxy\n# {text}\n")
        generations.save(text, who="tester", paths=node)
    directory_node.write(node.etc / "config.rc", "service haproxy\n# three\n")
    return node


def save(node: Paths) -> object:
    return generations.save("three", who="tester", paths=node)


#: everything that is done with what is saved, by those who only look and by those who change it
LOOKING: dict[str, Callable[[Paths], object]] = {
    "changes": lambda node: changes.unsaved_changes(paths=node),
    "state": saved_state.load,
    "refresh": saved_state.refresh,
    "history": lambda node: generations.history(paths=node),
    "export": lambda node: generations.load_current(paths=node),
    "diff saved": lambda node: changes.differences(generations.load_current(paths=node), paths=node),
    "diff factory": lambda node: changes.differences(None, paths=node),
}
CHANGING: dict[str, Callable[[Paths], object]] = {
    "save": save,
    "restore": lambda node: restore.restore(live=True, paths=node),
    "boot": lambda node: restore.restore(paths=node),
    "rollback": lambda node: restore.roll_back(1, who="tester", paths=node),
    "reset": lambda node: restore.reset_to_factory(who="tester", paths=node),
    "import": lambda node: generations.import_archive(generations.load(1, paths=node).data, who="tester", paths=node),
}
EVERYTHING = {**LOOKING, **CHANGING}


def replaced_by(data: bytes) -> Harm:
    return lambda path: directory_node.write(path, data)


def torn(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def a_directory(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def a_loop(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(path.name)


def a_pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


COMMON = {
    "empty": replaced_by(b""), "torn": torn, "no text": replaced_by(b"\xff\xfe\0"), "no record": replaced_by(b"[]"),
    "a number": replaced_by(b"7"), "deep": replaced_by(b"[" * 100_000), "a directory": a_directory, "a loop": a_loop,
}  # fmt: skip


def changed(**values: object) -> Harm:
    """The record with other values; None takes one away."""

    def harm(path: Path) -> None:
        body = {**json.loads(path.read_bytes()), **values}
        path.write_text(json.dumps({key: value for key, value in body.items() if value != "gone"}))

    return harm


STATE = {
    **COMMON,
    "no format": changed(format="gone"), "format as text": changed(format="1"), "format 0": changed(format=0), "true": changed(format=True),
    "newer": changed(format=2), "newer and unlike": replaced_by(b'{"format": 9}'), "no config": changed(config="gone"),
    "config of another type": changed(config=["x"]), "no entries": changed(entries="gone"), "entries of another type": changed(entries={}),
    "rows of another type": changed(entries=[7]), "short rows": changed(entries=[["/etc/x"]]),
    "columns of another type": changed(entries=[[1, "file", "0644", "root", "root", 0, ""]]),
    "generation of another type": changed(generation="x"), "a short generation": changed(generation=[2]),
    "a generation with another number": changed(generation=["2", "", "", "", "", "", ""]), "no identity": changed(seen=None),
}  # fmt: skip


@pytest.mark.parametrize("harm", STATE.values(), ids=STATE.keys())
def test_a_state_file_that_cannot_be_read_is_worked_out_anew(node: Paths, harm: Harm) -> None:
    right, data = saved_state.load(node), node.saved_state.read_bytes()
    harm(node.saved_state)
    assert saved_state.load(node) == right
    for act in EVERYTHING.values():
        if node.saved_state.is_file():
            node.saved_state.write_bytes(data)
            harm(node.saved_state)
        act(node)


def test_a_state_file_that_cannot_be_written_is_no_reason_to_fail(node: Paths) -> None:
    node.saved_state.unlink()
    node.saved_state.parent.rmdir()
    directory_node.write(node.run / "saved", "a file")
    for act in EVERYTHING.values():
        act(node)


JOURNAL = {
    **COMMON, "half a line": replaced_by(b'{"time": "20'), "a newer line": replaced_by(b'{"format": 9, "what": {}}\n'),
    "very long": replaced_by(b"\xff" * (repository.JOURNAL_LIMIT + 1)),
}  # fmt: skip


@pytest.mark.parametrize("harm", JOURNAL.values(), ids=JOURNAL.keys())
def test_whatever_became_of_the_journal_saving_goes_on(node: Paths, harm: Harm) -> None:
    harm(node.repository / "journal")
    for act in EVERYTHING.values():
        act(node)


@pytest.mark.parametrize("harm", [a_directory, a_loop])
def test_a_journal_that_cannot_be_written_is_said_with_its_path(node: Paths, harm: Harm) -> None:
    harm(node.repository / "journal")
    (note,) = generations.save("three", who="tester", paths=node).notes
    assert note.startswith(f"{node.repository / 'journal'}: ")
    (line,) = restore.roll_back(1, who="tester", paths=node).lines
    assert line.startswith(f"{node.repository / 'journal'}: ")


def test_a_line_of_the_journal_has_a_format(node: Paths) -> None:
    lines = [json.loads(line) for line in (node.repository / "journal").read_bytes().splitlines()]
    assert [(line["format"], line["what"], line["generation"]) for line in lines] == [(1, "save", 1), (1, "save", 2)]


def sealed(head: object) -> bytes:
    """A whole archive that has any manifest and nothing else, and whose SHA-256 is right."""
    text = json.dumps(head).encode()
    body = tar.header(tar.Member(archive.MANIFEST, size=len(text), mode=0o600)) + tar.pad_to_block(text)
    return body + archive._trailer(hashlib.sha256(body).hexdigest())


def resealed(change: Callable[[dict[str, object]], object]) -> Harm:
    """A whole archive with another manifest; `change` changes it, or returns another."""

    def harm(path: Path) -> None:
        data = path.read_bytes()
        head = json.loads(data[tar.BLOCK : tar.BLOCK + tar.size(data[: tar.BLOCK])])
        path.write_bytes(sealed(change(head) or head))

    return harm


GENERATION = {
    **COMMON, "too long": replaced_by(bytes(512 * 200)),
    "format as text": resealed(lambda head: head.update(format="2")), "format 0": resealed(lambda head: head.update(format=0)),
    "no format": resealed(lambda head: head.pop("format") and None), "true": resealed(lambda head: head.update(format=True)),
    "a list": resealed(lambda head: {"format": 1} and [head]), "no entries": resealed(lambda head: head.pop("entries") and None),
    "entries of another type": resealed(lambda head: head.update(entries=7)), "a label of another type": resealed(lambda head: head.update(time=7)),
    "removed of another type": resealed(lambda head: head.update(removed=[7])),
}  # fmt: skip


@pytest.mark.parametrize("harm", GENERATION.values(), ids=GENERATION.keys())
def test_a_damaged_generation_is_said_with_number_and_remedy_and_the_one_before_is_used(
    node: Paths, harm: Harm
) -> None:
    harm(repository.path_of(node.repository, 2))
    with pytest.raises(Failure, match=r"^generation 2: ") as error:
        restore.roll_back(2, who="tester", paths=node)
    assert error.value.hint
    for act in LOOKING.values():
        act(node)
    found = generations.history(paths=node)
    assert [(one.generation.is_verified, one.generation.newer, one.current) for one in found] == [
        (False, False, False), (True, False, True),
    ]  # fmt: skip
    assert restore.restore(live=True, paths=node).lines[1].startswith("generation 2 is damaged: ")
    for act in CHANGING.values():
        act(node)


@pytest.mark.parametrize("harm", GENERATION.values(), ids=GENERATION.keys())
def test_a_damaged_archive_is_not_imported(node: Paths, harm: Harm, tmp_path: Path) -> None:
    copy = tmp_path / "export.tar"
    copy.write_bytes(repository.path_of(node.repository, 2).read_bytes())
    harm(copy)
    if copy.is_file():
        with pytest.raises(Refused, match="not a configuration that can be taken: "):
            generations.import_archive(copy.read_bytes(), who="tester", paths=node)
    assert repository.numbers(node.repository) == [2, 1]


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=7) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)


def body_of(*keys: str) -> "st.SearchStrategy[dict[str, object]]":
    """A record with these keys, each of any value or not there."""
    return st.fixed_dictionaries({}, optional={key: values for key in keys})


@given(body_of("format", "generation", "config", "entries", "seen"), st.booleans())
def test_no_state_file_makes_a_trace(
    tmp_path_factory: pytest.TempPathFactory, body: dict[str, object], right: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "state.json"
    path.write_text(json.dumps({**body, "format": 1} if right else body))
    saved_state._read(path)


@given(body_of("format", "entries", "removed", "generation", "time", "message", "version", "who"), st.booleans())
def test_no_manifest_makes_a_trace(body: dict[str, object], right: bool) -> None:
    label = {"generation": 1, "time": "", "message": "", "version": "", "who": ""}
    with suppress(Failure):
        archive.parse(sealed({**label, **body, "format": 1} if right else body))


# ---- what a newer firmware wrote


def newer_archive() -> bytes:
    """As a newer firmware may make it: whole, and of a format that this one does not know."""
    return archive.build(Label(1, "2030-01-01T00:00:00Z", "newer", "9.0", "x", 2), Draft({}, {}, ()))


def test_a_newer_generation_is_said_to_be_newer(node: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.path_of(node.repository, 3).write_bytes(newer_archive())
    words = "written by a newer firmware (format 2; this one reads up to 1)"
    first, second, _ = generations.history(paths=node)
    assert (first.generation.newer, first.generation.problem, second.current) == (True, words, True)
    assert first.json().keys() == second.json().keys()
    for act in (
        lambda: restore.roll_back(3, who="tester", paths=node),
        lambda: generations.load(3, paths=node),
    ):
        with pytest.raises(NewerFormat) as error:
            act()
        assert str(error.value) == f"generation 3: {words}"
        assert "upgrade" in error.value.hint
    with pytest.raises(Refused, match="newer firmware") as refused:
        generations.import_archive(newer_archive(), who="tester", paths=node)
    assert "upgrade" in refused.value.hint
    for live in (True, False):
        lines = restore.restore(live=live, paths=node).lines
        assert lines[0].startswith("restored generation 2 ")
        assert lines[1:] == (f"generation 3: {words}",)
    assert "damaged" not in " ".join([*lines, first.generation.problem])


def test_the_next_save_stands_after_a_newer_generation(node: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.path_of(node.repository, 3).write_bytes(newer_archive())
    assert generations.save("", who="tester", paths=node).generation.number == 4
    assert directory_node.reboot(node).lines[0].startswith("restored generation 4 ")


def test_a_newer_generation_is_never_removed(node: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    data = newer_archive()
    for number in (3, 4, 5):
        repository.path_of(node.repository, number).write_bytes(data)
    repository.path_of(node.repository, 6).write_bytes(b"damaged")
    monkeypatch.setattr(repository, "MOST_KEPT", 4)
    for number in range(7, 7 + repository.MOST_KEPT + 2):
        directory_node.write(node.etc / "config.rc", f"service haproxy\n# {number}\n")
        generations.save("", who="tester", paths=node)
    kept = repository.numbers(node.repository)
    assert [number for number in kept if number < 9] == [5, 4, 3]
    monkeypatch.setattr(flash, "missing_bytes", lambda directory, size: 4096)
    with pytest.raises(Failure, match="no room"):
        repository.make_room(node.repository, 1)
    assert repository.numbers(node.repository) == [*kept[: repository.ALWAYS_KEPT], 5, 4, 3]


def test_only_what_is_whole_counts_as_newer(node: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a flipped bit in the number of its format would keep a damaged one for ever."""
    data = bytearray(newer_archive())
    data[700] ^= 1
    repository.path_of(node.repository, 3).write_bytes(data)
    assert not repository.summarize(node.repository, 3).newer


# ---- save.rules

RULES_OF_ANOTHER_KIND = {"a directory": a_directory, "a loop": a_loop, "a pipe": a_pipe}


@pytest.mark.parametrize("harm", RULES_OF_ANOTHER_KIND.values(), ids=RULES_OF_ANOTHER_KIND.keys())
def test_rules_that_cannot_be_read_are_said_with_path_and_remedy(node: Paths, harm: Harm) -> None:
    path = node.in_etc(rules.FILE)
    harm(path)
    with pytest.raises(Failure) as error:
        save(node)
    assert str(error.value).startswith(f"{path}: ")
    assert error.value.hint
    for name, act in EVERYTHING.items():
        if name != "save":
            act(node)


def test_rules_that_the_disk_does_not_give_are_said_with_path_and_remedy(
    node: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, genuine = node.in_etc(rules.FILE), Path.read_bytes

    def failing(asked: Path) -> bytes:
        if asked == path:
            raise OSError(5, "Input/output error", str(asked))
        return genuine(asked)

    monkeypatch.setattr(Path, "read_bytes", failing)
    with pytest.raises(Failure, match=f"^{path}: Input/output error") as error:
        rules.load(node)
    assert error.value.hint
    assert rules.load_tolerant(node) == rules.parse(directory_node.RULES.read_text())


@pytest.mark.parametrize("data", [b"nonsense\n", b"ignore\n", b"\xff\xfe\0", b"quiet", b"[]"])
def test_rules_that_are_not_understood_are_said_with_their_line(node: Paths, data: bytes) -> None:
    directory_node.write(node.in_etc(rules.FILE), data)
    with pytest.raises(Invalid) as error:
        save(node)
    assert error.value.problems[0].startswith(f"{node.in_etc(rules.FILE)}:1: ")
    for name, act in EVERYTHING.items():
        if name != "save":
            act(node)


@pytest.mark.parametrize("harm", [*RULES_OF_ANOTHER_KIND.values(), replaced_by(b"nonsense\n"), Path.unlink])
def test_a_node_works_without_the_factorys_rules(node: Paths, harm: Harm) -> None:
    harm(node.in_factory(rules.FILE))
    node.in_etc(rules.FILE).unlink()
    for name, act in EVERYTHING.items():
        if name != "save" or harm is Path.unlink:
            act(node)


# ---- around them


def test_a_factory_that_cannot_be_read_is_said_with_its_path(node: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """By each who needs it; a node whose state is known goes on."""
    from firmware import manifest

    genuine = manifest.scan

    def failing(top: Path, **words: Any) -> object:
        if top == node.factory:
            raise OSError(5, "Input/output error", str(node.factory / "hosts"))
        return genuine(top, **words)

    monkeypatch.setattr(manifest, "scan", failing)
    for name, act in EVERYTHING.items():
        if name in ("changes", "state", "refresh"):
            act(node)
            continue
        before = "nothing that is saved can be put back: generation 2 could not be restored: " * (name == "restore")
        with pytest.raises(Failure, match=f"^{before}{node.factory}/hosts: Input/output error"):
            act(node)


@pytest.mark.parametrize("harm", [a_loop, replaced_by(b"a file")])
def test_a_repository_that_is_no_directory_is_said_with_its_path(node: Paths, harm: Harm) -> None:
    for path in node.repository.iterdir():
        path.unlink()
    node.repository.rmdir()
    harm(node.repository)
    with pytest.raises(Failure, match=f"^{node.repository}"):
        save(node)
    for act in LOOKING.values():
        act(node)
    assert restore.restore(paths=node).lines[0] == "restored the factory configuration"


def test_a_generation_of_released_firmware_has_no_field_for_newer(node: Paths) -> None:
    one = generations.history(paths=node)[0].generation
    body = json.loads(node.saved_state.read_bytes())
    body["generation"] = body["generation"][:7]
    node.saved_state.write_text(json.dumps(body))
    assert saved_state.load(node).generation == replace(one, newer=False)
