"""The two tiers: `make -f image.mk test` runs every behaviour once, `test-all` everything.

`@pytest.mark.all` leaves a test to test-all. `@pytest.mark.all(but=[ID, …])`, for a test with parameters, leaves it every case
but those: they stand for their kind. A test that is named (`MODULE::NAME`) runs in either tier.
"""

import os
import re
from collections.abc import Iterable

import pytest

ROOT = "root: it gives files to other accounts, or mounts something; skipped where nobody may do that"
MARKER = "all(but): only test-all runs it; of a test with parameters, `test` runs the cases with these ids"


def add_option(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="run what is marked `all`, too")


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take away what the tier does not run, and skip what only root can do."""
    _require_known_cases(items)
    if os.geteuid():
        for item in items:
            if item.get_closest_marker("root"):
                item.add_marker(pytest.mark.skip("only root may give files away, and mount"))
    if config.getoption("--all") or any("::" in argument for argument in config.args):
        return
    left = [item for item in items if _is_left_to_all(item)]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in set(left)]


def _is_left_to_all(item: pytest.Item) -> bool:
    marks = list(item.iter_markers("all"))
    return bool(marks) and all(_case(item) not in mark.kwargs.get("but", ()) for mark in marks)


def _case(item: pytest.Item) -> str:
    """The id of a test's parameters, as it stands in brackets after its name, whichever of its `--times` this is."""
    found = item.callspec.id if isinstance(item, pytest.Function) and hasattr(item, "callspec") else ""
    return re.sub(r"-?\d+ of \d+-?", "", found)


def _require_known_cases(items: Iterable[pytest.Item]) -> None:
    """Whoever renames a case has to rename it in `but`, too: else `test` would lose it without a word."""
    cases: dict[str, set[str]] = {}
    wanted: dict[str, set[str]] = {}
    for item in items:
        name = item.nodeid.partition("[")[0]
        cases.setdefault(name, set()).add(_case(item))
        for mark in item.iter_markers("all"):
            wanted.setdefault(name, set()).update(mark.kwargs.get("but", ()))
    for name, ids in wanted.items():
        if len(cases[name]) > 1 and (unknown := ids - cases[name]):
            raise pytest.UsageError(f"{name}: `but` names no case: {', '.join(sorted(unknown))}")
