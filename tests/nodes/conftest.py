"""What many tests on lab nodes begin with."""

import pytest
from lab_driver import Lab
from push_helpers import pair_nodes
from story import Stage


@pytest.fixture(scope="module")
def stage(module_lab: Lab) -> Stage:
    """Two nodes that are paired, for the tests of one module."""
    made = Stage(module_lab, tell=lambda text: None)
    pair_nodes(made)
    return made
