"""What there is to ask for: the description of the API."""

from typing import Any

from firmware.session.endpoint import MONITOR, Channel, Endpoint


def describe() -> dict[str, Any]:
    """All of it, as OpenAPI has it."""
    from firmware.session import openapi, table

    return openapi.describe(table.ENDPOINTS, table.CHANNELS)


ENDPOINTS = (Endpoint("GET", "/openapi.json", MONITOR, "this description", describe),)
CHANNELS: tuple[Channel, ...] = ()
