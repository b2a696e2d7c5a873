"""The pair as this node sees it: its own state, the peer's, and the notices by which each learns of the other's.

Whoever changes tells the other; nobody polls. `status` asks the peer itself, so that it never answers from memory.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from firmware import log
from firmware.csyncd.tasks import start_task
from firmware.csyncd.visitors import SAME_KEY_REMEDY, SAME_NUMBER_REMEDY, Visitors, is_elsewhere
from firmware.errors import Failure, Lost, Refused
from firmware.printable import shorten
from firmware.sync import audit, node_state, peer_path, peer_room, status_report, unconfirmed_push
from firmware.sync.audit import Who
from firmware.sync.inventory import Inventory
from firmware.sync.link import Link
from firmware.sync.link_problems import LinkProblem
from firmware.sync.message import Message
from firmware.sync.node_state import NodeState, WaitingPush
from firmware.sync.pair_state import PairState, mismatches, pair_state
from firmware.sync.peer_room import PeerRoom
from firmware.sync.peer_sshd import RemotePeer
from firmware.sync.settings import Settings

#: seconds that the peer may take to answer a question about its state
ASK_TIME = 4.0


class Pair:
    """This node and its peer. `theirs` is what the peer told last, None while the link is down."""

    def __init__(self, settings: Settings, inventory: Inventory | None = None) -> None:
        self.settings = settings
        #: what lies below /etc
        self.inventory = inventory or Inventory()
        #: pushes at work here, and whether there is something to tell the peer once they are done
        self._pushes, self._has_news = 0, False
        self.link = Link(settings, self.exchange_states, self._note_link_down)
        self.theirs: NodeState | None = None
        #: the state of a service on the peer that the operator was shown last, by title: what --force may overwrite
        self.shown_states: dict[str, str] = {}
        #: why peers cannot come in here, at one of the ports at least
        self.sshd_problem = LinkProblem("")
        #: an operator confirms a push at this moment
        self.confirming = False
        #: the push of ours that the peer said to wait there
        self._seen_waiting = ""
        #: what was wrong there, by what the peer said last when it came to us
        self._told_wrong = ""
        #: who came in, and what the peer says at the end of our link, None while that is down
        self.visitors = Visitors()
        self._linked: NodeState | None = None
        self._last_told: NodeState | None = None
        self._last_logged = ""
        self._tell_lock = asyncio.Lock()

    async def local_state(self) -> NodeState:
        """This node's state now."""
        state = await asyncio.to_thread(node_state.local_state, self.settings, self.inventory)
        return replace(state, wrong=state.wrong or shorten(self.sshd_problem.text, node_state.MAX_TEXT))

    async def exchange_states(self, ours: NodeState | None = None) -> NodeState:
        """Tell the peer our state, which may be known already, and get its own; Failure if it does not answer."""
        ours = ours or await self.local_state()
        try:
            theirs = await self.link.request(
                "/v1/standing", ours.json(), node_state.parse, lane="notice", timeout=ASK_TIME
            )
        except Lost as lost:
            raise Failure(
                f"{self.settings.peer} does not say how it stands: {lost}", "csync check, here and there"
            ) from None
        self._linked = theirs
        self._note_states(ours, theirs)
        return theirs

    async def tell_peer(self) -> None:
        """Something changed here: tell the peer, if it makes a difference and the peer can be reached. In the middle of a push
        nobody needs to know: what it makes of this node is told once it is done."""
        if self._pushes:
            self._has_news = True
            return
        async with self._tell_lock:
            try:
                if not self.link.reason and (ours := await self.local_state()) != self._last_told:
                    await self.exchange_states(ours)
            except Failure as error:
                log.line(f"csyncd: the peer could not be told of a change: {error}")

    @property
    def is_busy(self) -> bool:
        """Is a push at work here?"""
        return self._pushes > 0

    @asynccontextmanager
    async def hold_notices(self) -> AsyncIterator[None]:
        """Hold what there is to tell until the block, a push, is done."""
        self._pushes += 1
        try:
            yield
        finally:
            self._pushes -= 1
            if not self._pushes and self._has_news:
                self._has_news = False
                start_task(self.tell_peer())

    async def receive_state(self, message: Message, remote: RemotePeer) -> NodeState:
        """A node told its state; the answer is ours. What another than our peer says of itself changes nothing here, not even
        if it has the peer's key."""
        theirs, ours = node_state.parse(message), await self.local_state()
        self.visitors.note(remote, theirs)
        twin = self._linked is not None and not self.link.reason and is_elsewhere(theirs, self._linked)
        if remote.node == self.settings.remote_node and not twin:
            self._told_wrong = theirs.wrong
            self._note_states(ours, theirs)
            self.link.reconnect_now()
        return ours

    def note_content(self, title: str, digest: str) -> None:
        """The peer has just said which content of a service it has; its next notice may be on its way yet."""
        known = self.theirs.services.get(title) if self.theirs else None
        if self.theirs and known and digest:
            services = {**self.theirs.services, title: replace(known, files=digest)}
            self.theirs = replace(self.theirs, services=services)

    async def refuse_mismatch(self) -> None:
        """Refused if the two nodes cannot sync: mixed up identities, versions that do not fit."""
        ours = self._last_told or await self.local_state()
        if self.theirs and (wrong := mismatches(ours, self.theirs)):
            raise Refused(wrong[0], "csync status")

    async def wait_for_peer(self) -> NodeState:
        """The peer's state, once it can be asked; Failure if it cannot, Refused if the two cannot sync."""
        await self.link.wait_for_attempt(6.0)
        theirs = self.theirs or await self.exchange_states()
        await self.refuse_mismatch()
        return theirs

    async def status(self) -> dict[str, Any]:
        """What `csync status --json` prints."""
        ours, why_not, remedy = await self.local_state(), "", ""
        self.theirs = None
        try:
            await self.link.wait_for_attempt(ASK_TIME)
            await self.exchange_states(ours)
        except Failure as error:
            why_not, remedy = (self.link.reason, self.link.remedy) if self.link.reason else (str(error), error.hint)
        if why_not and self._told_wrong:
            there = f"node {self.settings.remote_node}"
            why_not, remedy = f"{why_not}; {there} itself said last: {self._told_wrong}", f"csync check on {there}"
        report = status_report.describe(self.settings, ours, self.theirs, why_not, remedy)
        if found := self._visitor_problem():
            report |= {"state": "red", "reasons": [found[0], *report["reasons"]], "remedy": found[1]}
        if ours.wrong and ours.wrong == self.sshd_problem.text:
            report["remedy"] = self.sshd_problem.remedy
        path = await asyncio.to_thread(peer_path.peer_path, self.settings)
        report["path"] = path.way
        if path.problem:
            past = f"node {self.settings.local_node}: {path.problem}"
            colour = "red" if report["state"] == "red" else "orange"
            report |= {"state": colour, "reasons": [past, *report["reasons"]], "remedy": path.remedy}
        return report

    def refuse_twin(self, remote: RemotePeer) -> None:
        """Refused for another machine with the peer's key, where that can be told by its address."""
        twin = self.visitors.with_key_of(remote.name, self._linked)
        if twin and remote.address and twin.origin == remote.address:
            raise Refused(
                f"two machines use the key of {remote.name}: this is the one at {twin.place}", SAME_KEY_REMEDY
            )

    def _visitor_problem(self) -> tuple[str, str] | None:
        """What is wrong with who comes in, and what to do about it; None for nothing."""
        own, peer = self.settings.local_node, self.settings.peer
        if same := self.visitors.with_number(own):
            return f"another node calls itself node {own}, as this one does: it is at {same.place}", SAME_NUMBER_REMEDY
        if (twin := self.visitors.with_key_of(peer, self._linked)) and self._linked:
            there = f"the peer at {self._linked.address}, and another one at {twin.place}"
            return f"two machines use the key of {peer}: {there}", SAME_KEY_REMEDY
        return None

    def _note_states(self, ours: NodeState, theirs: NodeState) -> None:
        self._note_rolled_back(theirs.waiting)
        if theirs.room and (self.theirs is None or theirs.room != self.theirs.room):
            peer_room.note(PeerRoom(theirs.node, theirs.room))
        self._last_told, self.theirs = ours, theirs
        self._log_state(pair_state(ours, theirs, ""))

    def _note_rolled_back(self, now: WaitingPush | None) -> None:
        """What we pushed does not wait there any more, as the peer says: unless it is being confirmed, tell the trail, once.
        What this node did not push is no matter of its trail, whatever a peer says."""
        ours = unconfirmed_push.read()
        if ours is None or ours.node != self.settings.remote_node or self.confirming:
            return
        if now and now.push == ours.push:
            self._seen_waiting = ours.push
        elif self._seen_waiting == ours.push or ours.is_over:
            unconfirmed_push.forget(ours.push)
            message = f"{self.settings.peer} says that it does not wait there any more: it was not confirmed"
            about: dict[str, Any] = {"service": ours.service, "to": self.settings.peer, "push": ours.push}
            audit.note("push", who=Who(self.settings.peer), result="rolled-back", message=message, **about)

    def _note_link_down(self, why: str) -> None:
        self.theirs = self._last_told = self._linked = None
        self._log_state(PairState("red", [why]))

    def _log_state(self, state: PairState) -> None:
        """Say in the log how the pair stands, once, when that changes."""
        line = ": ".join(part for part in (f"the pair is {state.colour}", "; ".join(state.reasons)) if part)
        if line != self._last_logged:
            log.line(f"csyncd: {line}")
        self._last_logged = line
