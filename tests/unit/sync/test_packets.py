"""Small packets that pass where large ones do not."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from firmware.sync import packets


@pytest.mark.parametrize(
    ("passing", "says"),
    [
        ({packets.SMALL, packets.LARGE}, ""),
        ({packets.SMALL}, "packets of 1,400 bytes do not reach 10.0.0.2, small ones do"),
        (set(), ""),
    ],
)
def test_only_large_ones_that_are_lost_are_a_matter_of_the_mtu(
    monkeypatch: pytest.MonkeyPatch, passing: set[int], says: str
) -> None:
    def ping(argv: Sequence[str], **_: Any) -> SimpleNamespace:
        assert argv[0] == "ping" and argv[-1] == "10.0.0.2"
        return SimpleNamespace(status=int(int(argv[argv.index("-s") + 1]) not in passing))

    monkeypatch.setattr(packets, "run", ping)
    assert packets.mtu_problem("10.0.0.2") == says
