"""How the tests are given to the workers."""

from dataclasses import dataclass
from typing import cast

import pytest
import workers


@dataclass(frozen=True, slots=True)
class Item:
    """A test, as far as its place in the order asks for it."""

    nodeid: str
    is_alone: bool = False

    def get_closest_marker(self, name: str) -> bool | None:
        """Whether it is marked `alone`."""
        return self.is_alone or None


def test_what_nobody_has_measured_begins_first_and_what_runs_alone_comes_last(
    monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    monkeypatch.setattr(workers, "_recorded", lambda: {"tests/a": 1.0, "tests/b": 9.0, "tests/alone": 50.0})
    items = [
        Item("tests/alone.py::test", is_alone=True),
        *(Item(f"tests/{name}.py::test") for name in ("a", "b", "new")),
    ]
    workers.Workers(pytestconfig).pytest_collection_modifyitems(cast(list[pytest.Item], items))
    assert [item.nodeid.partition(".")[0] for item in items] == ["tests/new", "tests/b", "tests/a", "tests/alone"]
