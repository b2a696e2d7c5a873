"""What is said of an archive before it is taken: whose it is, and what it brings of accounts, keys and commands."""

from pathlib import Path

import directory_node
import pytest

from firmware.operations import import_review
from firmware.store import generations, snapshot
from firmware.store.paths import Paths
from firmware.store.snapshot import Target

SETTINGS = "LOCAL_IP=10.32.0.1{0}\nREMOTE_IP=10.32.0.1{1}\nLOCAL_NODE={0}\nREMOTE_NODE={1}\n"


@pytest.fixture
def node(tmp_path: Path) -> Paths:
    made = directory_node.make(tmp_path)
    directory_node.write(made.etc / "csyncd/csyncd.cfg", SETTINGS.format(1, 2))
    directory_node.write(made.etc / "shadow", "root:*:1:0:99999:7:::\nhaproxy:*:1::::::\n")
    directory_node.save(made)
    return made


def saved(node: Paths) -> Target:
    return snapshot.compose(generations.load_current(paths=node), node)


def said(node: Paths, **texts: str) -> tuple[str, ...]:
    """What is said of what differs if these files, `__` for `/`, are so."""
    old = saved(node)
    for name, text in texts.items():
        directory_node.write(node.etc / name.replace("__", "/"), text)
    directory_node.save(node)
    return import_review.notable_changes(old, saved(node))


def test_accounts_keys_and_commands_are_named(node: Paths) -> None:
    found = said(
        node,
        passwd=directory_node.PASSWD + "eve:x:0:0::/root:/bin/sh\n",
        shadow="root::1:0:99999:7:::\nhaproxy:*:1::::::\neve:$6$x:1::::::\n",
        ssh__authorized_keys__root="ssh-ed25519 AAAA eve\n",
        csyncd__id_ed25519="PRIVATE\n",
        inittab="::respawn:/tmp/x\n",
    )
    assert found == (
        "account eve: added, with all of root's rights",
        "account eve: another password",
        "account root: WITHOUT A PASSWORD: whoever gives its name is in",
        "keys of the node: /etc/csyncd/id_ed25519: added",
        "a command, or what runs some: /etc/inittab: added",
        "who may log in: /etc/ssh/authorized_keys/root: added",
    )


def test_accounts_of_the_web_ui_and_whom_upgrades_believe_are_named(node: Paths) -> None:
    accounts = '{"format": 1, "accounts": [{"name": "eve", "role": "admin", "password": "scrypt$1", "tokens": []}]}'
    found = said(node, **{"wui/accounts.json": accounts, "ssl/authorities.pem": "CA\n"})
    assert found == (
        "account of the web UI eve: added, role admin",
        "whose certificates are believed, by upgrades too: /etc/ssl/authorities.pem: added",
    )


def test_directives_that_name_commands_and_kernel_settings_are_shown(node: Paths) -> None:
    config = (
        "service system\n sysctl kernel.core_pattern='|/tmp/\x1b[2Jx'\n hostname x\n\nservice haproxy\n bin /tmp/x\n"
    )
    found = said(node, **{"config.rc": f"{config}\nno service sshd\n bin /tmp/y\n"})
    assert found == (
        "/etc/config.rc:2: service system: sysctl kernel.core_pattern=|/tmp/\\x1b[2Jx",
        "/etc/config.rc:6: service haproxy: bin /tmp/x",
    )
    assert said(node, **{"config.rc": f"# once more\n{config}"}) == (), "what was there already is nothing new"


def test_what_is_neither_is_not_named(node: Paths) -> None:
    assert said(node, haproxy__haproxy__cfg="global\n", **{"hosts": "127.0.0.1 x\n"}) == ()


def test_an_archive_of_thousands_of_accounts_is_not_a_wall_of_text(node: Paths) -> None:
    found = said(node, passwd=directory_node.PASSWD + "".join(f"a{n}:x:{n}:0::/:/bin/sh\n" for n in range(500, 3500)))
    assert len(found) == import_review.MOST + 1 and found[-1].endswith("more of this kind")


@pytest.mark.parametrize(
    ("here", "there", "is_foreign"),
    [
        (SETTINGS.format(1, 2), SETTINGS.format(2, 1), True),
        (SETTINGS.format(1, 2), SETTINGS.format(2, 1).replace("LOCAL_NODE=2", "LOCAL_NODE=1"), True),
        (SETTINGS.format(1, 2), SETTINGS.format(1, 2), False),
        (SETTINGS.format(1, 2), "", False),
        ("", SETTINGS.format(2, 1), False),
        (SETTINGS.format(1, 2), "\xff\nLOCAL_NODE=7\n", True),
    ],
)
def test_the_other_nodes_configuration_is_told_from_this_nodes(
    node: Paths, tmp_path: Path, here: str, there: str, is_foreign: bool
) -> None:
    directory_node.write(node.etc / "csyncd/csyncd.cfg", there)
    directory_node.save(node)
    (tmp_path / "own.cfg").write_text(here)
    words = import_review.foreign_node(saved(node), own=tmp_path / "own.cfg")
    assert bool(words) == is_foreign
    if there == SETTINGS.format(2, 1) and here:
        assert words.startswith("this is node 2's configuration, and this is node 1: with its keys")
