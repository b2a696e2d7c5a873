"""This node and its peer: keys, push, confirm, save, and how the pair is."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from firmware.errors import Failure
from firmware.operations import pairing, peer, trail
from firmware.operations.checklist import ChecklistItem, check_pair
from firmware.operations.pairing import FetchedKeys
from firmware.operations.peer import PushReport
from firmware.session.conversation import Conversation
from firmware.session.endpoint import ADMIN, MONITOR, Call, Channel, Endpoint
from firmware.session.problem import Told
from firmware.session.topics.services import require_service


@dataclass(frozen=True, slots=True)
class PushWish:
    """How to push: `force` overwrites what changed on the peer since, as it was shown last; `confirm`: the seconds within
    which it has to be confirmed, 0 for none."""

    force: bool = False
    confirm: int = 0


@dataclass(frozen=True, slots=True)
class PushOf:
    """What to push, and how."""

    title: str
    force: bool = False
    confirm: int = 0


@dataclass(frozen=True, slots=True)
class Since:
    """What was noted after that moment (seconds since the epoch)."""

    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Code:
    """The pairing code of the keys that were shown."""

    code: str


def status() -> dict[str, Any]:
    """Red, orange or green, and why."""
    return peer.status().json()


def check() -> list[ChecklistItem]:
    """The troubleshooting list."""
    return list(check_pair())


def log(query: Since) -> dict[str, Any]:
    """The audit trail, oldest first; `until` is what to ask for next, to get what is new."""
    found = trail.read()
    entries = [entry.json() for entry in found.entries if entry.time > query.since]
    until = max((entry.time for entry in found.entries), default=query.since)
    return {"entries": entries, "problems": list(found.problems), "until": max(until, query.since)}


def keys() -> dict[str, Any]:
    """This node's public keys."""
    return pairing.public_keys().json()


def generate_keys(call: Call) -> dict[str, Any]:
    """Make this node's keys."""
    made = pairing.generate_keys(who=call.who)
    return {**made.public.json(), "replaced": made.replaced, "peer_node": made.peer_node}


def fetch_keys() -> dict[str, Any]:
    """The peer's keys; nothing is stored."""
    return _describe_keys(pairing.fetch_peer_keys())


def trust_keys(call: Call, body: Code) -> dict[str, Any]:
    """Store the peer's keys, if they still are those with that code."""
    fetched = pairing.fetch_peer_keys()
    pairing.require_code(fetched, body.code)
    pairing.trust_peer_keys(fetched, who=call.who)
    return _describe_keys(fetched)


def _describe_keys(fetched: FetchedKeys) -> dict[str, Any]:
    replaces = [asdict(one) for one in fetched.replaced]
    return {**fetched.public.json(), "address": fetched.settings.remote_ip, "replaces": replaces}


def diff(title: str) -> dict[str, Any]:
    """What a push would change; `message` says if it would be refused, for somebody has changed the service there."""
    require_service(title)
    report = peer.diff(title)
    _require(report, peer.require_pushable)
    return report.json()


def push(call: Call, title: str, body: PushWish) -> dict[str, Any]:
    """Push a service; the problem of one that did not end well holds the report."""
    require_service(title)
    report = peer.push(title, who=call.who, force=body.force, confirm=_confirm_seconds(body.confirm))
    _require(report, peer.require_applied)
    return report.json()


def push_with_progress(call: Call, talk: Conversation, query: PushOf) -> None:
    """The same, told while it goes on: `progress` in words, or as figures (bytes, bytes_total, files, files_total, phase), then
    `outcome`, the report, whatever it says."""
    require_service(query.title)
    seconds = _confirm_seconds(query.confirm)
    talk.tell({"progress": f"checking service {query.title} here, and sending it"})
    report = peer.push(
        query.title, who=call.who, force=query.force, confirm=seconds, on_wait=lambda: talk.tell({"progress": _WAITING}),
        on_progress=lambda progress: talk.tell({"progress": progress}),
    )  # fmt: skip
    talk.tell({"outcome": report.json()})
    _require(report, peer.require_applied)


_WAITING = "waiting for the other node"


def _confirm_seconds(number: int) -> int:
    return peer.parse_confirm_seconds(str(number)) if number else 0


def _require(report: PushReport, require: Any) -> None:
    """Raise what there is to say of it, with the report."""
    try:
        require(report)
    except Failure as error:
        raise Told(error, {"report": report.json()}, http_status=502 if type(error) is Failure else 0) from None


def confirm(call: Call) -> Mapping[str, Any]:
    """Keep what was pushed."""
    return peer.confirm(who=call.who).json()


def undo(call: Call) -> Mapping[str, Any]:
    """Put back what a peer pushed here."""
    return peer.undo(who=call.who).json()


def save(call: Call) -> Mapping[str, Any]:
    """Have the peer save."""
    return peer.save_peer(who=call.who).json()


ENDPOINTS = (
    Endpoint("GET", "/csync/status", MONITOR, "red, orange or green, and why", status),
    Endpoint("GET", "/csync/check", MONITOR, "the troubleshooting list, item by item", check),
    Endpoint("GET", "/csync/log", MONITOR, "what was pushed, saved or refused, here and from the peer", log),
    Endpoint("GET", "/csync/keys", MONITOR, "this node's public keys, fingerprints and pairing code", keys),
    Endpoint("POST", "/csync/genkey", ADMIN, "make this node's keys; refused while csyncd runs", generate_keys),
    Endpoint("POST", "/csync/getkey", ADMIN, "fetch the peer's public keys; nothing is stored", fetch_keys),
    Endpoint("POST", "/csync/trust", ADMIN, "store the peer's keys that have this code", trust_keys, {"code": "xxxx-…"}),
    Endpoint("POST", "/csync/confirm", ADMIN, "keep what a push with confirm applied on the peer", confirm),
    Endpoint("POST", "/csync/undo", ADMIN, "put back now what a peer's push left waiting here", undo),
    Endpoint("POST", "/csync/save", ADMIN, "have the peer save its running configuration", save),
    Endpoint("POST", "/services/{title}/diff", ADMIN, "what a push would change on the peer", diff),
    Endpoint(
        "POST", "/services/{title}/push", ADMIN, "make the service on the peer what is applied here", push,
        {"force": False, "confirm": 60},
    ),
)  # fmt: skip
CHANNELS = (Channel("/push", ADMIN, "push a service: progress, and the outcome", push_with_progress, keeps_awake=True),)
