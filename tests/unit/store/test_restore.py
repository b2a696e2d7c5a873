"""Saving and restoring on directories: what was saved comes back exactly, and damage costs as little as possible."""

import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import directory_node
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware import manifest, native
from firmware.errors import Failure, Invalid, Refused
from firmware.manifest import Entry
from firmware.rc.block import Block
from firmware.rc.title import Title
from firmware.store import apply, changes, generations, repository, restore, rules, saved_state, snapshot
from firmware.store.paths import Paths


@pytest.fixture
def node(tmp_path: Path) -> Paths:
    return directory_node.make(tmp_path)


def save(node: Paths, message: str = "") -> generations.SaveResult:
    return generations.save(message, who="tester", paths=node)


def number_saved(node: Paths, text: str) -> int:
    """Save a config.rc that holds `text`."""
    directory_node.write(node.in_etc("/etc/config.rc"), f"service haproxy\n# {text}\n")
    return save(node, text).generation.number


def config(node: Paths) -> str:
    return node.in_etc("/etc/config.rc").read_text()


@pytest.mark.root
def test_what_was_saved_comes_back_and_what_was_not_is_gone(node: Paths) -> None:
    directory_node.write(node.etc / "haproxy/haproxy.cfg", "global\n  maxconn 7\n", 0o640)
    directory_node.write(node.etc / "haproxy/certs/site.pem", "-----BEGIN PRIVATE KEY-----\n", 0o600)
    (node.etc / "haproxy/certs").chmod(0o2750)
    os.chown(node.etc / "haproxy/certs/site.pem", 101, 101)
    (node.etc / "hosts").unlink()
    (node.etc / "localtime").unlink()
    (node.etc / "localtime").symlink_to("/usr/share/zoneinfo/Europe/Paris")
    (node.etc / "empty").rmdir()
    os.chown(node.etc / "localtime", 101, 0, follow_symlinks=False)
    saved, numbers = directory_node.entries(node), directory_node.owners(node)
    stamp = (node.etc / "haproxy/haproxy.cfg").stat().st_mtime
    assert save(node).changes == changes.Changes(
        ("/etc/haproxy/certs", "/etc/haproxy/certs/site.pem"),
        ("/etc/haproxy/haproxy.cfg", "/etc/localtime"),
        ("/etc/empty", "/etc/hosts"),
    )
    directory_node.write(node.etc / "unsaved", "x")
    done = directory_node.reboot(node)
    assert done.generation is not None
    assert done.lines == (f"restored generation 1 of {done.generation.time}",)
    assert directory_node.entries(node) == saved
    assert directory_node.owners(node) == numbers
    assert (node.etc / "haproxy/haproxy.cfg").stat().st_mtime == int(stamp)
    assert changes.unsaved_changes(paths=node).paths == ()


NAMES = ["a", "b", "a ", "\n", "\udcff", "ü" * 127, "-rf", "*", "tar\\", "manifest.json"]
kinds = st.one_of(
    st.tuples(st.just("file"), st.binary(max_size=3), st.sampled_from([0o644, 0o600, 0o4755, 0o000])),
    st.tuples(st.just("dir"), st.just(b""), st.sampled_from([0o755, 0o700, 0o1777, 0o000])),
    st.tuples(st.just("link"), st.sampled_from([b"a", b"/etc/b", b"\xff" * 200]), st.just(0o777)),
)
trees = st.dictionaries(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(tuple), kinds, max_size=8)
Tree = dict[tuple[str, ...], tuple[str, bytes, int]]


def plant(top: Path, tree: Tree) -> None:
    """Make a tree, besides what is there; what lies below something that is no directory is left out."""
    for names, (kind, data, mode) in sorted(tree.items()):
        path = top.joinpath(*names)
        if path.parent != top and not (path.parent.is_dir() and not path.parent.is_symlink()):
            continue
        if kind == "dir":
            path.mkdir()
        elif kind == "link":
            path.symlink_to(os.fsdecode(data))
        else:
            path.write_bytes(data)
        if kind != "link":
            path.chmod(mode)


def replant(top: Path, tree: Tree) -> None:
    """Make top/x that tree."""
    shutil.rmtree(top / "x", ignore_errors=True)
    (top / "x").mkdir()
    plant(top / "x", tree)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(factory=trees, saved=trees, live=trees, later=trees)
