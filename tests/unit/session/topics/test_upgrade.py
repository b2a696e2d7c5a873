"""Upgrades in the API, of a node that has no slots."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from firmware.operations import upgrade_install
from firmware.session.endpoint import Call, NotFound
from firmware.session.topics import upgrade
from firmware.upgrade import slots

CALL = cast(Call, None)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: upgrade.upload(CALL, iter([b"x"])),
        lambda: upgrade.fetch(CALL, upgrade.BundleAddress("http://127.0.0.1:1/bundle")),
        lambda: upgrade.install(CALL, upgrade.Installation("0" * 64)),
        lambda: upgrade.discard(CALL),
    ],
    ids=["upload", "fetch", "install", "discard"],
)
def test_nothing_is_asked_of_anybody_before_it_is_said(ask: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "has_slots", lambda: False)
    for name in ("receive", "fetch", "install_waiting", "discard"):
        monkeypatch.setattr(upgrade_install, name, lambda *_, **__: pytest.fail("it was asked"))
    with pytest.raises(NotFound, match="this node has no slots"):
        ask()
