"""Trouble with the link: what ssh's words mean for this pair, and what to do about it.

ssh's own words are kept, and they alone decide. Whoever answers at the peer's address can have ssh write whole lines before
any key is proved: none of those is shown or believed.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from firmware.addresses import is_local
from firmware.sync import keys
from firmware.sync.settings import Settings

LOST_KEY_REMEDY = (
    "config restore, if the saved one is whole: it takes back all that is not saved (config changes); "
    "else csync genkey while csyncd is stopped, and csync getkey on PEER"
)
CABLE_REMEDY = "check power, cable, addresses and routes of both nodes"

#: a part of what ssh says; what it means (PEER: the other node); what to do
CASES = (
    ("Host key verification failed", "PEER's host key is not known here", "csync getkey"),
    ("are too open", "others may read this node's user key, so it is not used", f"chmod 600 {keys.DIRECTORY / keys.USER}"),
    ("Load key", "this node's user key cannot be used", LOST_KEY_REMEDY),
    ("contents do not match public", "this node's user key is not the one that PEER knows", LOST_KEY_REMEDY),
    ("Permission denied (publickey)", "PEER does not know this node's user key", "csync getkey on PEER"),
    ("Connection refused", "csyncd does not run on PEER, or has not got its port there",
     "service csyncd start on PEER; where it runs, csync status there says what is wrong, or PORT differs"),
    ("open failed", "PEER's csyncd is not there for this node: it starts, or it knows this key for another node's",
     "if it lasts: LOCAL_NODE and REMOTE_NODE of both nodes, then csync getkey on PEER"),
    ("not responding", "the connection is dead", CABLE_REMEDY),
    ("timed out", "no answer", CABLE_REMEDY),
    ("No route to host", "no route", CABLE_REMEDY),
    ("Network is unreachable", "no route", CABLE_REMEDY),
    ("Received disconnect from", "PEER ended the connection before it let us in", "if it lasts: csync status on PEER"),
    ("Unable to negotiate with", "what answers at PEER's address is not its csyncd",
     "REMOTE_IP and PORT of csyncd.cfg; csync status on PEER"),
    ("Connection closed by", "PEER ended the connection before it let us in", "if it lasts: csync status on PEER"),
    ("Connection reset by", "PEER ended the connection before it let us in", "if it lasts: csync status on PEER"),
    ("Cannot assign requested address", "LOCAL_IP is not on this node", "csyncd.cfg and the addresses of this node"),
)  # fmt: skip
#: the case of an address that this node has lost; where it may bind what it does not hold (ip_nonlocal_bind), ssh gets no
#: answer instead
_LOST_ADDRESS, _UNANSWERED = CASES[-1], ("timed out", "not responding", "No route to host", "Network is unreachable")


#: ssh repeats what the other end said: its reason for a disconnect, its list of algorithms, its greeting
_REPEATED = re.compile(
    r"(Received disconnect from \S+ port \d+)|(Unable to negotiate with .*?): |(Bad remote protocol version)"
)
#: lines of ssh that are kept
MOST_LINES = 30


class SshOutput:
    """What one ssh wrote, as far as it is its own. It repeats what the other end said as its last word, and ends: nothing
    that comes then counts, whatever it looks like."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._repeats = False

    def note_line(self, line: str) -> None:
        """Take in a line that ssh wrote."""
        if self._repeats:
            return
        if repeated := _REPEATED.search(line):
            self._repeats, line = True, next(filter(None, repeated.groups()))
        self.lines = [*self.lines, line][-MOST_LINES:]


@dataclass(frozen=True, slots=True)
class LinkProblem:
    """What is wrong, with ssh's words, and what to do; both "" if there is nothing to say."""

    text: str
    remedy: str = ""


def explain_ssh_output(
    lines: list[str],
    settings: Settings,
    directory: Path = keys.DIRECTORY,
    *,
    holds_address: Callable[[str], bool] = is_local,
) -> LinkProblem:
    """What the lines that ssh wrote mean; `holds_address` says whether this node has an address."""
    message = "; ".join(line for line in lines if line and not line.startswith("@")).removeprefix("ssh: ")  # no banner
    peer = f"node {settings.remote_node}"
    if any("REMOTE HOST IDENTIFICATION HAS CHANGED" in line for line in lines):
        old, new = keys.stored_peer_keys(settings, directory).host, re.search(r"SHA256:[A-Za-z0-9+/]+", message)
        fingerprints = f"it is {new[0] if new else 'another'}, stored here is {old.fingerprint if old else 'none'}"
        return LinkProblem(
            f"{peer}'s host key has changed: {fingerprints} (ssh: {lines[-1]})", "csync getkey, and compare the code"
        )
    for mark, meaning, remedy in CASES:
        if mark in message:
            if mark in _UNANSWERED and not holds_address(settings.local_ip):
                _, meaning, remedy = _LOST_ADDRESS
            return LinkProblem(f"{meaning.replace('PEER', peer)} (ssh: {message})", remedy.replace("PEER", peer))
    return LinkProblem(message)


def missing_keys(settings: Settings) -> LinkProblem:
    """Why this node cannot even try to connect; nothing if it can."""
    gone = keys.missing_files()
    if 0 < len(gone) < len(keys.KEY_FILES):
        remedy = LOST_KEY_REMEDY.replace("PEER", f"node {settings.remote_node}")
        return LinkProblem(f"this node's keys are not whole: there is no {gone[0]}", remedy)
    if gone:
        return LinkProblem("this node has no keys yet", "service csyncd stop, csync genkey, service csyncd start")
    stored = keys.stored_peer_keys(settings)
    if stored.host is None or stored.user is None:
        return LinkProblem(f"the keys of node {settings.remote_node} are not stored here", "csync getkey")
    return LinkProblem("")
