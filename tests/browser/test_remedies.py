"""What the pages make of remedies: buttons in the place of commands, and links to those that are on this node."""

import json
import subprocess
from pathlib import Path

import pytest

FRONTEND = Path(__file__).parents[2] / "build/frontend"
ASK = 'import { pieces } from "./src/parts/Remedy.js"; console.log(JSON.stringify(process.argv.slice(1).map(pieces)));'

#: a remedy as the node says it · as the page says it · where its links lead
REMEDIES = [
    ("service haproxy apply", "“Apply” on the page of service haproxy", ["#/services/haproxy"]),
    ("service csyncd start there", "“Start service” on the page of service csyncd there", []),
    ("service csyncd start on node 2; csync status there says why",
     "“Start service” on the page of service csyncd on node 2; “Check” under Remote Configuration there says why", []),
    ("csync getkey", "“getkey” of csyncd ([advanced mode])", ["#/services"]),
    ("look at the difference, then csync push --force to overwrite it", "look at the difference, then “Push”, then “Overwrite” to overwrite it", []),
    ("service firewall confirm keeps it", "“Confirm” at the top of the page keeps it", []),
    ("config history", "“History” on the tab Setup", ["#/setup/history"]),
    ("config export FILE on the node that saved it writes one", "“Export” under Configuration on the node that saved it writes one", []),
    ("config import FILE asks for it", "config import FILE in a terminal of the tab Tools asks for it", ["#/tools/terminal"]),
    ("config import FILE --force takes it", "“Import” once more, with “also if it is another node’s” takes it", ["#/setup"]),
    ("edit /etc/csyncd/csyncd.cfg", "edit /etc/csyncd/csyncd.cfg", ["#/tools/files/etc/csyncd/csyncd.cfg"]),
    ("check power, cable, addresses and routes of both nodes", "check power, cable, addresses and routes of both nodes", []),
    ("", "", []),
]  # fmt: skip


@pytest.fixture(scope="module")
def shown() -> list[list[list[str | None]]]:
    """What the page makes of each, by one run of node."""
    argv = ["node", "--input-type=module", "-e", ASK, "--", *(remedy for remedy, _, _ in REMEDIES)]
    done = subprocess.run(argv, cwd=FRONTEND, capture_output=True, text=True, timeout=60, check=True)
    return list(json.loads(done.stdout))


@pytest.mark.parametrize("number", range(len(REMEDIES)), ids=[remedy or "none" for remedy, _, _ in REMEDIES])
def test_a_button_is_named_in_the_place_of_a_command(shown: list[list[list[str | None]]], number: int) -> None:
    _, words, links = REMEDIES[number]
    assert "".join(text or "" for text, _ in shown[number]) == words
    assert [place for _, place in shown[number] if place] == links
