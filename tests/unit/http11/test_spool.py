"""A body that comes in: what was written is what is taken, and a large one takes our memory only then."""

import os
import resource
import tracemalloc
from collections.abc import Iterator

import pytest

from firmware.http11.quota import LARGE_BODY
from firmware.http11.spool import Spool


@pytest.mark.parametrize("length", [0, 1, LARGE_BODY, LARGE_BODY + 1, (1 << 20) - 1, 1 << 20, (3 << 20) + 5])
def test_what_was_written_is_what_is_taken(length: int) -> None:
    body = os.urandom(length)
    with Spool(length) as spool:
        for start in range(0, length, 70_000):
            spool.write(body[start : start + 70_000])
            assert spool.size == min(length, start + 70_000)
        assert spool.take() == body


def test_less_than_was_announced_is_what_came() -> None:
    with Spool(1 << 20) as spool:
        spool.write(b"x" * 10)
        assert spool.take() == b"x" * 10


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def test_a_large_body_takes_our_memory_once_and_only_when_it_is_taken(traced: None) -> None:
    length, piece = 8 << 20, b"x" * 65536
    with Spool(length) as spool:
        for _ in range(length // len(piece)):
            spool.write(piece)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
        body = spool.take()
        assert tracemalloc.get_traced_memory()[1] < length * 1.1
        assert len(body) == length


def test_nothing_of_it_stays_open() -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    for _ in range(min(most, 2000)):
        with Spool(LARGE_BODY + 1) as spool:
            spool.write(b"x")
