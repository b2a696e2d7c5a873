"""What many tests on lab nodes begin with."""

import pytest
import story
from lab_driver import Lab
from story import Stage


@pytest.fixture(scope="module")
def stage(module_lab: Lab) -> Stage:
    """Two nodes that are paired, for the tests of one module."""
    made = Stage(module_lab, tell=lambda text: None)
    story.pair(made)
    return made
