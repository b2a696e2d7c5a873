"""All that can be asked in a session: the rows of every topic."""

from firmware.session.endpoint import Channel, Endpoint
from firmware.session.topics import services, session

_TOPICS = (session, services)

ENDPOINTS: tuple[Endpoint, ...] = tuple(row for topic in _TOPICS for row in topic.ENDPOINTS)
CHANNELS: tuple[Channel, ...] = tuple(row for topic in _TOPICS for row in topic.CHANNELS)
