"""A service's own checker: what is told of one that does not do its work."""

from dataclasses import replace

import pytest

from firmware.errors import Failure, Invalid
from firmware.run import Result
from firmware.services import catalog, checker
from firmware.services.definition import Account


@pytest.mark.parametrize(
    "words",
    [
        "haproxy: No such file or directory",
        "haproxy: applet not found",
        "prlimit: failed to execute haproxy: not found",
    ],
)
def test_a_program_that_is_not_there_makes_no_configuration_invalid(
    words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever says it: the shell, busybox, what sets its bounds. The control: what any other status says is the checker's."""
    found = catalog.find("haproxy")
    assert found is not None
    service = replace(found, account=Account("root"))
    monkeypatch.setattr(checker, "run", lambda *_, **__: Result(127, "", f"{words}\n"))
    with pytest.raises(Failure) as raised:
        checker.run_checker(service, ["haproxy"])
    assert not isinstance(raised.value, Invalid)
    assert str(raised.value) == f"service haproxy: its checker needs a program that is not on this node: {words}"
    monkeypatch.setattr(checker, "run", lambda *_, **__: Result(1, "", f"{words}\n"))
    assert checker.run_checker(service, ["haproxy"]).output == words