@pytest.mark.root
def test_any_tree_comes_back(
    tmp_path_factory: pytest.TempPathFactory, factory: Tree, saved: Tree, live: Tree, later: Tree
) -> None:
    top = tmp_path_factory.mktemp("any")
    node = directory_node.make(top)
    replant(node.factory, factory)
    shutil.rmtree(node.etc)
    directory_node.copy(node.factory, node.etc)
    replant(node.etc, saved)
    expected = directory_node.whole(node)
    save(node)
    # at boot, over the factory's files
    directory_node.reboot(node)
    assert directory_node.whole(node) == expected
    assert changes.unsaved_changes(paths=node).paths == ()
    # by hand, over whatever is there
    replant(node.etc, live)
    restore.restore(live=True, paths=node)
    assert directory_node.whole(node) == expected
    # what is saved is told right when it has to be worked out anew
    saved_state.forget(node)
    assert saved_state.load(node).entries == expected
    # by a firmware with another factory tree there may be other files, but there always is a result
    replant(node.factory, later)
    assert directory_node.reboot(node).generation is not None
    assert changes.unsaved_changes(paths=node).paths == ()
    shutil.rmtree(top)


def test_a_second_save_removes_what_the_first_one_had(node: Paths) -> None:
    directory_node.write(node.etc / "haproxy/a.map", "x")
    save(node)
    (node.etc / "haproxy/a.map").unlink()
    assert save(node).changes == changes.Changes(removed=("/etc/haproxy/a.map",))
    directory_node.reboot(node)
    assert not (node.etc / "haproxy/a.map").exists()


def test_nothing_to_save_makes_no_generation(node: Paths) -> None:
    first = save(node, "factory")
    assert (first.fresh, first.generation.number, first.changes.paths) == (True, 1, ())
    again = save(node, "again")
    assert (again.fresh, again.generation) == (False, first.generation)
    assert repository.numbers(node.repository) == [1]
    assert again.json()["generation"] == 1
    os.utime(node.etc / "hosts", (1, 1))
    assert not save(node).fresh


def test_the_factory_state_can_be_saved_over_another(node: Paths) -> None:
    number_saved(node, "one")
    directory_node.write(node.etc / "config.rc", directory_node.CONFIG)
    assert save(node).changes.changed == ("/etc/config.rc",)
    assert directory_node.reboot(node).lines[0].startswith("restored generation 2 ")
    assert config(node) == directory_node.CONFIG


def test_a_save_that_replaces_a_damaged_one_is_always_made(node: Paths) -> None:
    number_saved(node, "one")
    damage(node, 1)
    directory_node.reboot(node)
    assert config(node) == directory_node.CONFIG
    assert save(node).generation.number == 2
    number_saved(node, "three")
    damage(node, 3)
    directory_node.reboot(node)
    assert changes.unsaved_changes(paths=node).paths == ()
    again = save(node)
    assert (again.fresh, again.generation.number, again.changes.paths) == (True, 4, ())
    assert directory_node.reboot(node).lines[1:] == ()


@pytest.mark.parametrize("data", [None, b"", b" \n\t\n"])
def test_without_a_config_rc_nothing_is_saved(node: Paths, data: bytes | None) -> None:
    number_saved(node, "good")
    node.in_etc("/etc/config.rc").unlink()
    if data is not None:
        directory_node.write(node.in_etc("/etc/config.rc"), data)
    with pytest.raises(Refused, match=r"config\.rc"):
        save(node)
    assert repository.numbers(node.repository) == [1]
    assert directory_node.reboot(node).lines[0].startswith("restored generation 1 ")


@pytest.mark.parametrize("data", [b"service a 'b\n", b"service \xff\n", b"service a\0\n"])
def test_a_config_rc_that_cannot_be_read_is_not_saved(node: Paths, data: bytes) -> None:
    directory_node.write(node.in_etc("/etc/config.rc"), data)
    with pytest.raises(Invalid) as error:
        save(node)
    assert error.value.problems[0].startswith("/etc/config.rc:1:")
    assert repository.numbers(node.repository) == []


def test_a_config_rc_that_is_a_directory_is_not_saved(node: Paths) -> None:
    node.in_etc("/etc/config.rc").unlink()
    node.in_etc("/etc/config.rc").mkdir()
    with pytest.raises(Refused):
        save(node)


def test_broken_rules_are_said_before_anything_is_saved(node: Paths) -> None:
    directory_node.write(node.in_etc(rules.FILE), "nonsense\n")
    with pytest.raises(Invalid):
        save(node)
    assert not node.repository.exists()


