"""For the tests of the store: what is tried in this process needs no disk; durability is tried in processes of its own."""

import os

import pytest


@pytest.fixture(autouse=True)
def nothing_synced(monkeypatch: pytest.MonkeyPatch) -> None:
    """No power fails here, and the disk of a busy machine takes long to sync."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)
