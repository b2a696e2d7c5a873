"""Saving and restoring on directories: what was saved comes back exactly, and damage costs as little as possible."""

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import directory_node
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware.errors import Failure, Refused
from firmware.store import changes, flash, generations, repository, restore, rules, saved_state
from firmware.store.paths import Paths

pytestmark = pytest.mark.usefixtures("no_leftovers")


@pytest.mark.root
def test_what_was_saved_comes_back_and_what_was_not_is_gone(node: Paths) -> None:
    directory_node.write(node.etc / "haproxy/haproxy.cfg", "global\n  maxconn 7\n", 0o640)
    directory_node.write(node.etc / "haproxy/certs/site.pem", "-----BEGIN PRIVATE KEY-----\n", 0o600)
    (node.etc / "haproxy/certs").chmod(0o2750)
    os.chown(node.etc / "haproxy/certs/site.pem", 101, 101)
    (node.etc / "hosts").unlink()
    (node.etc / "zone").unlink()
    (node.etc / "zone").symlink_to("/usr/share/zoneinfo/Europe/Paris")
    (node.etc / "empty").rmdir()
    os.chown(node.etc / "zone", 101, 0, follow_symlinks=False)
    saved, numbers = directory_node.entries(node), directory_node.owners(node)
    stamp = (node.etc / "haproxy/haproxy.cfg").stat().st_mtime
    assert directory_node.save(node).changes == changes.Changes(
        ("/etc/haproxy/certs", "/etc/haproxy/certs/site.pem"),
        ("/etc/haproxy/haproxy.cfg", "/etc/zone"),
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
    directory_node.save(node)
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


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_wherever_the_newest_is_damaged_the_one_before_comes_back(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    node = directory_node.make(tmp_path_factory.mktemp("damaged"))
    for number in (1, 2, 3):
        directory_node.save_config(node, str(number))
    path = repository.path_of(node.repository, 3)
    whole = path.read_bytes()
    if data.draw(st.booleans()):
        directory_node.damage_generation(node, 3, data.draw(st.integers(0, len(whole) - 1)))
    else:
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    done = directory_node.reboot(node)
    assert directory_node.read_config(node) == "service haproxy\n# 2\n"
    assert done.lines[0].startswith("restored generation 2 of 20")
    assert done.lines[1].startswith("generation 3 is damaged: ")
    assert changes.unsaved_changes(paths=node).paths == ()


def test_all_damaged_gives_the_factory_and_says_why(node: Paths) -> None:
    directory_node.save_config(node, "1")
    directory_node.save_config(node, "2")
    directory_node.damage_generation(node, 1)
    repository.path_of(node.repository, 2).write_bytes(b"")
    done = directory_node.reboot(node)
    assert done.generation is None
    assert done.lines == (
        "restored the factory configuration",
        "generation 2 is damaged: it is not whole: 0 bytes",
        "generation 1 is damaged: its SHA-256 does not match",
    )
    assert directory_node.read_config(node) == directory_node.CONFIG
    assert directory_node.reboot(node).changes == changes.Changes()


def test_nothing_saved_gives_the_factory(node: Paths) -> None:
    assert directory_node.reboot(node).lines == ("restored the factory configuration", "nothing is saved")


def test_a_node_that_runs_is_not_reset_by_a_restore_of_nothing(node: Paths) -> None:
    """That is what `config reset` is for, which asks first."""
    directory_node.write(node.etc / "hosts", "mine")
    before = directory_node.entries(node)
    with pytest.raises(Refused, match=r"^nothing is saved, and nothing was changed$") as refused:
        restore.restore(live=True, paths=node)
    assert refused.value.hint.startswith("config reset --yes ")
    directory_node.save_config(node, "1")
    directory_node.damage_generation(node, 1)
    before = {**before, "/etc/config.rc": directory_node.entries(node)["/etc/config.rc"]}
    with pytest.raises(Failure, match=r"^nothing that is saved can be put back: generation 1 is damaged: ") as failed:
        restore.restore(live=True, paths=node)
    assert failed.value.status == 1 and "config reset --yes " in failed.value.hint
    assert directory_node.entries(node) == before
    # the control: a boot goes on with what there is
    assert restore.restore(paths=node).lines[0] == "restored the factory configuration"
    assert (node.etc / "hosts").read_text() != "mine"


def know_accounts_of(node: Paths, patch: pytest.MonkeyPatch) -> None:
    """Have the names of owners be those of the node's own passwd and group, as on a node."""

    def look_up(name: str, number: int) -> SimpleNamespace:
        rows = [line.split(":") for line in (node.etc / name).read_text().splitlines()]
        (found,) = [row[0] for row in rows if row[2] == str(number)][:1] or [None]
        if found is None:
            raise KeyError(number)
        return SimpleNamespace(pw_name=found, gr_name=found)

    patch.setattr("pwd.getpwuid", lambda number: look_up("passwd", number))
    patch.setattr("grp.getgrgid", lambda number: look_up("group", number))


@pytest.mark.root
@pytest.mark.parametrize("way", ["restore", "rollback", "reset"])
def test_names_of_owners_that_were_lost_leave_nothing_unsaved_once_they_are_back(
    node: Paths, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    know_accounts_of(node, monkeypatch)
    if way != "reset":
        directory_node.save_config(node, "1")
    for name in ("passwd", "group"):
        directory_node.write(node.etc / name, "")
    if way == "rollback":  # an import, or whoever asks, works out what is saved while there are no names
        saved_state.forget(node)
    assert changes.unsaved_changes(paths=node).paths
    done = by_hand(node)[["rollback", "restore", "reset"].index(way)]()
    assert {"/etc/passwd", "/etc/group"} <= {*done.changes.changed}
    assert changes.unsaved_changes(paths=node) == changes.Changes()


def test_a_generation_that_cannot_be_read_is_passed_over(node: Paths) -> None:
    directory_node.save_config(node, "1")
    repository.path_of(node.repository, 2).mkdir()
    done = directory_node.reboot(node)
    assert done.lines[1] == "generation 2 is damaged: it cannot be read: Is a directory"
    assert directory_node.read_config(node) == "service haproxy\n# 1\n"
    assert directory_node.save_config(node, "3") == 3


def test_a_generation_without_config_rc_is_never_used(node: Paths) -> None:
    """Such a one is not made, but another firmware's factory may have lacked the file that it relied on."""
    directory_node.save(node)
    (node.factory / "config.rc").unlink()
    directory_node.write(node.etc / "config.rc", "service mine\n")
    with pytest.raises(Failure, match=r"config\.rc would be missing"):
        restore.restore(paths=node)
    assert directory_node.read_config(node) == "service mine\n"


def test_a_flash_that_cannot_be_reached(node: Paths) -> None:
    directory_node.write(node.etc / "hosts", "mine")
    directory_node.save_config(node, "1")
    shutil.rmtree(node.flash)
    directory_node.write(node.flash, "not a directory")
    boot = directory_node.reboot(node)
    assert boot.lines[0] == "restored the factory configuration"
    assert directory_node.read_config(node) == directory_node.CONFIG


def test_a_live_node_does_not_lose_everything_to_a_flash_that_cannot_be_mounted(
    node: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory_node.write(node.etc / "fstab", f"/dev/none {node.flash} ext4 defaults 0 0\n")
    before = directory_node.entries(node)
    with pytest.raises(Failure, match="mount"):
        restore.restore(live=True, paths=node)
    assert directory_node.entries(node) == before
    assert restore.restore(paths=node).lines[0] == "restored the factory configuration"


def test_an_archive_with_paths_that_are_ignored_now(node: Paths) -> None:
    """A later firmware's rules win over what an earlier one saved."""
    directory_node.write(node.etc / "cache", "x")
    directory_node.save(node)
    with node.in_factory(rules.FILE).open("a") as file:
        file.write("ignore /etc/cache\n")
    directory_node.reboot(node)
    assert not (node.etc / "cache").exists()
    assert changes.unsaved_changes(paths=node).paths == ()


def test_own_rules_hold_at_the_next_boot(node: Paths) -> None:
    directory_node.write(node.in_etc(rules.FILE), "ignore /etc/cache\n")
    directory_node.write(node.etc / "mtab", "mine")
    directory_node.write(node.etc / "cache", "x")
    directory_node.save(node)
    directory_node.reboot(node)
    assert (node.etc / "mtab").read_text() == "mine"
    assert not (node.etc / "cache").exists()


def test_quiet_paths_are_saved_but_no_change(node: Paths) -> None:
    directory_node.save(node)
    key = node.etc / "ssh/ssh_host_ed25519_key"
    key.parent.mkdir()
    directory_node.save(node)
    directory_node.write(key, "secret", 0o600)
    assert changes.unsaved_changes(paths=node).paths == ()
    done = directory_node.save(node)
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
    directory_node.save_config(node, "1")
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
    directory_node.save_config(node, "1")
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


def test_what_the_node_made_by_itself_outlives_a_restore_by_hand(node: Paths) -> None:
    directory_node.save(node)
    key = node.etc / "ssh/ssh_host_ed25519_key"
    directory_node.write(key, "made at the first start")
    directory_node.write(node.etc / "ssh/other", "x")
    assert restore.restore(live=True, paths=node).changes.removed == ("/etc/ssh/other",)
    assert key.exists()
    assert restore.restore(paths=node).changes.removed == ("/etc/ssh", "/etc/ssh/ssh_host_ed25519_key")


@pytest.mark.parametrize("there", ["nothing", "file", "link", "directory"])
@pytest.mark.root
def test_a_later_firmware_may_lack_the_directory_of_a_saved_file(node: Paths, there: str) -> None:
    (node.factory / "opt").mkdir(mode=0o700)
    directory_node.reboot(node)
    directory_node.write(node.etc / "opt/mine", "x")
    directory_node.save(node)
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


def test_rollback_is_running_only(node: Paths) -> None:
    directory_node.save_config(node, "1")
    directory_node.write(node.etc / "new", "x")
    directory_node.save_config(node, "2")
    done = restore.roll_back(1, who="tester", paths=node)
    assert done.changes == changes.Changes((), ("/etc/config.rc",), ("/etc/new",))
    assert changes.unsaved_changes(paths=node) == changes.Changes((), ("/etc/config.rc",), ("/etc/new",))
    assert directory_node.save(node, "back").generation.number == 3
    directory_node.reboot(node)
    assert directory_node.read_config(node) == "service haproxy\n# 1\n"


def test_rollback_to_none_or_a_damaged_one_changes_nothing(node: Paths) -> None:
    directory_node.save_config(node, "1")
    directory_node.save_config(node, "2")
    directory_node.damage_generation(node, 1)
    before = directory_node.entries(node)
    with pytest.raises(Failure, match="generation 1: its SHA-256"):
        restore.roll_back(1, who="tester", paths=node)
    with pytest.raises(Failure, match="generation 9: there is none"):
        restore.roll_back(9, who="tester", paths=node)
    assert directory_node.entries(node) == before


def test_reset_lasts_and_can_be_rolled_back(node: Paths) -> None:
    directory_node.write(node.etc / "mine", "x")
    directory_node.save_config(node, "1")
    done = restore.reset_to_factory(who="tester", paths=node)
    assert (directory_node.read_config(node), (node.etc / "mine").exists()) == (directory_node.CONFIG, False)
    assert done.generation is not None
    assert done.generation.number == 2
    assert changes.unsaved_changes(paths=node).paths == ()
    directory_node.reboot(node)
    assert directory_node.read_config(node) == directory_node.CONFIG
    restore.roll_back(1, who="tester", paths=node)
    assert (node.etc / "mine").read_text() == "x"


def test_every_restore_writes_the_state(node: Paths) -> None:
    assert node.saved_state.exists()
    directory_node.save_config(node, "1")
    directory_node.save_config(node, "2")
    directory_node.reboot(node)
    assert node.saved_state.exists()
    directory_node.damage_generation(node, 2)
    restore.restore(live=True, paths=node)
    assert saved_state.load(node).entries["/etc/config.rc"] == directory_node.entries(node)["/etc/config.rc"]
    shutil.rmtree(node.repository)
    restore.restore(paths=node)
    assert changes.unsaved_changes(paths=node).paths == ()


def test_a_flash_that_cannot_be_mounted_gives_the_factory_and_that_is_said_everywhere(
    node: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory_node.save_config(node, "1")
    assert not node.greeting.exists()

    def refuse(**words: object) -> object:
        raise Failure("/flash: it cannot be mounted: mount: bad superblock")

    with monkeypatch.context() as patch:
        patch.setattr(flash, "mount", refuse)
        done = directory_node.reboot(node)
        assert done.lines == (
            "restored the factory configuration",
            "/flash: it cannot be mounted: mount: bad superblock",
        )
        problem = saved_state.load(node).problem  # which csync status, csync check and the colour take from here
        assert problem == f"{done.lines[1]}; a reboot brings back the factory's configuration"
        assert node.greeting.read_text() == f"ATTENTION: {problem}\n"
        assert node.greeting.stat().st_mode & 0o777 == 0o644
        with pytest.raises(Failure, match="cannot be mounted"):
            generations.history(paths=node)
        with pytest.raises(Failure, match="cannot be mounted"):
            directory_node.save(node)
    # The control: once it can be mounted, what was saved is there, and nobody is told anything.
    assert directory_node.reboot(node).lines[0].startswith("restored generation 1 ")
    assert not node.greeting.exists()
