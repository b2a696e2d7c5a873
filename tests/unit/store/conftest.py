"""For the tests of the store: what is tried in this process needs no disk; durability is tried in processes of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import directory_node
import pytest

from firmware.store.paths import Paths


@pytest.fixture(autouse=True)
def nothing_synced(monkeypatch: pytest.MonkeyPatch) -> None:
    """No power fails here, and the disk of a busy machine takes long to sync."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture
def node(tmp_path: Path) -> Paths:
    """A node on ordinary directories, as the factory made it; nothing is saved."""
    return directory_node.make(tmp_path)


@pytest.fixture
def no_leftovers(tmp_path: Path) -> Iterator[None]:
    """No flow may leave a half-made file or directory of its own."""
    yield
    assert [path for path in tmp_path.rglob(".firmware-????????") if "abcd" not in path.name] == []
    assert list(tmp_path.rglob(".*.new")) == []
