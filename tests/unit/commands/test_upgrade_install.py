"""What `upgrade install` takes."""

import io
import sys

import pytest

from firmware.commands import operator_identity
from firmware.commands import upgrade_install as command
from firmware.errors import Refused, Usage
from firmware.flows.upgrade import Installed
from firmware.operations import upgrade_install


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    sources: list[str] = []

    def install(source: str, *_: object, **__: object) -> Installed:
        sources.append(source)
        return Installed("same", "1.0", "1.0", "a", 0.0)

    monkeypatch.setattr(operator_identity, "identify", lambda: None)
    monkeypatch.setattr(upgrade_install, "install", install)
    return sources


def test_an_address_may_come_where_nobody_else_sees_it(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("https://me:s3cret@x.example/bundle\nmore\n"))
    assert command.install(["-"]) == 0
    assert asked == ["https://me:s3cret@x.example/bundle"]


@pytest.mark.parametrize(("typed", "kind"), [("bundle.raucb\n", Usage), ("\n", Refused), ("", Refused)])
def test_nothing_but_an_address_does(
    typed: str, kind: type[Exception], asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    monkeypatch.setattr("os.path.exists", lambda _: False)
    with pytest.raises(kind):
        command.install(["-"])
    assert asked == []
