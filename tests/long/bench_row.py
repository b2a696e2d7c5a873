"""A row of the table of bars, and how two sides are measured in turn."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

#: how often each side is measured, after once that does not count
PAIRS = 7


@dataclass(frozen=True)
class Row:
    """One bar: ours and theirs in the unit that the name says, their ratio, what it has to be, and whether it is."""

    name: str
    ours: float
    theirs: float
    ratio: float
    bar: str
    ok: bool


def bounded(name: str, ours: float, theirs: float, most: float) -> Row:
    """Ours may be at most so many times theirs."""
    ratio = ours / theirs if theirs else 0.0
    return Row(name, ours, theirs, ratio, f"<= {most:g}", ratio <= most)


def faster(name: str, ours: float, theirs: float, least: float) -> Row:
    """Theirs takes at least so many times as much as ours."""
    ratio = theirs / ours if ours else 0.0
    return Row(name, ours, theirs, ratio, f">= {least:g}", ratio >= least)


def shown(name: str, ours: float, theirs: float) -> Row:
    """How many times as much theirs takes, without a bar."""
    return Row(name, ours, theirs, theirs / ours if ours else 0.0, "shown", True)


def limited(name: str, ours: float, most: float, unit: str) -> Row:
    """Ours may be so much, whatever others do."""
    return Row(name, ours, most, ours / most if most else 0.0, f"<= {most:g} {unit}", ours <= most)


def alternating(ours: Callable[[], float], theirs: Callable[[], float], pairs: int = PAIRS) -> tuple[float, float]:
    """The medians of both, measured in turn, so that a noisy machine does not decide."""
    found = [(ours(), theirs()) for _ in range(pairs + 1)][1:]
    first, second = zip(*found, strict=True)
    return statistics.median(first), statistics.median(second)