def damage(node: Paths, number: int, at: int = 600) -> None:
    path = repository.path_of(node.repository, number)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_wherever_the_newest_is_damaged_the_one_before_comes_back(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    node = directory_node.make(tmp_path_factory.mktemp("damaged"))
    for number in (1, 2, 3):
        number_saved(node, str(number))
    path = repository.path_of(node.repository, 3)
    whole = path.read_bytes()
    if data.draw(st.booleans()):
        damage(node, 3, data.draw(st.integers(0, len(whole) - 1)))
    else:
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    done = directory_node.reboot(node)
    assert config(node) == "service haproxy\n# 2\n"
    assert done.lines[0].startswith("restored generation 2 of 20")
    assert done.lines[1].startswith("generation 3 is damaged: ")
    assert changes.unsaved_changes(paths=node).paths == ()


def test_truncated_at_many_lengths(node: Paths) -> None:
    number_saved(node, "1")
    number_saved(node, "2")
    path = repository.path_of(node.repository, 2)
    whole = path.read_bytes()
    for length in range(0, len(whole), 61):
        path.write_bytes(whole[:length])
        assert [number for number, _ in repository.usable_generations(node.repository)] == [1], length


def test_all_damaged_gives_the_factory_and_says_why(node: Paths) -> None:
    number_saved(node, "1")
    number_saved(node, "2")
    damage(node, 1)
    repository.path_of(node.repository, 2).write_bytes(b"")
    done = directory_node.reboot(node)
    assert done.generation is None
    assert done.lines == (
        "restored the factory configuration",
        "generation 2 is damaged: it is not whole: 0 bytes",
        "generation 1 is damaged: its SHA-256 does not match",
    )
    assert config(node) == directory_node.CONFIG
    assert directory_node.reboot(node).changes == changes.Changes()


def test_nothing_saved_gives_the_factory(node: Paths) -> None:
    assert directory_node.reboot(node).lines == ("restored the factory configuration", "nothing is saved")


def test_a_generation_that_cannot_be_read_is_passed_over(node: Paths) -> None:
    number_saved(node, "1")
    repository.path_of(node.repository, 2).mkdir()
    done = directory_node.reboot(node)
    assert done.lines[1] == "generation 2 is damaged: it cannot be read: Is a directory"
    assert config(node) == "service haproxy\n# 1\n"
    assert number_saved(node, "3") == 3


def test_a_generation_without_config_rc_is_never_used(node: Paths) -> None:
    """Such a one is not made, but another firmware's factory may have lacked the file that it relied on."""
    save(node)
    (node.factory / "config.rc").unlink()
    directory_node.write(node.etc / "config.rc", "service mine\n")
    with pytest.raises(Failure, match=r"config\.rc would be missing"):
        restore.restore(paths=node)
    assert config(node) == "service mine\n"


def test_a_flash_that_cannot_be_reached(node: Paths) -> None:
    directory_node.write(node.etc / "hosts", "mine")
    number_saved(node, "1")
    shutil.rmtree(node.flash)
    directory_node.write(node.flash, "not a directory")
    boot = directory_node.reboot(node)
    assert boot.lines[0] == "restored the factory configuration"
    assert config(node) == directory_node.CONFIG


def test_a_live_node_does_not_lose_everything_to_a_flash_that_cannot_be_mounted(
    node: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory_node.write(node.etc / "fstab", f"/dev/none {node.flash} ext4 defaults 0 0\n")
    before = directory_node.entries(node)
    with pytest.raises(Failure, match="mount"):
        restore.restore(live=True, paths=node)
    assert directory_node.entries(node) == before
    assert restore.restore(paths=node).lines[0] == "restored the factory configuration"


def test_ignored_paths_are_left_out_both_ways(node: Paths) -> None:
    for name in ("mtab", "haproxy/x~", ".staging/haproxy/tree/y", "haproxy/.firmware-abcd1234"):
        directory_node.write(node.etc / name, "x")
    assert changes.unsaved_changes(paths=node).paths == ()
    save(node)
    assert not any("mtab" in path or "~" in path or "/." in path for path in generations.load(1, paths=node).items)
    restore.restore(live=True, paths=node)
    assert (node.etc / "mtab").exists()
    assert (node.etc / "haproxy/x~").exists()
    directory_node.reboot(node)
    assert not (node.etc / "mtab").exists()


def test_an_archive_with_paths_that_are_ignored_now(node: Paths) -> None:
    """A later firmware's rules win over what an earlier one saved."""
    directory_node.write(node.etc / "cache", "x")
    save(node)
    with node.in_factory(rules.FILE).open("a") as file:
        file.write("ignore /etc/cache\n")
    directory_node.reboot(node)
    assert not (node.etc / "cache").exists()
    assert changes.unsaved_changes(paths=node).paths == ()


def test_own_rules_hold_at_the_next_boot(node: Paths) -> None:
    directory_node.write(node.in_etc(rules.FILE), "ignore /etc/cache\n")
    directory_node.write(node.etc / "mtab", "mine")
    directory_node.write(node.etc / "cache", "x")
    save(node)
    directory_node.reboot(node)
    assert (node.etc / "mtab").read_text() == "mine"
    assert not (node.etc / "cache").exists()


def test_quiet_paths_are_saved_but_no_change(node: Paths) -> None:
    save(node)
    key = node.etc / "ssh/ssh_host_ed25519_key"
    key.parent.mkdir()
    save(node)
    directory_node.write(key, "secret", 0o600)
    assert changes.unsaved_changes(paths=node).paths == ()
    done = save(node)
    assert (done.fresh, done.changes.paths) == (True, ())
    directory_node.reboot(node)
    assert key.read_text() == "secret"
    restore.roll_back(2, who="tester", paths=node)
    assert key.read_text() == "secret"
    key.unlink()
    restore.restore(live=True, paths=node)
    assert key.read_text() == "secret"
    restore.reset_to_factory(who="tester", paths=node)
    assert key.read_text() == "secret"
    directory_node.reboot(node)
    assert not key.exists()


def by_hand(node: Paths) -> list[Callable[[], restore.RestoreResult]]:
    """The three ways in which something saved comes back on a node that runs."""
    return [
        lambda: restore.roll_back(1, who="tester", paths=node),
        lambda: restore.restore(live=True, paths=node),
        lambda: restore.reset_to_factory(who="tester", paths=node),
    ]


@pytest.mark.parametrize("way", range(3))
@pytest.mark.parametrize("quiet_then", [True, False])
@pytest.mark.root
def test_what_the_node_remembers_of_its_syncs_is_not_put_back_by_hand(node: Paths, way: int, quiet_then: bool) -> None:
    """Else a rollback by hand would look to the peer like what both had agreed on."""
    ancestors, laws = node.etc / "firmware/ancestors.json", node.in_etc(rules.FILE)
    text = laws.read_text()
    directory_node.write(laws, text if quiet_then else text.replace("quiet /etc/firmware/", "#"))
    directory_node.write(ancestors, "old", 0o600)
    directory_node.write(node.factory / "firmware/ancestors.json", "factory's")
    number_saved(node, "1")
    directory_node.write(laws, text)
    directory_node.write(ancestors, "new", 0o640)
    directory_node.write(node.etc / "hosts", "changed")
    os.chown(ancestors, 7, 7)
    before = directory_node.identity(ancestors)
    done = by_hand(node)[way]()
    assert "/etc/hosts" in done.changes.changed
    assert "/etc/firmware/ancestors.json" not in done.changes.paths
    assert (ancestors.read_text(), directory_node.identity(ancestors)) == ("new", before)
    directory_node.reboot(node)
    assert ancestors.read_text() == ("factory's" if way == 2 else "old")


def test_a_quiet_path_stays_whatever_else_was_saved_there(node: Paths) -> None:
    """Also where a directory above it was none, and where it is a link now and was a directory."""
    outside = node.etc.parent / "outside"
    outside.mkdir()
    (node.etc / "wui").symlink_to("elsewhere")
    directory_node.write(node.etc / "machine-id/below", "x")
    directory_node.write(node.etc / "resolv.conf", "x")
    number_saved(node, "1")
    for name in ("wui", "resolv.conf"):
        (node.etc / name).unlink()
    shutil.rmtree(node.etc / "machine-id")
    (node.etc / "machine-id").symlink_to(outside)
    directory_node.write(node.etc / "wui/tls.key", "mine")
    directory_node.write(node.etc / "wui/other", "x")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(node.etc / "resolv.conf"))
        done = restore.roll_back(1, who="tester", paths=node)
    assert done.changes == changes.Changes(removed=("/etc/wui/other",))
    assert (node.etc / "wui/tls.key").read_text() == "mine"
    assert (node.etc / "machine-id").is_symlink()
    assert (node.etc / "resolv.conf").is_socket()
    assert list(outside.iterdir()) == []


def test_password_hashes_are_in_no_difference(node: Paths) -> None:
    directory_node.write(node.factory / "shadow", "root:$6$old:1::::::\n", 0o600)
    directory_node.write(node.etc / "shadow", "root:$6$new:1::::::\n", 0o600)
    (found,) = changes.differences(None, paths=node)
    assert (found.diff, found.text) == (None, "password hashes, not shown: /etc/shadow\n")


def test_what_the_node_made_by_itself_outlives_a_restore_by_hand(node: Paths) -> None:
    save(node)
    key = node.etc / "ssh/ssh_host_ed25519_key"
    directory_node.write(key, "made at the first start")
    directory_node.write(node.etc / "ssh/other", "x")
    assert restore.restore(live=True, paths=node).changes.removed == ("/etc/ssh/other",)
    assert key.exists()
    assert restore.restore(paths=node).changes.removed == ("/etc/ssh", "/etc/ssh/ssh_host_ed25519_key")


def test_a_directory_with_something_ignored_in_it_stays(node: Paths) -> None:
    save(node)
    directory_node.write(node.etc / "new/below/x~", "x")
    directory_node.write(node.etc / "new/y", "x")
    assert restore.restore(live=True, paths=node).changes.removed == ("/etc/new/y",)
    assert changes.unsaved_changes(paths=node).added == ("/etc/new", "/etc/new/below")


@pytest.mark.root
def test_sockets_and_devices_are_never_saved_nor_removed(node: Paths) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(node.etc / "control"))
        os.mkfifo(node.etc / "pipe")
        os.mknod(node.etc / "null", 0o020666, os.makedev(1, 3))
        assert changes.unsaved_changes(paths=node).paths == ()
        save(node)
        restore.restore(live=True, paths=node)
        assert (node.etc / "control").is_socket()
        directory_node.reboot(node)
    assert not (node.etc / "pipe").exists()


