"""All that can be asked in a session: the rows of every topic."""

from firmware.session.endpoint import Channel, Endpoint
from firmware.session.topics import (
    accounts,
    configuration,
    description,
    files,
    haproxy,
    live,
    node,
    pair,
    probes,
    services,
    session,
    terminal,
    upgrade,
)

_TOPICS = (
    session,
    accounts,
    services,
    pair,
    configuration,
    files,
    haproxy,
    node,
    probes,
    upgrade,
    terminal,
    description,
)

ENDPOINTS: tuple[Endpoint, ...] = tuple(row for topic in _TOPICS for row in topic.ENDPOINTS)
CHANNELS: tuple[Channel, ...] = tuple(row for topic in (*_TOPICS, live) for row in topic.CHANNELS)
