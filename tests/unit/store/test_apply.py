"""What /etc becomes is applied path by path: owners, modes, links, and never a moment without a file."""

import os
import threading

import directory_node
import pytest

from firmware.manifest import Entry
from firmware.store import apply, changes, generations, restore, snapshot
from firmware.store.paths import Paths

pytestmark = pytest.mark.usefixtures("no_leftovers")


def test_a_directory_with_something_ignored_in_it_stays(node: Paths) -> None:
    directory_node.save(node)
    directory_node.write(node.etc / "new/below/x~", "x")
    directory_node.write(node.etc / "new/y", "x")
    assert restore.restore(live=True, paths=node).changes.removed == ("/etc/new/y",)
    assert changes.unsaved_changes(paths=node).added == ("/etc/new", "/etc/new/below")


@pytest.mark.root
def test_owners_go_by_name_where_the_restored_passwd_knows_it(node: Paths) -> None:
    directory_node.write(node.etc / "passwd", directory_node.PASSWD.replace("101:101", "555:555"))
    directory_node.write(node.etc / "theirs", "x")
    os.chown(node.etc / "theirs", 555, 4444)
    item = snapshot.compose(None, node).items["/etc/hosts"]
    found = Entry("/etc/theirs", "file", 0o600, "haproxy", "nosuchgroup", 0, "")
    target = snapshot.compose(generations.load(directory_node.save(node).generation.number, paths=node), node)
    accounts = apply.Owners.from_target(target)
    assert accounts.numbers(target.items["/etc/theirs"])[1] == 4444
    theirs = target.items["/etc/theirs"]
    renamed = type(theirs)(found, 101, 4444, 0, "")
    assert accounts.numbers(renamed) == (555, 4444)
    assert accounts.numbers(item) == (0, 0)


@pytest.mark.root
def test_the_factorys_owners_go_by_number(node: Paths) -> None:
    directory_node.write(node.etc / "passwd", directory_node.PASSWD.replace("root:x:0", "root:x:77"))
    directory_node.save(node)
    directory_node.reboot(node)
    assert directory_node.owners(node)["hosts"] == (0, 0)
    assert directory_node.owners(node)["passwd"] == (77, 0)


def test_a_link_to_a_directory_is_replaced_itself(node: Paths) -> None:
    directory_node.save(node)
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
    directory_node.save(node)
    os.chown(node.etc / "shell", 7, 7)
    (node.etc / "shell").chmod(0o4755)
    restore.restore(live=True, paths=node)
    assert changes.unsaved_changes(paths=node).paths == ()
    assert (node.etc / "shell").stat().st_mode & 0o7777 == 0o4755


def test_only_what_differs_is_touched(node: Paths) -> None:
    directory_node.save_config(node, "1")
    directory_node.write(node.etc / "hosts", "changed")
    before = {path: path.lstat().st_ino for path in node.etc.rglob("*")}
    done = restore.restore(live=True, paths=node)
    assert done.changes == changes.Changes(changed=("/etc/hosts",))
    after = {path: path.lstat().st_ino for path in node.etc.rglob("*")}
    assert {path for path in before if before[path] != after[path]} == {node.etc / "hosts"}


@pytest.mark.root
def test_modes_alone_are_restored(node: Paths) -> None:
    directory_node.save(node)
    (node.etc / "haproxy").chmod(0o700)
    (node.etc / "hosts").chmod(0o600)
    os.chown(node.etc / "zone", 7, 7, follow_symlinks=False)
    found = ("/etc/haproxy", "/etc/hosts", "/etc/zone")
    assert changes.unsaved_changes(paths=node).changed == found
    assert restore.restore(live=True, paths=node).changes.changed == found
    assert changes.unsaved_changes(paths=node).paths == ()


def test_every_path_is_there_at_any_time(node: Paths) -> None:
    """Also config.rc, and one that is a directory in one generation and a file in the other."""
    directory_node.write(node.etc / "x", "file")
    directory_node.save_config(node, "1")
    (node.etc / "x").unlink()
    directory_node.write(node.etc / "x/below", "directory")
    directory_node.save_config(node, "2")
    stop, wrong = threading.Event(), list[str]()

    def watch() -> None:
        while not stop.is_set():
            try:
                text = directory_node.read_config(node)
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


@pytest.mark.root
def test_no_file_is_given_away_that_has_another_name(node: Paths) -> None:
    """An account can give a file of root's a name in its own directory, by a hard link."""
    directory_node.write(node.etc / "theirs/key", "x", 0o644)
    os.chown(node.etc / "theirs/key", 101, 101)
    directory_node.save(node)
    secret = node.etc.parent / "secret"
    directory_node.write(secret, "x", 0o600)
    (node.etc / "theirs/key").unlink()
    os.link(secret, node.etc / "theirs/key")
    assert restore.restore(live=True, paths=node).changes.changed == ("/etc/theirs/key",)
    assert (secret.stat().st_uid, secret.stat().st_mode & 0o7777) == (0, 0o600)
    assert (node.etc / "theirs/key").stat().st_uid == 101
    assert changes.unsaved_changes(paths=node).paths == ()


@pytest.mark.root
def test_a_directory_keeps_what_lies_in_it_when_its_owner_is_restored(node: Paths) -> None:
    directory_node.save(node)
    inode = (node.etc / "haproxy").stat().st_ino
    os.chown(node.etc / "haproxy", 101, 101)
    assert restore.restore(live=True, paths=node).changes.changed == ("/etc/haproxy",)
    assert ((node.etc / "haproxy").stat().st_ino, (node.etc / "haproxy").stat().st_uid) == (inode, 0)
    assert changes.unsaved_changes(paths=node).paths == ()