@pytest.mark.root
def test_owners_go_by_name_where_the_restored_passwd_knows_it(node: Paths) -> None:
    directory_node.write(node.etc / "passwd", directory_node.PASSWD.replace("101:101", "555:555"))
    directory_node.write(node.etc / "theirs", "x")
    os.chown(node.etc / "theirs", 555, 4444)
    item = snapshot.compose(None, node).items["/etc/hosts"]
    found = Entry("/etc/theirs", "file", 0o600, "haproxy", "nosuchgroup", 0, "")
    target = snapshot.compose(generations.load(save(node).generation.number, paths=node), node)
    accounts = apply.Owners.from_target(target)
    assert accounts.numbers(target.items["/etc/theirs"])[1] == 4444
    theirs = target.items["/etc/theirs"]
    renamed = type(theirs)(found, 101, 4444, 0, "")
    assert accounts.numbers(renamed) == (555, 4444)
    assert accounts.numbers(item) == (0, 0)


@pytest.mark.root
def test_the_factorys_owners_go_by_number(node: Paths) -> None:
    directory_node.write(node.etc / "passwd", directory_node.PASSWD.replace("root:x:0", "root:x:77"))
    save(node)
    directory_node.reboot(node)
    assert directory_node.owners(node)["hosts"] == (0, 0)
    assert directory_node.owners(node)["passwd"] == (77, 0)


