"""A factory, and its units."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from factory import Factory


@pytest.fixture
def factory(tmp_path: Path) -> Iterator[Factory]:
    """A factory without units; those that are added go with it."""
    made = Factory(tmp_path)
    yield made
    made.close()
