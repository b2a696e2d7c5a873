"""What ssh's words mean for the operator; most are also met for real, in `test_pair_state` and `test_wild`."""

from pathlib import Path

import pytest

from firmware.sync import link_problems
from firmware.sync.settings import Settings

PAIR = Settings("10.0.32.11", "10.0.32.12", 1, 2)
TO = "10.0.32.12 port 30022"
SAID = {
    f"ssh: connect to host {TO}: Connection refused": ("csyncd does not run on node 2", "or PORT differs"),
    f"ssh: connect to host {TO}: Connection timed out": ("no answer", "cable"),
    f"ssh: connect to host {TO}: No route to host": ("no route", "cable"),
    f"ssh: connect to host {TO}: Network is unreachable": ("no route", "routes of both nodes"),
    "Timeout, server 10.0.32.12 not responding.": ("the connection is dead", "cable"),
    f"Connection closed by {TO}": ("node 2 ended the connection before it let us in", "csync status on node 2"),
    f"Connection reset by {TO}": ("node 2 ended the connection before it let us in", "csync status on node 2"),
    f"kex_exchange_identification: read: Connection reset by peer; Connection reset by {TO}": ("node 2 ended", "csync status on node 2"),
    "bind 10.0.32.11: Cannot assign requested address": ("LOCAL_IP is not on this node", "csyncd.cfg"),
    "csyncd@10.0.32.12: Permission denied (publickey).": ("node 2 does not know this node's user key", "csync getkey on node 2"),
    "Host key verification failed.": ("node 2's host key is not known here", "csync getkey"),
    "channel 2: open failed: connect failed: open failed": ("node 2's csyncd is not there for this node", "LOCAL_NODE"),
}  # fmt: skip


@pytest.mark.parametrize("words", SAID)
def test_sshs_words_are_explained_and_kept(tmp_path: Path, words: str) -> None:
    meaning, remedy = SAID[words]
    found = link_problems.explain_ssh_output(words.split("; "), PAIR, tmp_path, holds_address=lambda _: True)
    assert found.text.startswith(meaning) and words.removeprefix("ssh: ") in found.text
    assert remedy in found.remedy and "PEER" not in found.text + found.remedy


@pytest.mark.parametrize(
    "words", [words for words, (meaning, _) in SAID.items() if meaning.startswith(("no ", "the conn"))]
)
def test_no_answer_to_an_address_that_this_node_has_lost_is_not_the_cables_fault(tmp_path: Path, words: str) -> None:
    found = link_problems.explain_ssh_output(
        [words], PAIR, tmp_path, holds_address=lambda address: address != PAIR.local_ip
    )
    assert found.text.startswith("LOCAL_IP is not on this node") and "csyncd.cfg" in found.remedy


def test_words_that_nobody_knows_are_said_as_they_are(tmp_path: Path) -> None:
    assert link_problems.explain_ssh_output(
        ["@@@@@@@", "", "something new"], PAIR, tmp_path
    ) == link_problems.LinkProblem("something new")


#: what the other end may say before any key is proved, and what is left of it
REPEATED = {
    f"Received disconnect from {TO}:2: bye": f"Received disconnect from {TO}",
    f"Unable to negotiate with {TO}: no matching host key type found. Their offer: bye": f"Unable to negotiate with {TO}",
    "Bad remote protocol version identification: 'bye'": "Bad remote protocol version",
}


@pytest.mark.parametrize("words", REPEATED)
def test_what_ssh_repeats_is_neither_shown_nor_believed(tmp_path: Path, words: str) -> None:
    heard = link_problems.SshOutput()
    forged = ["@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @", "SHA256:forged", *SAID, *["more"] * 40]
    for line in ("before", words, *forged):
        heard.note_line(line)
    assert heard.lines == ["before", REPEATED[words]]
    found = link_problems.explain_ssh_output(heard.lines, PAIR, tmp_path)
    assert "bye" not in str(found) and "chmod" not in found.remedy and "restore" not in found.remedy


def test_what_ssh_itself_says_is_kept_as_far_as_people_read() -> None:
    """The control: the same lines count where nobody has been repeated."""
    heard = link_problems.SshOutput()
    for line in (*map(str, range(100)), *SAID):
        heard.note_line(line)
    assert heard.lines[-len(SAID) :] == list(SAID) and len(heard.lines) == link_problems.MOST_LINES
