"""A WebSocket as Tornado speaks it: it hands over what a tab says, and sends what its channels say."""

from collections.abc import Awaitable
from typing import Any, Protocol

from tornado import iostream
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from firmware.errors import Failure
from firmware.wui import guard
from firmware.wui.live import Tab
from firmware.wui.request import Answer, Request
from firmware.wui.web.exchange import as_request, run_aside

#: seconds between two pings; a browser that answers none is gone
PING_SECONDS = 20
#: why a WebSocket is closed: this program stops; what was said made no sense
GOING_AWAY, NO_SENSE = 1001, 4400


class TabOpener(Protocol):
    """What opens the channels of a tab: `wui.site.Site`."""

    async def open_tab(self, request: Request, send: Any) -> Answer | Tab:
        """The tab, or a refusal."""
        ...


class Live(WebSocketHandler):
    """The WebSocket of one tab. The next message is taken once the last one has gone where it belongs."""

    def initialize(self, site: TabOpener, tabs: set["Live"]) -> None:
        """`tabs` has all that are open."""
        self._site, self._tabs = site, tabs
        self._tab: Tab | None = None

    async def prepare(self) -> None:
        """Who asks?"""
        opened = await self._site.open_tab(as_request(self.request), self._send)
        if isinstance(opened, Tab):
            self._tab = opened
            return
        self.set_status(opened.status)
        for name, value in {**guard.security_headers(), **opened.headers, "Content-Type": opened.type}.items():
            self.set_header(name, value)
        self.finish(opened.body)

    def check_origin(self, origin: str) -> bool:
        """`prepare` has looked at it, and at more."""
        return self._tab is not None

    def open(self, *args: str, **kwargs: str) -> None:
        """It is a WebSocket now."""
        self._tabs.add(self)

    async def on_message(self, message: str | bytes) -> None:
        """What the tab says."""
        if self._tab is None:
            return
        try:
            await self._tab.hear(message)
        except Failure as error:
            self.close(NO_SENSE, str(error)[:100])

    def on_close(self) -> None:
        """It is gone."""
        self._tabs.discard(self)
        if self._tab is not None:
            run_aside(self._tab.end())

    def set_default_headers(self) -> None:
        """Nobody needs to know which server this is."""
        self.clear_header("Server")

    async def _send(self, said: str | bytes) -> None:
        try:
            sent: Awaitable[None] = self.write_message(said, binary=isinstance(said, bytes))
            await sent
        except (WebSocketClosedError, iostream.StreamClosedError):
            pass
