"""Where each request goes. What needs no session stands first: nothing else is open to who has none."""

import json
from dataclasses import dataclass, field
from os.path import lexists
from pathlib import Path
from typing import Any

from firmware.errors import Failure, Invalid
from firmware.operations import pairing
from firmware.wui import guard, pages, relay
from firmware.wui.credentials import Credentials, bearer, session_of
from firmware.wui.live import Tab
from firmware.wui.pages import Pages
from firmware.wui.refusals import login_refusal, refusal
from firmware.wui.request import SAFE, Answer, Incoming, Request, json_answer, problem
from firmware.wui.root_half import Over, parse_cookie

#: where it says who may log in; only root reads it
ACCOUNTS = Path("/etc/wui/accounts.json")
#: bytes of what somebody says who logs in, or of any body that is of no use
BODY_LIMIT = 4096
#: the longest user, password or code
FIELD_LIMIT = 1024
#: what somebody is told whose words are longer
TOO_LONG = f"a user, a password and a code have at most {FIELD_LIMIT:,} characters each"
#: what a login may say: a password, or the setup code with the first password
_LOGINS = ({"user", "password"}, {"code", "password"})


class Site:
    """The web UI."""

    def __init__(self, credentials: Credentials, found: Pages, accounts: Path = ACCOUNTS) -> None:
        self._credentials, self._pages, self._accounts = credentials, found, accounts

    async def open(self, request: Request) -> Answer | Incoming:
        """What is answered at once, or who takes the body."""
        try:
            return await self._route(request)
        except Failure as error:
            answer = refusal(error)
            if isinstance(error, Over) and guard.cookie(request):
                return Answer(answer.status, answer.body, answer.type, guard.set_cookie(request, ""))
            return answer

    async def open_tab(self, request: Request, send: Any) -> Answer | Tab:
        """The channels of a WebSocket, for who has a session and is no other site's page."""
        proved = not guard.is_cross_site(request) if bearer(request) else guard.is_same_origin(request)
        if not proved:
            return problem(403, "another site's page asks")
        try:
            await self._credentials.require_session(request)
        except Failure as error:
            return refusal(error)
        return Tab(request, self._credentials, send)

    async def _route(self, request: Request) -> Answer | Incoming:
        path = request.path
        if path == "/login" and request.method == "POST":
            return self._log_in(request)
        if path == "/logout" and request.method == "POST":
            return await self._log_out(request)
        if path == relay.PREFIX or path.startswith(f"{relay.PREFIX}/"):
            return await self._relay(request)
        if path in ("/login", "/logout", "/", "/csyncd/keys") or path.startswith("/assets/"):
            return await self._show(request)
        return problem(404, "there is no such page")

    async def _show(self, request: Request) -> Answer:
        if request.method not in SAFE or request.path == "/logout":
            allowed = (
                "POST" if request.path == "/logout" else "GET, HEAD, POST" if request.path == "/login" else "GET, HEAD"
            )
            return problem(405, "that cannot be done with this page", "", {"Allow": allowed})
        if request.path == "/csyncd/keys":
            return public_keys()
        if request.path == "/login":
            return json_answer({"setup": not lexists(self._accounts)})
        if request.path == "/":
            return self._pages.page("app" if await self._has_session(request) else "login")
        if not pages.is_public(request.path):
            await self._credentials.require_session(request)
        return self._pages.asset(request)

    async def _has_session(self, request: Request) -> bool:
        try:
            await self._credentials.require_session(request)
        except Failure:
            return False
        return True

    async def _relay(self, request: Request) -> Answer | Incoming:
        if request.method not in relay.METHODS:
            return problem(405, "the API knows no such method", "", {"Allow": ", ".join(relay.METHODS)})
        if not (guard.may_change(request) if not bearer(request) else not guard.is_cross_site(request)):
            return problem(
                403, "a request that changes something has to come from our own page",
                f"send {guard.OURS}: {guard.WORD} and Origin, or use a token",
            )  # fmt: skip
        return await relay.open_relay(request, self._credentials)

    def _log_in(self, request: Request) -> Answer | Incoming:
        if guard.is_cross_site(request):
            return problem(403, "another site's page asks")
        if request.header("Content-Type").partition(";")[0].strip() != "application/json":
            return problem(415, "a login is JSON", "send Content-Type: application/json")
        if request.length > BODY_LIMIT:
            return problem(413, TOO_LONG, "choose a shorter one")
        return Login(request, self._credentials)

    async def _log_out(self, request: Request) -> Answer:
        if not guard.may_change(request):
            return problem(403, "another site's page asks", f"send {guard.OURS}: {guard.WORD} and Origin")
        session = parse_cookie(guard.cookie(request))
        if session is not None:
            await self._credentials.end_session(request, session)
        return Answer(204, headers=guard.set_cookie(request, ""))


@dataclass(slots=True)
class Login:
    """Somebody who logs in, and says who that is in the body."""

    request: Request
    credentials: Credentials
    _body: bytearray = field(default_factory=bytearray)

    @property
    def is_answered(self) -> bool:
        """All of the body is needed."""
        return False

    async def take(self, piece: bytes) -> None:
        """The next piece of it."""
        self._body += piece

    async def answer(self) -> Answer:
        """A new session, whatever cookie came along, or a problem."""
        try:
            said = await self.credentials.log_in(parse_login(bytes(self._body)), self.request.address)
            if said.get("status") != 200:
                return login_refusal(said)
            session = session_of(said)
        except Failure as error:
            return refusal(error)
        self.credentials.note(self.request, session, 200)
        shown = {"account": said.get("account"), "role": said.get("role")}
        return json_answer(shown, headers=guard.set_cookie(self.request, session.cookie))

    async def end(self) -> None:
        """There is nothing to end."""


def parse_login(body: bytes) -> dict[str, str]:
    """What a login says; Failure if that is none."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Failure("the login is not JSON") from None
    if not isinstance(found, dict) or set(found) not in _LOGINS:
        raise Failure("a login is user and password, or code and password")
    if not all(isinstance(value, str) and len(value) <= FIELD_LIMIT for value in found.values()):
        raise Failure(TOO_LONG, "choose a shorter one")
    return found


def public_keys() -> Answer:
    """This node's public keys, which are no secret: a peer fetches them."""
    try:
        return json_answer(pairing.public_keys().json())
    except Failure as error:
        problem_ = {"problem": pairing.SETTINGS_INVALID} if isinstance(error, Invalid) else {}
        return json_answer({"error": str(error), "hint": error.hint, **problem_}, 404)
