"""A service that somebody adds with one file: every verb knows it, and it sees what it says that it reads, also in a push."""

import json
from collections.abc import Iterator

import pytest
from lab_driver import Lab, eventually
from push_helpers import pair_nodes, push
from service_helpers import append, is_started_again, run_service, service_pid, service_row
from story import Stage

DECLARED = "/usr/lib/python3/dist-packages/firmware/services/declared"
PEERS = "/run/firmware/generated/made/peers"

#: a daemon that says what it has loaded in a file, loads again on SIGHUP, and cannot stand "worse"; its checker refuses "bad"
DECLARATION = """
from pathlib import Path
from firmware.rc.values import TEXT
from firmware.services import readiness
from firmware.services.definition import Account, Directive, Outcome, Service

DAEMON = '''
import signal, socket, sys, threading
def load(*_):
    text = open(sys.argv[1]).read()
    if "worse" in text:
        sys.exit("this is worse")
    open("/run/made/loaded", "w").write(text)
load()
signal.signal(signal.SIGHUP, load)
listener = socket.socket(socket.AF_UNIX)
listener.bind("/run/made/socket." + str(id(listener)))
while True:
    signal.pause()
'''
CHECK = 'import sys; text = open(sys.argv[1]).read(); sys.exit(f"bad: {text}" if "bad" in text else 0)'
LOADED = Path("/run/made/loaded")

def generate(context):
    words = [block.value("interface") for block in context.reads["wg"]]
    return {"peers": " ".join([context.block.value("word"), *words])}

def reload(running):
    import time
    wanted = (running.context.generated / "peers").read_text()
    running.signal("HUP")
    for _ in range(1500):
        if running.has_ended() and running.log_text():  # which comes through s6-log, a little later
            break
        if LOADED.read_text() == wanted:
            return Outcome(0, "loaded")
        time.sleep(0.02)
    return Outcome(1, running.log_text() or "not loaded")

SERVICE = Service(
    name="made",
    summary="made by a test",
    owns="/etc/made",
    account=Account("made"),
    reads=("wg",),
    generates=generate,
    runtime_directories=("/run/made",),
    check=lambda context: ["/usr/bin/python3", "-c", CHECK, str(context.generated / "peers")],
    daemon=lambda context: ["/usr/bin/python3", "-c", DAEMON, str(context.generated / "peers")],
    ready=lambda _, pid: "" if LOADED.exists() else "it has loaded nothing",
    reload=reload,
    directives=(Directive("word", TEXT, "a word"),),
)
"""
BLOCK = "\nservice made\n    word {}\n"
PEER = "\nservice wg {}\n    interface {}\n"


def add(lab: Lab, node: int) -> None:
    """What adding a service takes: its declaration, and its account, for it has one of its own."""
    lab.write(node, f"{DECLARED}/made.py", DECLARATION)
    append(lab, "/etc/passwd", "made:x:450:450:made:/run/made:/bin/false\n", node)
    append(lab, "/etc/passwd", "made-check:x:460:450:made:/run/made:/bin/false\n", node)
    append(lab, "/etc/group", "made:x:450:\n", node)
    lab.run(node, "mkdir", "-p", "/etc/made")


@pytest.fixture(scope="module")
def stage(module_lab: Lab) -> Stage:
    """A pair with the service on both."""
    for node in (1, 2):
        add(module_lab, node)
    made = Stage(module_lab, tell=lambda text: None)
    pair_nodes(made)
    return made


@pytest.fixture
def lab(stage: Stage) -> Iterator[Lab]:
    """The pair, where nothing of the service is left afterwards."""
    lab = stage.lab
    before = [lab.read(node, "/etc/config.rc") for node in (1, 2)]
    yield lab
    for node in (1, 2):
        lab.write(node, "/etc/config.rc", before[node - 1])
        lab.run(node, "service", "made", "apply", check=False)
        assert "made" not in lab.run(node, "ls", "/run/firmware/generated", check=False).stdout.split()


def begin(lab: Lab, word: str = "one", peer: str = "wg1", node: int = 1) -> None:
    append(lab, "/etc/config.rc", PEER.format("far", peer) + BLOCK.format(word), node)
    run_service(lab, "made", "start", node=node)


def change(lab: Lab, old: str, new: str, node: int = 1) -> None:
    text = lab.read(node, "/etc/config.rc")
    assert old in text
    lab.write(node, "/etc/config.rc", text.replace(old, new))


def loaded(lab: Lab, node: int = 1) -> str:
    return lab.read(node, "/run/made/loaded")


def test_every_verb_knows_it(lab: Lab) -> None:
    append(lab, "/etc/config.rc", BLOCK.format("one"))
    assert service_row(lab, "made")["state"] == "stopped"
    run_service(lab, "made", "check")
    assert lab.run(1, "test", "-e", PEERS, check=False).status == 1
    run_service(lab, "made", "start")
    assert service_row(lab, "made")["state"] == "running" and not service_row(lab, "made")["needs_apply"]
    assert loaded(lab) == "one"
    assert lab.run(1, "stat", "-c", "%a %U %G", PEERS, "/run/firmware/generated/made").stdout.split("\n")[:2] == [
        "640 root made",
        "750 root made",
    ]
    change(lab, "word one", "word two")
    assert service_row(lab, "made")["needs_apply"] and loaded(lab) == "one"
    run_service(lab, "made", "apply")
    assert loaded(lab) == "two" and not service_row(lab, "made")["needs_apply"]
    run_service(lab, "made", "restart")
    change(lab, "word two", "word three")
    run_service(lab, "made", "revert")
    assert "word two" in lab.read(1, "/etc/config.rc") and lab.read(1, PEERS) == "two"
    assert "running" in run_service(lab, "made", "status").stdout
    run_service(lab, "made", "stop")
    assert lab.run(1, "test", "-e", "/run/firmware/generated/made", check=False).status == 1
    assert "did you mean made?" in run_service(lab, "mode", "start", status=2).stderr


