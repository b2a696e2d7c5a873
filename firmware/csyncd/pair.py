"""The pair as this node sees it: its own standing, the peer's, and the notices by which each learns of the other's.

Whoever changes tells the other; nobody polls. `status` asks the peer itself, so that it never answers from memory.
"""

import asyncio
from typing import Any

from firmware import log
from firmware.errors import Failure, Lost, Refused
from firmware.sync import audit, node_state, status
from firmware.sync.link import Link
from firmware.sync.node_state import NodeState, WaitingPush
from firmware.sync.settings import Settings

#: seconds that the peer may take to answer a question about its standing
ASK_TIME = 4.0


class Pair:
    """This node and its peer. `theirs` is what the peer told last, None while the link is down."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.link = Link(settings, self.ask, self._lost)
        self.theirs: NodeState | None = None
        #: the state of a service on the peer that the operator was shown last, by title: what --force may overwrite
        self.shown: dict[str, str] = {}
        #: why this node's own sshd lets no peer in; "" if it does
        self.closed = ""
        #: the push that the operator confirmed last, and the one of ours that waits on the peer
        self.confirmed = ""
        self._waiting: WaitingPush | None = None
        self._told: NodeState | None = None
        self._said = ""
        self._telling = asyncio.Lock()

    async def own(self) -> NodeState:
        """This node's standing now."""
        return await asyncio.to_thread(node_state.local_state, self.settings)

    async def ask(self) -> NodeState:
        """Tell the peer our standing and get its own; Failure if it does not answer."""
        ours = await self.own()
        try:
            answer = await self.link.request("/v1/standing", ours.json(), lane="notice", timeout=ASK_TIME)
        except Lost as lost:
            raise Failure(
                f"{self.settings.peer} does not say how it stands: {lost}", "csync check, here and there"
            ) from None
        theirs = node_state.parse(answer)
        self._met(ours, theirs)
        return theirs

    async def changed(self) -> None:
        """Something changed here: tell the peer, if it makes a difference and the peer can be reached."""
        async with self._telling:
            try:
                if not self.link.reason and await self.own() != self._told:
                    await self.ask()
            except Failure as error:
                log.line(f"csyncd: the peer could not be told of a change: {error}")

    async def heard(self, told: dict[str, Any], node: int) -> NodeState:
        """A node told its standing; the answer is ours. What another than our peer says of itself changes nothing here."""
        theirs, ours = node_state.parse(told), await self.own()
        if node == self.settings.remote_node:
            self._met(ours, theirs)
            self.link.reconnect_now()
        return ours

    async def refuse_mismatch(self) -> None:
        """Refused if the two nodes cannot sync: mixed up identities, versions that do not fit."""
        ours = self._told or await self.own()
        if self.theirs and (wrong := node_state.mismatches(ours, self.theirs)):
            raise Refused(wrong[0], "csync status")

    async def ready(self) -> NodeState:
        """The peer's standing, once it can be asked; Failure if it cannot, Refused if the two cannot sync."""
        await self.link.wait_for_attempt(6.0)
        theirs = self.theirs or await self.ask()
        await self.refuse_mismatch()
        return theirs

    async def status(self) -> dict[str, Any]:
        """What `csync status --json` prints."""
        ours, why_not, remedy = await self.own(), "", ""
        self.theirs = None
        try:
            await self.link.wait_for_attempt(ASK_TIME)
            await self.ask()
        except Failure as error:
            why_not, remedy = (self.link.reason, self.link.remedy) if self.link.reason else (str(error), error.hint)
        report = status.describe(self.settings, ours, self.theirs, why_not, remedy)
        if self.closed:
            here = f"node {self.settings.local_node}: no peer can come in: {self.closed}"
            report |= {"state": "red", "reasons": [here, *report["reasons"]]}
        return report

    def _met(self, ours: NodeState, theirs: NodeState) -> None:
        self._note_put_back(theirs.waiting)
        self._told, self.theirs = ours, theirs
        self._log(*node_state.pair_state(ours, theirs, ""))

    def _note_put_back(self, now: WaitingPush | None) -> None:
        """What we pushed waited there when we saw it last, and waits no more: unless it was confirmed, tell the trail."""
        if now is not None and now.node == self.settings.local_node:
            self._waiting = now
        elif (gone := self._waiting) is not None:
            self._waiting = None
            if gone.push != self.confirmed:
                about: dict[str, Any] = {"service": gone.service, "to": self.settings.peer, "push": gone.push}
                audit.note("push", who=audit.THIS_NODE, result="rolled-back", message="it was not confirmed", **about)

    def _lost(self, why: str) -> None:
        self.theirs = self._told = None
        self._log("red", [why])

    def _log(self, state: str, reasons: list[str]) -> None:
        """Say in the log how the pair stands, once, when that changes."""
        said = ": ".join(part for part in (f"the pair is {state}", "; ".join(reasons)) if part)
        if said != self._said:
            log.line(f"csyncd: {said}")
        self._said = said