@pytest.mark.parametrize("there", ["nothing", "file", "link", "directory"])
@pytest.mark.root
def test_a_later_firmware_may_lack_the_directory_of_a_saved_file(node: Paths, there: str) -> None:
    (node.factory / "opt").mkdir(mode=0o700)
    directory_node.reboot(node)
    directory_node.write(node.etc / "opt/mine", "x")
    save(node)
    (node.factory / "opt").rmdir()
    if there == "file":
        directory_node.write(node.factory / "opt", "y")
    elif there == "link":
        (node.factory / "opt").symlink_to("/tmp")
    elif there == "directory":
        directory_node.write(node.factory / "opt/theirs", "z")
    assert directory_node.reboot(node).generation is not None
    assert not (node.etc / "opt").is_symlink()
    assert {path.name: path.read_text() for path in (node.etc / "opt").iterdir()} == {
        "mine": "x", **({"theirs": "z"} if there == "directory" else {})
    }  # fmt: skip
    assert changes.unsaved_changes(paths=node).paths == ()


def test_a_link_to_a_directory_is_replaced_itself(node: Paths) -> None:
    save(node)
    outside = node.etc.parent / "outside"
    directory_node.write(outside / "precious", "x")
    for name in ("hosts", "empty"):
        path = node.etc / name
        path.unlink() if path.is_file() else path.rmdir()
        path.symlink_to(outside)
    restore.restore(live=True, paths=node)
    assert (outside / "precious").read_text() == "x"
    assert (node.etc / "hosts").is_file()
    assert list((node.etc / "empty").iterdir()) == []
    assert changes.unsaved_changes(paths=node).paths == ()


@pytest.mark.root
def test_a_set_uid_bit_survives_a_change_of_owner(node: Paths) -> None:
    directory_node.write(node.etc / "shell", "x", 0o4755)
    save(node)
    os.chown(node.etc / "shell", 7, 7)
    (node.etc / "shell").chmod(0o4755)
    restore.restore(live=True, paths=node)
    assert changes.unsaved_changes(paths=node).paths == ()
    assert (node.etc / "shell").stat().st_mode & 0o7777 == 0o4755


def test_only_what_differs_is_touched(node: Paths) -> None:
    number_saved(node, "1")
    directory_node.write(node.etc / "hosts", "changed")
    before = {path: path.lstat().st_ino for path in node.etc.rglob("*")}
    done = restore.restore(live=True, paths=node)
    assert done.changes == changes.Changes(changed=("/etc/hosts",))
    after = {path: path.lstat().st_ino for path in node.etc.rglob("*")}
    assert {path for path in before if before[path] != after[path]} == {node.etc / "hosts"}


