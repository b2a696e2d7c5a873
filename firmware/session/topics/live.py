"""What is told as it changes: services, the pair, what is unsaved, the banner."""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from firmware.operations import banner, peer, saved_config
from firmware.operations.service_overview import list_entries
from firmware.session.conversation import Conversation
from firmware.session.endpoint import MONITOR, Channel
from firmware.session.problem import describe_any

#: seconds between two looks for a while after something was done, and how long that is
EAGER, EAGER_SECONDS = 0.5, 5.0


def services(talk: Conversation) -> None:
    """All services whenever one of them changes."""
    tell_changes(talk, lambda: {"services": [entry.json() for entry in list_entries()]}, 1.5)


def status(talk: Conversation) -> None:
    """How the pair is, whenever that changes."""
    tell_changes(talk, lambda: peer.status().json(), 2.0)


def unsaved_paths(talk: Conversation) -> None:
    """What a reboot would take away, whenever that changes."""
    tell_changes(talk, lambda: saved_config.changes().json(), 3.0)


def show_banner(talk: Conversation) -> None:
    """What matters on every page, whenever that changes."""
    tell_changes(talk, lambda: asdict(banner.banner()), 2.0)


def tell_changes(talk: Conversation, read: Callable[[], dict[str, Any]], seconds: float) -> None:
    """Tell what is read, now and whenever it differs from what was told last, until the other side has gone. What goes wrong
    is told as a `problem`, and it goes on: a page shows both. Whatever the other side says means that something was done: it is
    looked at once, and more often for a while, for what was done need not have had its effect yet."""
    last: dict[str, Any] | None = None
    asked = float("-inf")
    while True:
        try:
            now = read()
        except Exception as error:
            now = {"problem": describe_any(error)}
        if now != last:
            talk.tell(now)
            last = now
        is_fresh = time.monotonic() - asked < EAGER_SECONDS
        if talk.hear(min(EAGER, seconds) if is_fresh else seconds) is not None:
            asked = time.monotonic()


CHANNELS = (
    Channel("/services", MONITOR, "all services, whenever one changes", services),
    Channel("/status", MONITOR, "red, orange or green, and why, whenever it changes", status),
    Channel("/unsaved", MONITOR, "paths that differ from what is saved, whenever they change", unsaved_paths),
    Channel("/banner", MONITOR, "what matters on every page, whenever it changes", show_banner),
)
