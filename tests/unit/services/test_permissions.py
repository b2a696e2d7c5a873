"""Files are made readable for a service's account, and no link leads that anywhere else."""

import multiprocessing
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware import native
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
