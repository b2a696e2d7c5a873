"""Services: how they are, and what is done with them."""

from typing import Any

from firmware.operations import service_list
from firmware.session.endpoint import MONITOR, Channel, Endpoint


def list_all() -> list[dict[str, Any]]:
    """Every service, in file order."""
    return [row.json() for row in service_list.list_services()]


ENDPOINTS = (Endpoint("GET", "/services", MONITOR, "all services and how they are", list_all),)
CHANNELS: tuple[Channel, ...] = ()