def test_what_it_reads_makes_it_need_an_apply(lab: Lab) -> None:
    begin(lab)
    assert loaded(lab) == "one wg1"
    change(lab, "interface wg1", "interface wg2")
    assert service_row(lab, "made")["needs_apply"] and lab.read(1, PEERS) == "one wg1"
    status = json.loads(lab.run(1, "csync", "status", "--json", check=False).stdout)
    assert "made" in str(status)
    run_service(lab, "made", "apply")
    assert loaded(lab) == "one wg2" and not service_row(lab, "made")["needs_apply"]
    change(lab, "service wg far", "no service wg far")
    run_service(lab, "made", "reload")
    assert loaded(lab) == "one"


def test_what_is_wrong_elsewhere_is_refused_and_changes_nothing(lab: Lab) -> None:
    begin(lab)
    change(lab, "interface wg1", "interface wgbad")
    assert "bad: one wgbad" in run_service(lab, "made", "check", status=4).stderr
    change(lab, "interface wgbad", "intrface wg1")
    assert "intrface" in run_service(lab, "made", "apply", status=4).stderr
    assert lab.read(1, PEERS) == "one wg1" == loaded(lab)
    # It comes back by itself with what it had.
    before = service_pid(lab, "made")
    lab.run(1, "sh", "-ec", "rm /run/made/loaded; pkill -KILL -u made")
    assert is_started_again(lab, "made", before)
    assert eventually(lambda: lab.run(1, "cat", "/run/made/loaded", check=False).stdout == "one wg1")


def test_a_push_is_checked_and_loaded_with_what_the_receiver_reads(stage: Stage, lab: Lab) -> None:
    begin(lab, "one", "wg1", node=1)
    begin(lab, "one", "wg7", node=2)
    change(lab, "word one", "word two")
    refused = lab.run(1, "csync", "push", "made", check=False)
    assert refused.status == 3 and "not applied here" in refused.stderr
    run_service(lab, "made", "apply")
    stage.on(1, "csync", "diff", "made")
    status, report, said = push(stage, "--force", service="made")
    assert (status, report["result"]) == (0, "applied"), said
    assert [change["path"] for change in report["files"]] == ["/etc/config.rc"]
    assert (loaded(lab, 1), loaded(lab, 2)) == ("two wg1", "two wg7")
    assert not service_row(lab, "made", node=2)["needs_apply"]
    assert push(stage, service="made")[1]["result"] == "unchanged"


def test_a_push_that_the_receiver_cannot_take_leaves_everything(stage: Stage, lab: Lab) -> None:
    begin(lab, "one", "wg1", node=1)
    begin(lab, "one", "wg7", node=2)
    stage.on(1, "csync", "diff", "made")
    push(stage, "--force", service="made")
    change(lab, "interface wg7", "interface wgbad", node=2)
    change(lab, "word one", "word two")
    run_service(lab, "made", "apply")
    status, report, _ = push(stage, service="made")
    assert (status, report["result"]) == (4, "failed") and "bad: two wgbad" in report["check"]["output"]
    change(lab, "interface wgbad", "interface wgworse", node=2)
    status, report, _ = push(stage, service="made")
    assert (status, report["result"]) == (1, "rolled-back") and "worse" in report["reload"]["output"]
    # What was loaded was "one wg7", though wg7 has been edited away.
    assert lab.read(2, PEERS) == "one wg7" and loaded(lab, 2) == "one wg7"
    assert service_row(lab, "made", node=2)["state"] == "running" and service_row(lab, "made", node=2)["needs_apply"]
    change(lab, "interface wgworse", "interface wg7", node=2)
    assert not service_row(lab, "made", node=2)["needs_apply"]


def test_the_same_content_is_pushed_where_what_it_reads_has_changed(stage: Stage, lab: Lab) -> None:
    begin(lab, "one", "wg1", node=1)
    begin(lab, "one", "wg7", node=2)
    stage.on(1, "csync", "diff", "made")
    push(stage, "--force", service="made")
    change(lab, "interface wg7", "interface wg8", node=2)
    status, report, said = push(stage, service="made")
    assert (status, report["result"]) == (0, "applied"), said
    assert loaded(lab, 2) == "one wg8" and not service_row(lab, "made", node=2)["needs_apply"]


def test_a_boot_starts_it_with_what_it_reads_and_nothing_generated_is_saved(stage: Stage, lab: Lab) -> None:
    begin(lab, "one", "wg1", node=1)
    shown = lab.run(1, "config", "diff", check=False).stdout
    assert "/etc/config.rc" in shown and "generated" not in shown
    run_service(lab, "shutdown")
    assert lab.run(1, "ls", "/run/firmware/generated").stdout == ""
    started = run_service(lab, "boot", status=1).stderr  # the block of wg is no whole peer
    assert "service made: started" in started and "service csyncd: started" in started
    assert loaded(lab) == "one wg1" and not service_row(lab, "made")["needs_apply"]
