"""Conflicts: who may overwrite what. Nothing that one side has not seen is overwritten, and nothing else is refused."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from lab_driver import eventually
from push_helpers import CSYNCD_WITH_FAULTS, await_swap, hold_reload
from service_helpers import service_pid
from story import CONFIG, Stage, page

ANCESTORS = "/etc/firmware/ancestors.json"


@pytest.fixture
def agreed(stage: Stage) -> Iterator[Stage]:
    """Both nodes serve "agreed", pushed from node 1."""
    stage.edit(1, page("agreed"))
    stage.on(1, "csync", "push", "haproxy", "--force")
    yield stage


def push(stage: Stage, node: int, *options: str) -> tuple[int, Any]:
    done = stage.lab.run(node, "csync", "push", "haproxy", "--json", *options, check=False, timeout=200)
    return done.status, json.loads(done.stdout)


def refused(stage: Stage, node: int) -> Any:
    status, report = push(stage, node)
    assert (status, report["result"]) == (3, "refused"), report
    return report


def test_edits_on_the_receiver_alone(agreed: Stage) -> None:
    agreed.edit(2, page("edited there"))
    shown = json.loads(agreed.lab.run(1, "csync", "diff", "haproxy", "--json").stdout)
    assert shown["result"] == "differs" and "was changed on the receiving node since its last sync" in shown["message"]
    report = refused(agreed, 1)
    assert "edited there" in report["files"][0]["diff"]
    agreed.serves(2, "edited there")


def test_a_difference_that_nobody_made_there_is_no_conflict(agreed: Stage) -> None:
    agreed.edit(1, page("edited here"))
    shown = json.loads(agreed.lab.run(1, "csync", "diff", "haproxy", "--json").stdout)
    assert (shown["result"], shown["message"], shown["hint"]) == ("differs", "", "")


def test_edits_on_both_sides_are_refused_in_both_directions(agreed: Stage) -> None:
    for node in (1, 2):
        agreed.edit(node, page(f"edited on {node}"))
    for node in (1, 2):
        diff = refused(agreed, node)["files"][0]["diff"]
        assert f'-    http-request return status 200 content-type text/plain string "edited on {3 - node}"' in diff
    for node in (1, 2):
        agreed.serves(node, f"edited on {node}")


def test_the_same_edit_on_both_sides_is_none(agreed: Stage) -> None:
    for node in (1, 2):
        agreed.edit(node, page("the same"))
    assert push(agreed, 1)[1]["result"] == "unchanged"
    agreed.edit(2, page("and on from there"))
    assert push(agreed, 2)[1]["result"] == "applied"


@pytest.mark.all(but=["both"])
@pytest.mark.parametrize("what", ["block", "files", "both"])
def test_a_service_that_was_deleted_there(agreed: Stage, what: str) -> None:
    whole = agreed.lab.read(2, "/etc/config.rc")
    if what != "files":
        agreed.on(2, "sed", "-i", "/^service haproxy/,/^$/d", "/etc/config.rc")
        assert "service haproxy" not in agreed.lab.read(2, "/etc/config.rc")
    if what != "block":
        agreed.on(2, "rm", "-r", "/etc/haproxy")
    if what != "files":
        agreed.on(2, "service", "haproxy", "apply")
    agreed.edit(1, page("still here"))
    report = refused(agreed, 1)
    assert {change["change"] for change in report["files"]} >= {"added"}
    assert ("service haproxy" in agreed.lab.read(2, "/etc/config.rc")) == (what == "files")
    assert push(agreed, 1, "--force")[1]["result"] == "applied"
    agreed.on(2, "service", "haproxy", "start")
    agreed.serves(2, "still here")
    assert agreed.lab.read(2, "/etc/config.rc").count("service haproxy") == whole.count("service haproxy") == 1


def test_a_push_from_the_other_side_meanwhile(agreed: Stage) -> None:
    agreed.edit(1, page("not pushed yet"))
    agreed.edit(2, page("pushed first"))
    refused(agreed, 2)
    agreed.serves(1, "not pushed yet")
    # Once node 1 has taken it over by hand, it knows what node 2 has.
    agreed.edit(1, page("pushed first"))
    assert push(agreed, 2)[1]["result"] == "unchanged"
    agreed.edit(1, page("both"))
    assert push(agreed, 1)[1]["result"] == "applied"


def test_the_same_push_twice(agreed: Stage) -> None:
    agreed.edit(1, page("twice"))
    assert [push(agreed, 1)[1]["result"] for _ in range(2)] == ["applied", "unchanged"]


def test_the_same_request_twice_gets_the_same_answer_and_is_done_once(agreed: Stage) -> None:
    agreed.edit(1, page("asked twice"))
    send = (
        "import asyncio, json, secrets\n"
        "from dataclasses import replace\n"
        "from firmware.http11.client import connect_unix; from firmware.flows import push; from firmware.sync import keys, link, settings\n"
        "offer = replace(push.make_proposal('haproxy', keys.known_peer(settings.read())), push=secrets.token_hex(16)).encode()\n"
        "async def main():\n"
        "    client = await connect_unix(link.RUN / 'link.sock')\n"
        "    return [(await client.request('POST', '/v1/push', offer)).content for _ in range(2)]\n"
        "print(json.dumps(asyncio.run(main())))\n"
    )
    first, second = json.loads(agreed.on(1, "/usr/bin/python3", "-c", send))
    assert first["result"] == second["result"] == "applied"
    assert {key: first[key] for key in ("files", "state", "sha256")} == {
        key: second[key] for key in ("files", "state", "sha256")
    }
    received = [entry for entry in agreed.json(2, "csync", "log") if entry["event"] == "push received"]
    assert received[-1]["result"] == "applied" and received[-2].get("push") != received[-1]["push"]


@pytest.mark.parametrize("force", [True, False])
def test_both_nodes_pushing_at_the_same_moment(agreed: Stage, force: bool) -> None:
    for node in (1, 2):
        agreed.edit(node, page(f"of node {node}"))
        agreed.on(node, "csync", "diff", "haproxy")
    options = ["--force"] if force else []
    both = [agreed.lab.start(node, "csync", "push", "haproxy", "--json", *options) for node in (1, 2)]
    results = [json.loads(one.communicate(timeout=200)[0])["result"] for one in both]
    contents = {agreed.lab.read(node, CONFIG) for node in (1, 2)}
    assert set(results) <= {"applied", "refused", "unchanged"}
    assert ("applied" in results) == (len(contents) == 1)
    if not force:
        assert results == ["refused", "refused"]


@pytest.mark.parametrize("node", [1, 2])
def test_a_pusher_that_died_before_it_noted_the_outcome_makes_no_conflict(agreed: Stage, node: int) -> None:
    """What it does not remember, the other one does: whoever pushes next, nobody has changed anything behind its back."""
    before = agreed.lab.read(1, ANCESTORS)
    agreed.edit(1, page("not noted"))
    assert push(agreed, 1)[1]["result"] == "applied"
    agreed.lab.write(1, ANCESTORS, before)
    agreed.edit(node, page(f"next from {node}"))
    assert push(agreed, node)[1]["result"] == "applied"
    agreed.serves(3 - node, f"next from {node}")


def test_a_lost_memory_of_syncs_never_overwrites_what_was_not_seen(agreed: Stage) -> None:
    agreed.on(2, "rm", ANCESTORS)
    agreed.edit(2, page("edited, and forgotten"))
    agreed.edit(1, page("over it"))
    refused(agreed, 1)
    agreed.serves(2, "edited, and forgotten")


@pytest.mark.all(but=["2"])
@pytest.mark.parametrize("node", [1, 2])
def test_a_service_that_stands_twice_is_said_by_its_line_wherever_it_is(agreed: Stage, node: int) -> None:
    before = agreed.lab.read(node, "/etc/config.rc")
    again = before.count("\n") + 2
    agreed.lab.write(node, "/etc/config.rc", before + "\nservice haproxy\n\tno autostart\n")
    try:
        assert f"/etc/config.rc:{again}: " in agreed.on(node, "service", "haproxy", "apply", expect=4)
        said = agreed.on(1, "csync", "push", "haproxy", expect=4 if node == 1 else 1)
        assert f"/etc/config.rc:{again}: service haproxy stands here again" in said
    finally:
        agreed.lab.write(node, "/etc/config.rc", before)
    assert push(agreed, 1)[1]["result"] == "unchanged"


def test_who_interrupts_the_command_is_told_that_the_push_goes_on(agreed: Stage) -> None:
    agreed.edit(1, page("goes on"))
    with hold_reload(agreed):
        pushing = agreed.lab.start(1, "csync", "push", "haproxy")
        await_swap(agreed, "goes on")
        agreed.on(1, "pkill", "-INT", "-f", "csync push haproxy")
        said = pushing.communicate(timeout=200)[1]
    assert b"csyncd goes on with service haproxy; csync log tells what came of it" in said
    assert pushing.returncode != 0
    assert eventually(lambda: agreed.json(1, "csync", "log")[-1]["result"] == "applied")
    agreed.serves(2, "goes on")


def test_a_save_of_nothing_says_so(agreed: Stage) -> None:
    agreed.on(1, "csync", "save")
    assert "node 2: nothing to save: generation" in agreed.on(1, "csync", "save")


def _refused_for_an_edit(agreed: Stage, step: str, text: str) -> Any:
    """The report of a push during which somebody writes that page on node 2, whose csyncd stands still at that step."""
    csyncd = service_pid(agreed.lab, "csyncd", 2)
    agreed.lab.write(2, f"/run/faults/{step}", "stop")
    pushing = agreed.lab.start(1, "csync", "push", "haproxy", "--json")
    assert eventually(lambda: ") T " in agreed.lab.read(2, f"/proc/{csyncd}/stat"))
    agreed.lab.write(2, CONFIG, page(text))
    agreed.on(2, "kill", "-CONT", str(csyncd))
    report = json.loads(pushing.communicate(timeout=200)[0])
    assert (pushing.returncode, report["result"]) == (3, "refused"), report
    return report


def _require_kept_after_swap(agreed: Stage) -> None:
    """What is edited once the pushed state is in place is refused, too, and goes with it: it is kept."""
    agreed.on(2, "service", "haproxy", "revert")
    report = _refused_for_an_edit(agreed, "receive.swapped", "edited after the swap")
    assert "; what was edited on the receiving node meanwhile is in /run/firmware/edited/haproxy/" in report["message"]
    assert report["message"] == agreed.json(2, "csync", "log")[-1]["message"]
    assert "edited after the swap" in agreed.lab.read(2, f"{report['message'].rpartition(' ')[2]}/files/haproxy.cfg")
    assert "agreed" in agreed.lab.read(2, CONFIG)
    agreed.serves(2, "agreed")
    kept = agreed.on(2, "ls", "/run/firmware/edited/haproxy")
    agreed.on(1, "csync", "push", "haproxy")
    agreed.serves(2, "pushed")
    assert agreed.on(2, "ls", "/run/firmware/edited/haproxy") == kept


def test_an_edit_on_the_receiver_in_the_middle_of_a_push_is_not_lost(agreed: Stage) -> None:
    """It was compared before: what is swapped out later is compared with that."""
    config = agreed.lab.read(2, "/etc/config.rc")
    for key, value in CSYNCD_WITH_FAULTS.items():
        agreed.on(2, "config", "set", "csyncd", key, *value.split())
    agreed.on(2, "mkdir", "-p", "/run/faults")
    try:
        agreed.on(2, "service", "csyncd", "restart")
        agreed.edit(1, page("pushed"))
        agreed.on(1, "csync", "diff", "haproxy")
        report = _refused_for_an_edit(agreed, "receive.checked", "edited meanwhile")
        assert "was changed on the receiving node during the push" in report["message"]
        assert "edited meanwhile" in agreed.lab.read(2, CONFIG)
        agreed.serves(2, "agreed")
        _require_kept_after_swap(agreed)
    finally:
        agreed.lab.write(2, "/etc/config.rc", config)
        agreed.on(2, "service", "csyncd", "restart")
