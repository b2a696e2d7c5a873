"""What who asks is told about each error of this half, as a problem with a status."""

from collections.abc import Mapping
from typing import Any

from firmware.errors import Failure
from firmware.wui.attempts import TooMany
from firmware.wui.credentials import Denied
from firmware.wui.request import Answer, TooLong, problem
from firmware.wui.root_half import Over, Unavailable

_STATUSES = {Over: 401, Unavailable: 503, TooLong: 413}


def refusal(error: Failure) -> Answer:
    """The answer that an error becomes."""
    if isinstance(error, TooMany):
        return problem(429, str(error), "", {"Retry-After": str(error.seconds)})
    if isinstance(error, Denied):
        return login_refusal(error.said)
    status = next((status for kind, status in _STATUSES.items() if isinstance(error, kind)), 400)
    return problem(status, str(error), error.hint)


def login_refusal(said: Mapping[str, Any]) -> Answer:
    """What the root half says to a credential that it refuses."""
    status, wait = said.get("status"), said.get("retry_after")
    headers = {"Retry-After": str(int(wait) + 1)} if isinstance(wait, int | float) else {}
    known = status if isinstance(status, int) and 400 <= status <= 599 else 502
    return problem(known, str(said.get("detail", "it was refused")), str(said.get("hint", "")), headers)
