"""Two nodes of different versions: one step apart works, more is refused in both directions with both versions named.

A node's installed package lies in a layer of its own in RAM, and is made to speak other versions there.
"""

from collections.abc import Iterator

import pytest
import story
from lab_driver import Lab, eventually
from product_source import PACKAGE, forget_compiled
from push_helpers import pair_nodes
from story import Stage, page

from firmware import __version__

OURS = f"{__version__} (protocol 1 to 3)"


@pytest.fixture(scope="module")
def stage(module_lab: Lab) -> Stage:
    made = Stage(module_lab, tell=lambda text: None)
    pair_nodes(made)
    made.edit(1, page("same"))
    made.on(1, "csync", "push", "haproxy")
    return made


@pytest.fixture
def pair(stage: Stage) -> Iterator[Stage]:
    yield stage
    speak(stage, "(1, 3)", __version__)


def speak(stage: Stage, spoken: str, firmware: str) -> None:
    """Have node 1 speak these versions of the peer API, and be of that version of the firmware."""
    edits = f's/^SPOKEN = .*/SPOKEN = {spoken}/; s/^__version__ = .*/__version__ = "{firmware}"/'
    stage.on(1, "sed", "-i", edits, f"{PACKAGE}/sync/versions.py", f"{PACKAGE}/__init__.py")
    restart(stage)


def restart(stage: Stage) -> None:
    """Have csyncd of node 1 load what lies there."""
    forget_compiled(stage.lab, 1, *(f"{PACKAGE}/{name}.py" for name in ("__init__", "blocks", "sync/versions")))
    stage.on(1, "service", "csyncd", "restart")


def connected(stage: Stage) -> None:
    assert eventually(lambda: stage.json(2, "csync", "status")["state"] != "red")


@pytest.mark.all(but=["(1, 1)-can0"])
@pytest.mark.parametrize(
    ("spoken", "can"),
    [
        ("(1, 1)", ["push", "save"]),
        ("(2, 2)", ["push", "save", "confirm"]),
        ("(3, 4)", ["push", "save", "confirm", "difference"]),
    ],
)
def test_nodes_one_step_apart_work_together_in_both_directions(pair: Stage, spoken: str, can: list[str]) -> None:
    speak(pair, spoken, "9.9.9")
    connected(pair)
    report = pair.json(2, "csync", "status")["peer"]
    assert (report["version"], report["can"]) == ("9.9.9", can)
    assert str(tuple(report["protocols"])) == spoken
    works = f"versions differ: {__version__} here, 9.9.9 there; between them work: {', '.join(can)}\n"
    assert works in pair.on(2, "csync", "status")
    for node in (1, 2):
        pair.edit(node, page(f"from {node}, {spoken}"))
        assert pair.json(node, "csync", "push", "haproxy")["result"] == "applied"
        pair.serves(3 - node, f"from {node}, {spoken}")
        pair.on(node, "csync", "save")


@pytest.mark.parametrize("tells", [False, pytest.param(True, marks=pytest.mark.all)])
def test_zlib_is_spoken_with_a_node_of_the_same_version_that_does_not_say_that_it_takes_zstd(
    stage: Stage, tells: bool
) -> None:
    """Which then takes none. The control: where it says so nevertheless, it refuses what is sent to it."""
    blocks, versions = f"{PACKAGE}/blocks.py", f"{PACKAGE}/sync/versions.py"
    stage.on(1, "cp", blocks, versions, "/root")
    stage.on(1, "sed", "-i", "s/, _ZSTD: _unpack_zstd//", blocks)
    stage.on(1, "sed", "-i", f"s/^TAKEN = .*/TAKEN = {'(blocks.ZSTD,)' if tells else '()'}/", versions)
    restart(stage)
    try:
        connected(stage)
        stage.edit(1, page(f"from 1, {tells}"))
        assert stage.json(1, "csync", "push", "haproxy")["result"] == "applied"
        stage.edit(2, page(f"from 2, {tells}"))
        if tells:
            assert "it is not made of blocks" in stage.on(2, "csync", "push", "haproxy", expect=1)
        else:
            assert stage.json(2, "csync", "push", "haproxy")["result"] == "applied"
            stage.serves(1, f"from 2, {tells}")
    finally:
        stage.on(1, "sh", "-ec", f"cp /root/blocks.py {blocks}; cp /root/versions.py {versions}")
        restart(stage)
    connected(stage)
    stage.on(2, "csync", "push", "haproxy")


def test_what_the_older_one_cannot_do_is_refused_with_both_versions(pair: Stage) -> None:
    speak(pair, "(1, 1)", "0.1.0")
    connected(pair)
    pair.edit(2, page("to be confirmed"))
    said = pair.on(2, "csync", "push", "haproxy", "--confirm", "60", expect=3)
    assert f"{OURS} here, 0.1.0 (protocol 1) on the peer" in said and "push without --confirm" in said
    assert "to be confirmed" not in pair.lab.read(1, story.CONFIG)
    pair.on(2, "csync", "push", "haproxy")


@pytest.mark.all(but=["(4, 5)"])
@pytest.mark.parametrize("spoken", ["(4, 5)", "(0, 0)"])
def test_nodes_that_do_not_fit_are_refused_in_both_directions_with_both_versions(pair: Stage, spoken: str) -> None:
    speak(pair, spoken, "7.0.0")
    theirs = f"7.0.0 (protocol {spoken[1:-1].replace(', ', ' to ') if spoken != '(0, 0)' else 0})"
    for node, here, there in ((1, theirs, OURS), (2, OURS, theirs)):
        reason = f"the versions do not fit: {here} here, {there} on the peer"
        assert pair.shows(node, "red", reason)["reasons"] == [reason]
        pair.edit(node, page(f"does not fit {node}"))
        for command in (("push", "haproxy"), ("diff", "haproxy"), ("save",)):
            assert reason in pair.on(node, "csync", *command, expect=3), command
        assert f"does not fit {node}" not in pair.lab.read(3 - node, story.CONFIG)
        pair.edit(node, page("same"))


def test_a_proposal_of_an_unknown_version_is_refused_by_the_receiver_itself(pair: Stage) -> None:
    """Even from a node that has not told its versions before."""
    pair.edit(1, page("unknown"))
    send = (
        "import asyncio; from firmware.http11.client import connect_unix; from pathlib import Path\n"
        "async def main():\n"
        "    client = await connect_unix(Path('/run/firmware/csyncd/link.sock'))\n"
        "    print((await client.request('POST', '/v1/push', {'protocol': 7, 'firmware': '7.0.0'})).content)\n"
        "asyncio.run(main())\n"
    )
    said = pair.on(1, "/usr/bin/python3", "-c", send)
    assert f"the versions do not fit: {OURS} here, 7.0.0 (protocol 7) on the peer" in said
    assert "'result': 'refused'" in said
    pair.on(1, "csync", "push", "haproxy", "--force")