@pytest.mark.root
def test_modes_alone_are_restored(node: Paths) -> None:
    save(node)
    (node.etc / "haproxy").chmod(0o700)
    (node.etc / "hosts").chmod(0o600)
    os.chown(node.etc / "localtime", 7, 7, follow_symlinks=False)
    found = ("/etc/haproxy", "/etc/hosts", "/etc/localtime")
    assert changes.unsaved_changes(paths=node).changed == found
    assert restore.restore(live=True, paths=node).changes.changed == found
    assert changes.unsaved_changes(paths=node).paths == ()


def test_every_path_is_there_at_any_time(node: Paths) -> None:
    """Also config.rc, and one that is a directory in one generation and a file in the other."""
    directory_node.write(node.etc / "x", "file")
    number_saved(node, "1")
    (node.etc / "x").unlink()
    directory_node.write(node.etc / "x/below", "directory")
    number_saved(node, "2")
    stop, wrong = threading.Event(), list[str]()

    def watch() -> None:
        while not stop.is_set():
            try:
                text = config(node)
                os.lstat(node.etc / "x")
            except OSError as error:
                text = str(error)
            if text not in ("service haproxy\n# 1\n", "service haproxy\n# 2\n"):
                wrong.append(text)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for number in range(100):
        restore.roll_back(1 + number % 2, who="tester", paths=node)
    stop.set()
    watcher.join()
    assert wrong == []


