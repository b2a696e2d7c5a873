"""Files are made readable for a service's account, and no link leads that anywhere else."""

import multiprocessing
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware import native
from firmware.errors import Failure
from firmware.services import catalog, permissions


def _swap(one: Path, other: Path) -> None:
    while True:
        native.exchange(one, other)


@pytest.fixture
def swapping(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A tree in which a directory turns into a link to a secret's directory and back, all the time; and the secret."""
    secret, owned = tmp_path / "secret", tmp_path / "etc/haproxy"
    secret.mkdir()
    (owned / "d").mkdir(parents=True)
    (owned / "l").symlink_to(secret)
    for top in (secret, owned / "d"):
        (top / "key").write_text("secret" if top == secret else "own")
        (top / "key").chmod(0o600)
    other = multiprocessing.get_context("fork").Process(target=_swap, args=(owned / "d", owned / "l"))
    other.start()
    yield owned, secret / "key"
    other.kill()
    other.join()


@pytest.mark.root
def test_no_link_is_followed_while_files_are_made_readable(
    swapping: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, key = swapping
    monkeypatch.setattr(pwd, "getpwnam", lambda name: pwd.getpwuid(65534))
    haproxy = catalog.find("haproxy")
    assert haproxy
    for _ in range(3000):
        permissions.grant_read_access(haproxy, root=tmp_path)
    assert (key.stat().st_gid, key.stat().st_mode & 0o777) == (0, 0o600)


@pytest.mark.root
@pytest.mark.parametrize(("mode", "expected"), [(0o600, 0o640), (0o640, 0o640), (0o400, 0o440), (0o644, 0o644)])
def test_what_belongs_to_the_account_is_readable_for_its_checker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, expected: int
) -> None:
    monkeypatch.setattr(pwd, "getpwnam", lambda name: pwd.getpwuid(65534))
    haproxy = catalog.find("haproxy")
    assert haproxy
    (tmp_path / "etc/haproxy").mkdir(parents=True)
    key = tmp_path / "etc/haproxy/key.pem"
    key.touch()
    os.chown(key, 65534, 65534)
    key.chmod(mode)
    permissions.grant_read_access(haproxy, root=tmp_path)
    assert key.stat().st_mode & 0o777 == expected


def test_an_account_that_an_older_passwd_lacks_has_the_factorys_numbers(tmp_path: Path) -> None:
    factory = tmp_path / "passwd"
    factory.write_text("root:x:0:0:root:/root:/bin/sh\nbroken\nnew-here:x:488:487:new:/var/empty:/bin/false\n")
    assert permissions.account_ids("new-here", factory=factory) == (488, 487)
    assert permissions.account_ids("root", factory=factory) == (0, 0)
    for place in (factory, tmp_path / "none"):
        with pytest.raises(Failure, match="nobody-here: there is no such account on this node"):
            permissions.account_ids("nobody-here", factory=place)