def test_a_file_that_keeps_changing_is_not_saved_as_a_mixture(node: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pair of files that is always written together is saved together, or not at all."""
    genuine = snapshot._read_differing
    rounds = iter(range(100))

    def moving(*words: Any) -> object:
        found = genuine(*words)
        directory_node.write(node.etc / "pair-b", str(next(rounds)))
        return found

    directory_node.write(node.etc / "pair-b", "start")
    monkeypatch.setattr(snapshot, "_read_differing", moving)
    with pytest.raises(Failure, match="/etc/pair-b: it keeps changing"):
        save(node)
    assert repository.numbers(node.repository) == []
    rounds = iter([])
    monkeypatch.setattr(snapshot, "_read_differing", genuine)
    assert save(node).fresh


def test_a_file_that_changes_there_and_back_is_read_again(node: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine, calls = manifest.read_with_digest, list[Path]()

    def fleeting(path: Path) -> tuple[bytes, str]:
        calls.append(path)
        return (b"fleeting", native.bytes_digest(b"fleeting")) if calls == [node.etc / "hosts"] else genuine(path)

    directory_node.write(node.etc / "hosts", "lasting")
    monkeypatch.setattr(manifest, "read_with_digest", fleeting)
    save(node)
    assert len(calls) >= 2
    assert generations.load(1, paths=node).content("/etc/hosts") == b"lasting"


def test_it_takes_another_look_if_something_moved_once(node: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine, calls = snapshot._read_differing, list[int]()

    def moving(*words: Any) -> object:
        found = genuine(*words)
        if not calls:
            directory_node.write(node.etc / "hosts", "late")
        calls.append(1)
        return found

    monkeypatch.setattr(snapshot, "_read_differing", moving)
    save(node)
    assert len(calls) == 2
    assert generations.load(1, paths=node).content("/etc/hosts") == b"late"


def test_the_oldest_go_but_the_last_good_ones_stay(node: Paths) -> None:
    for number in range(1, 14):
        number_saved(node, str(number))
    assert repository.numbers(node.repository) == list(range(13, 3, -1))
    for number in range(14, 30):
        repository.path_of(node.repository, number).write_bytes(b"damaged")
    repository.prune(node.repository)
    assert repository.numbers(node.repository) == [*range(29, 19, -1), 13, 12]
    assert directory_node.reboot(node).lines[0].startswith("restored generation 13 ")
    assert number_saved(node, "30") == 30
    assert repository.numbers(node.repository) == [*range(30, 20, -1), 13]


def test_rollback_is_running_only(node: Paths) -> None:
    number_saved(node, "1")
    directory_node.write(node.etc / "new", "x")
    number_saved(node, "2")
    done = restore.roll_back(1, who="tester", paths=node)
    assert done.changes == changes.Changes((), ("/etc/config.rc",), ("/etc/new",))
    assert changes.unsaved_changes(paths=node) == changes.Changes((), ("/etc/config.rc",), ("/etc/new",))
    assert save(node, "back").generation.number == 3
    directory_node.reboot(node)
    assert config(node) == "service haproxy\n# 1\n"


def test_rollback_to_none_or_a_damaged_one_changes_nothing(node: Paths) -> None:
    number_saved(node, "1")
    number_saved(node, "2")
    damage(node, 1)
    before = directory_node.entries(node)
    with pytest.raises(Failure, match="generation 1: its SHA-256"):
        restore.roll_back(1, who="tester", paths=node)
    with pytest.raises(Failure, match="generation 9: there is none"):
        restore.roll_back(9, who="tester", paths=node)
    assert directory_node.entries(node) == before


def test_reset_lasts_and_can_be_rolled_back(node: Paths) -> None:
    directory_node.write(node.etc / "mine", "x")
    number_saved(node, "1")
    done = restore.reset_to_factory(who="tester", paths=node)
    assert (config(node), (node.etc / "mine").exists()) == (directory_node.CONFIG, False)
    assert done.generation is not None
    assert done.generation.number == 2
    assert changes.unsaved_changes(paths=node).paths == ()
    directory_node.reboot(node)
    assert config(node) == directory_node.CONFIG
    restore.roll_back(1, who="tester", paths=node)
    assert (node.etc / "mine").read_text() == "x"


def test_import_becomes_a_generation_and_leaves_etc_alone(node: Paths, tmp_path: Path) -> None:
    number_saved(node, "1")
    directory_node.write(node.etc / "theirs", "x")
    number_saved(node, "2")
    exported = generations.load(2, paths=node).data
    other = directory_node.make(tmp_path / "other")
    done = generations.import_archive(exported, who="tester", paths=other)
    assert (done.generation.number, done.changes.added) == (1, ("/etc/theirs",))
    assert done.generation.message.startswith("imported: generation 2 of 20")
    assert config(other) == directory_node.CONFIG
    assert changes.unsaved_changes(paths=other).removed == ("/etc/theirs",)
    directory_node.reboot(other)
    assert directory_node.entries(other) == directory_node.entries(node)


def test_import_refuses_what_is_not_whole_or_has_special_modes(node: Paths) -> None:
    number_saved(node, "1")
    data = generations.load(1, paths=node).data
    for wrong in (b"", data[:-1], data[:600] + b"!" + data[601:], os.urandom(4096)):
        with pytest.raises(Refused):
            generations.import_archive(wrong, who="tester", paths=node)
    directory_node.write(node.etc / "shell", "x", 0o4755)
    save(node)
    with pytest.raises(Refused, match="set-uid"):
        generations.import_archive(generations.load(2, paths=node).data, who="tester", paths=node)
    assert repository.numbers(node.repository) == [2, 1]


def test_import_refuses_what_leaves_no_config_rc(node: Paths) -> None:
    from firmware.store import archive

    label = archive.Label(1, "2026-01-01T00:00:00Z", "", "1", "x")
    data = archive.build(label, archive.Draft({}, {}, ("/etc/config.rc",)))
    with pytest.raises(Refused, match=r"config\.rc"):
        generations.import_archive(data, who="tester", paths=node)


def test_history(node: Paths) -> None:
    for number in (1, 2, 3):
        number_saved(node, str(number))
    damage(node, 3)
    found = [one.json() for one in generations.history(paths=node)]
    assert [(one["generation"], one["message"], one["current"], one["verified"]) for one in found] == [
        (3, "", False, False), (2, "2", True, True), (1, "1", False, True),
    ]  # fmt: skip
    assert found[1]["digest"] == generations.load(2, paths=node).digest
    assert {"generation", "time", "message", "version", "digest", "current", "verified"} <= found[0].keys()


def test_the_journal_tells_who_did_what(node: Paths) -> None:
    number_saved(node, 'it\'s "odd"\n')
    restore.roll_back(1, who="somebody", paths=node)
    restore.reset_to_factory(who="else", paths=node)
    generations.import_archive(generations.load(1, paths=node).data, who="importer", paths=node)
    import json

    told = [json.loads(line) for line in (node.repository / "journal").read_text().splitlines()]
    assert [(line["what"], line["generation"], line["who"]) for line in told] == [
        ("save", 1, "tester"), ("rollback", 1, "somebody"), ("reset", 2, "else"), ("import", 3, "importer"),
    ]  # fmt: skip
    assert told[0]["message"] == 'it\'s "odd"\n'


def test_the_journal_is_bounded_and_survives_half_a_line(node: Paths) -> None:
    number_saved(node, "1")
    path = node.repository / "journal"
    with path.open("ab") as file:
        file.write(b'{"half')
    repository.append_journal(node.repository, "test", generation=1, who="x")
    assert path.read_bytes().splitlines()[-2] == b'{"half'
    path.write_bytes(b'{"old": 1}\n' * 30_000)
    repository.append_journal(node.repository, "test", generation=1, who="x")
    lines = path.read_bytes().splitlines()
    assert repository.JOURNAL_LIMIT / 2.1 < path.stat().st_size < repository.JOURNAL_LIMIT
    assert set(lines[:-1]) == {b'{"old": 1}'}


def test_files_on_flash_are_for_root_only(node: Paths) -> None:
    node.repository.mkdir(mode=0o755)
    number_saved(node, "1")
    assert node.repository.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in node.repository.iterdir()} == {
        "000001.tar": 0o600,
        "journal": 0o600,
    }
    assert node.saved_state.stat().st_mode & 0o777 == 0o600


def test_every_restore_writes_the_state(node: Paths) -> None:
    assert node.saved_state.exists()
    number_saved(node, "1")
    number_saved(node, "2")
    directory_node.reboot(node)
    assert node.saved_state.exists()
    damage(node, 2)
    restore.restore(live=True, paths=node)
    assert saved_state.load(node).entries["/etc/config.rc"] == directory_node.entries(node)["/etc/config.rc"]
    shutil.rmtree(node.repository)
    restore.restore(live=True, paths=node)
    assert changes.unsaved_changes(paths=node).paths == ()


def test_a_save_that_dies_after_the_rename_leaves_no_old_state(node: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    number_saved(node, "1")
    directory_node.write(node.etc / "config.rc", "service two\n")

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(saved_state, "write", dies)
    with pytest.raises(KeyboardInterrupt):
        save(node)
    monkeypatch.undo()
    assert repository.numbers(node.repository) == [2, 1]
    assert changes.unsaved_changes(paths=node).paths == ()


def test_the_saved_state_needs_no_flash(node: Paths) -> None:
    number_saved(node, "1")
    directory_node.write(node.etc / "hosts", "mine")
    shutil.rmtree(node.flash)
    assert changes.unsaved_changes(paths=node).changed == ("/etc/hosts",)
    block: Block | None = saved_state.load(node).block(Title.parse("haproxy"))
    assert block is not None
    assert saved_state.load(node).block(Title.parse("network.eth0")) is None
    assert saved_state.load(node).entries["/etc/hosts"].size == len("127.0.0.1 localhost\n")


@pytest.mark.parametrize(
    "wrong", [b"", b"{}", b"[]", b'{"format": 9}', b'{"format": 1, "generation": null, "entries": [[1]]}', b"\xff"]
)
def test_a_wrong_state_file_is_worked_out_anew(node: Paths, wrong: bytes) -> None:
    number_saved(node, "1")
    right = saved_state.load(node)
    node.saved_state.write_bytes(wrong)
    assert saved_state.load(node) == right
    assert node.saved_state.read_bytes() != wrong


def test_a_state_file_of_another_format_is_worked_out_anew(node: Paths) -> None:
    number_saved(node, "1")
    right = node.saved_state.read_text()
    node.saved_state.write_text(right.replace('"format": 1', '"format": 2').replace("# 1", "# wrong"))
    assert saved_state.load(node).config == "service haproxy\n# 1\n"
    assert node.saved_state.read_text() == right


def test_who_waited_for_the_flash_believes_the_one_before(node: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """csyncd asks in the very moment of a save: it waits, and then there is a state file."""
    right = saved_state.load(node)
    saved_state.forget(node)
    results: list[saved_state.SavedState] = []
    with repository.open_directory(write=True, paths=node):
        asking = threading.Thread(target=lambda: results.append(saved_state.load(node)))
        asking.start()
        asking.join(0.3)
        assert results == []
        saved_state.write(replace(right, config="newer"), node)
    asking.join(10)
    assert results[0].config == "newer"


def test_a_scan_that_somebody_has_already_is_used(node: Paths) -> None:
    save(node)
    directory_node.write(node.etc / "mtab", "x")
    live = dict(directory_node.whole(node))
    directory_node.write(node.etc / "later", "x")
    assert changes.unsaved_changes(live=live, paths=node).paths == ()
    del live["/etc/hosts"]
    assert changes.unsaved_changes(live=live, paths=node).removed == ("/etc/hosts",)


def test_broken_rules_do_not_break_the_watchers(node: Paths) -> None:
    save(node)
    directory_node.write(node.in_etc(rules.FILE), "nonsense\n")
    assert changes.unsaved_changes(paths=node).changed == (rules.FILE,)


@pytest.fixture(autouse=True)
def no_leftovers(tmp_path: Path) -> Iterator[None]:
    """No flow may leave a half-made file or directory of its own."""
    yield
    assert [path for path in tmp_path.rglob(".firmware-????????") if "abcd" not in path.name] == []
    assert list(tmp_path.rglob(".*.new")) == []
