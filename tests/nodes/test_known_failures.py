"""Failures of other programs for configuration sync that their users reported, and that must not happen here.

Each test is named after the failure, and plays it with the real commands on a real pair: what counts is what the other
node has in the end, and whether what was said about it is true. Elsewhere: versions that do not fit (test_versions.py), two
pushes that cross (test_conflicts.py), every way in that the sync key might open (test_gate.py).
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from lab_driver import Lab, eventually
from push_helpers import agree, await_swap, digest, force_push, hold_reload, pair_nodes, push, seconds_until_logged
from service_helpers import HOLD, PYTHON, service_pid
from story import ADDRESSES, CONFIG, Stage, page
from time_limits import time_limit

#: seconds for what does not wait for a peer: the shortest time in which one is given up is longer, and no busy machine takes that long
AT_ONCE = 18.0

#: looks at everything below a directory again and again, until its standard input ends. A file `NAME` there has the content
#: `NAME\n` a thousand times, mode 0640 and the owner haproxy:root, a directory 0750 and root:haproxy. Prints how often
#: it saw one, and what was wrong; at the first that is wrong, it makes the file SEEN
LOOK = """
import grp, json, os, pwd, select, stat, sys
top, seen = sys.argv[1:]
haproxy, group = pwd.getpwnam("haproxy").pw_uid, grp.getgrnam("haproxy").gr_gid
right = {stat.S_IFREG | 0o640: (haproxy, group), stat.S_IFDIR | 0o750: (0, group)}
sights, wrong = 0, []
def look(place):
    global sights
    for one in os.scandir(place):
        if one.name == "haproxy.cfg":
            continue
        facts = os.lstat(one.path)
        content = open(one.path, "rb").read() if stat.S_ISREG(facts.st_mode) else None
        whole = content is None or content == f"{one.name}\\n".encode() * 1000
        if right.get(facts.st_mode) == (facts.st_uid, facts.st_gid) and whole:
            sights += 1
        else:
            wrong.append(f"{one.path}: {facts.st_mode:o} {facts.st_uid}:{facts.st_gid}, {len(content or '')} bytes")
            open(seen, "w").close()
        if content is None:
            look(one.path)
while not select.select([0], [], [], 0)[0]:
    try:
        look(top)
    except FileNotFoundError:
        pass
print(json.dumps([sights, wrong[:9]]))
"""

#: writes a file in place, again and again, as a whole first in the one way and then in the other, until it is killed
REWRITE = """
import sys
with open(sys.argv[1], "wb", buffering=0) as file:
    while True:
        for letter in (b"a", b"b"):
            file.seek(0)
            file.write(letter * 2_000_000)
"""


@pytest.fixture(scope="module")
def stage(module_lab: Lab) -> Stage:
    """Two nodes that are paired."""
    made = Stage(module_lab, tell=lambda text: None)
    pair_nodes(made)
    return made


@pytest.fixture
def agreed(stage: Stage) -> Stage:
    """The pair with the same haproxy on both, pushed from node 1."""
    agree(stage)
    return stage


def sh(stage: Stage, node: int, script: str, *words: str) -> str:
    """Run a script on a node; it ends at the first command that fails."""
    return stage.on(node, "sh", "-ec", script, "sh", *words)


def put(stage: Stage, script: str) -> None:
    """Change something below /etc/haproxy on node 1, and apply it."""
    sh(stage, 1, f"cd /etc/haproxy; {script}; service haproxy apply")


def in_sync(stage: Stage) -> bool:
    """What node 1 says of haproxy on the two nodes."""
    return bool(stage.json(1, "csync", "status")["services"]["haproxy"]["in_sync"])


@contextmanager
def taken(stage: Stage, port: int) -> Iterator[None]:
    """Somebody else has that port of node 2 while this lasts."""
    holder = stage.lab.start(2, PYTHON, "-c", HOLD, str(port))
    try:
        assert holder.stdout and holder.stdout.readline() == b"held\n"
        yield
    finally:
        holder.kill()
        holder.communicate()


def pushes(stage: Stage, node: int) -> list[dict[str, Any]]:
    """What the trail of that node says of every push."""
    return [entry for entry in stage.json(node, "csync", "log") if entry["event"].startswith("push")]


def results_since(before: list[dict[str, Any]], stage: Stage, node: int) -> list[str]:
    """What came of each push that was not there before. Where the new ones stand in the trail does not say which they are: it
    is in the order of the clock, which may be set, and its oldest entries go."""
    return [entry["result"] for entry in pushes(stage, node) if entry not in before]


# What is said to be done is done.


@pytest.mark.all(but=["/etc/haproxy/extra/deep"])
@pytest.mark.parametrize("lost", ["/etc/haproxy/extra/deep", "/etc/haproxy/extra", "/etc/haproxy"])
def test_success_is_never_reported_when_nothing_was_written_for_want_of_a_directory(agreed: Stage, lost: str) -> None:
    put(agreed, "mkdir -p extra/deep; echo old >extra/deep/old")
    assert push(agreed)[0] == 0
    agreed.on(2, "rm", "-r", lost)
    put(agreed, "echo new >extra/deep/new")
    status, report, _ = push(agreed)
    assert (status, report["result"]) == (3, "refused")
    force_push(agreed)
    assert agreed.lab.read(2, "/etc/haproxy/extra/deep/new") == "new\n"
    assert digest(agreed, 1) == digest(agreed, 2)
    assert push(agreed)[1]["result"] == "unchanged"


def test_a_new_file_is_never_seen_without_its_content_owner_and_mode(agreed: Stage) -> None:
    new = "mkdir -m 750 d$n; chgrp haproxy d$n; for f in a$n d$n/b$n; do yes ${f##*/} | head -n 1000 >$f; chmod 640 $f; chown haproxy $f; done"
    looking = agreed.lab.start(2, PYTHON, "-c", LOOK, "/etc/haproxy", "/run/seen")
    try:
        for n in range(8):
            put(agreed, f"mkdir -p -m 750 extra; chgrp haproxy extra; cd extra; n={n}; {new}")
            agreed.on(1, "csync", "push", "haproxy")
    finally:
        sights, wrong = json.loads(looking.communicate(b"\n", timeout=200)[0])
    assert sights >= 8 and wrong == []
    assert digest(agreed, 1) == digest(agreed, 2)


@pytest.mark.all
def test_who_looks_for_new_files_would_see_them_without_owner_and_mode(stage: Stage) -> None:
    """The control of the test above: files that are put there step by step are seen."""
    sh(stage, 2, "rm -rf /srv/naive /run/seen; mkdir -p /srv/naive")
    looking = stage.lab.start(2, PYTHON, "-c", LOOK, "/srv/naive", "/run/seen")
    naive = "n=0; until test -e /run/seen; do n=$((n + 1)); yes a$n | head -n 1000 >a$n; chmod 640 a$n; chown haproxy a$n; done"
    try:
        sh(stage, 2, f"cd /srv/naive; {naive}")
    finally:
        wrong = json.loads(looking.communicate(b"\n", timeout=200)[0])[1]
        sh(stage, 2, "rm -r /srv/naive /run/seen")
    assert wrong


@pytest.mark.all(but=["csyncd"])
@pytest.mark.parametrize("killed", ["csyncd", "sshd"])
def test_a_connection_that_was_closed_is_not_finished_with_0_errors(agreed: Stage, killed: str) -> None:
    before, trail = pushes(agreed, 2), agreed.json(2, "csync", "log")
    agreed.edit(1, page("interrupted"))
    with hold_reload(agreed) as pids:
        pushing = agreed.lab.start(1, "csync", "push", "haproxy", "--json")
        await_swap(agreed, "interrupted")
        waits = agreed.lab.run(2, "timeout", "2", "config", "save", check=False).status == 124
        assert waits, "what may still be undone is not saved"
        if killed == "csyncd":
            agreed.on(2, "kill", "-9", str(pids["csyncd"]))
        else:
            agreed.on(2, "pkill", "-9", "-u", "csync")
    output, said = pushing.communicate(timeout=200)
    # The link was lost before the answer, so the push was asked about again, and this time nothing came between.
    assert (pushing.returncode, json.loads(output)["result"]) == (0, "applied"), said
    agreed.serves(2, "interrupted")
    assert digest(agreed, 1) == digest(agreed, 2)
    assert results_since(before, agreed, 2) == ["applied"]
    undone = [
        entry for entry in agreed.json(2, "csync", "log") if entry["result"] == "rolled-back" and entry not in trail
    ]
    assert bool(undone) is (killed == "csyncd")
    assert agreed.on(2, "ls", "-A", "/etc/.staging").strip() == ""
    agreed.shows(1, "orange")


@pytest.fixture
def impatient(agreed: Stage) -> Iterator[None]:
    """Node 1's csyncd waits 4 s, not 20, until a link that was lost is there again."""
    with time_limit(agreed.lab, 1, "sync.link", "RECONNECT_TIME", 4):
        agreed.on(1, "service", "csyncd", "restart")
    agreed.shows(1, "orange")
    yield
    agreed.on(1, "service", "csyncd", "restart")


@pytest.mark.all(but=["the cable is back"])
@pytest.mark.parametrize("back", [True, False], ids=["the cable is back", "the cable stays out"])
def test_an_answer_that_never_came_is_not_taken_for_success(agreed: Stage, back: bool) -> None:
    _an_answer_that_never_came(agreed, back)


def test_an_answer_that_never_came_is_not_waited_for_without_end(agreed: Stage, impatient: None) -> None:
    """The cable stays out, as above, where a short limit is over soon."""
    _an_answer_that_never_came(agreed, False)


def _an_answer_that_never_came(agreed: Stage, back: bool) -> None:
    agreed.edit(1, page(f"cut {back}"))
    try:
        with hold_reload(agreed):
            pushing = agreed.lab.start(1, "csync", "push", "haproxy", "--json")
            await_swap(agreed, f"cut {back}")
            agreed.lab.link(2, False)
        seconds_until_logged(agreed, 1, "the pair is red")
        if back:
            agreed.lab.link(2, True)
        output, said = pushing.communicate(timeout=200)
    finally:
        agreed.lab.link(2, True)
    result = json.loads(output)["result"]
    if back:
        assert (pushing.returncode, result) == (0, "applied"), said
    else:
        assert (pushing.returncode, result) == (1, "failed")
        assert b"has the old state or the new one, whole" in said and b"csync diff haproxy" in said
    agreed.shows(1, "orange")
    agreed.serves(2, f"cut {back}")


def test_success_is_not_reported_before_the_receiver_has_applied(agreed: Stage) -> None:
    before = pushes(agreed, 1)
    agreed.edit(1, page("held"))
    with hold_reload(agreed):
        pushing = agreed.lab.start(1, "csync", "push", "haproxy", "--json")
        await_swap(agreed, "held")
        time.sleep(2)
        assert pushing.poll() is None
        assert pushes(agreed, 1) == before
    output, said = pushing.communicate(timeout=200)
    assert (pushing.returncode, json.loads(output)["result"]) == (0, "applied"), said
    agreed.serves(2, "held")


@pytest.mark.all
def test_a_long_apply_is_not_cut_by_a_short_time_out(agreed: Stage) -> None:
    agreed.edit(1, page("long"))
    with hold_reload(agreed):
        pushing = agreed.lab.start(1, "csync", "push", "haproxy", "--json")
        await_swap(agreed, "long")
        time.sleep(35)
        assert pushing.poll() is None
        agreed.shows(1, "orange")
    output, said = pushing.communicate(timeout=200)
    report = json.loads(output)
    assert (pushing.returncode, report["result"]) == (0, "applied"), said
    assert report["seconds"] > 34
    agreed.serves(2, "long")


@pytest.mark.parametrize(
    ("bind", "words"),
    [("8099", "cannot bind 0.0.0.0:8099"), ("8098-8099", "cannot bind socket")],
    ids=["ours", "haproxy's"],
)
def test_a_failing_reload_is_not_a_success(agreed: Stage, bind: str, words: str) -> None:
    before, trails = digest(agreed, 2), {node: pushes(agreed, node) for node in (1, 2)}
    agreed.edit(1, page("taken").replace(":8080", f":{bind}"))
    with taken(agreed, 8099):
        status, report, said = push(agreed)
    assert (status, report["result"]) == (1, "rolled-back"), said
    assert report["reload"]["status"] != 0 and words in report["reload"]["output"] and words in said
    assert digest(agreed, 2) == before
    assert all(results_since(trails[node], agreed, node) == ["rolled-back"] for node in (1, 2))
    agreed.serves(2, "agreed")


def test_a_failed_restore_of_the_old_state_is_not_a_success(agreed: Stage) -> None:
    """The old state needs a file of another's that is gone since it was loaded."""
    mapped = "\n    http-request set-header x %[path,map(/srv/map)]\n"
    for node in (1, 2):
        sh(agreed, node, "echo a b >/srv/map; chmod 644 /srv/map; chmod a+rx /srv")
    agreed.edit(1, page("old").replace(":8080\n", f":8080{mapped}"))
    assert push(agreed)[0] == 0
    agreed.on(2, "rm", "/srv/map")
    before = digest(agreed, 2)
    agreed.edit(1, page("new", 8099))
    with taken(agreed, 8099):
        status, report, said = push(agreed)
    assert (status, report["result"]) == (1, "rolled-back"), said
    assert "loading it again failed, too" in said and "/srv/map" in said and "8099" in said
    assert digest(agreed, 2) == before
    agreed.serves(2, "old")


# What changed is noticed.


@pytest.mark.all(but=["touch -r /run/then"])
@pytest.mark.parametrize("disguise", ["touch -r /run/then", "touch -d @$(stat -c %Y /run/then).987654321"])
def test_an_edit_of_the_same_size_in_the_same_second_is_noticed(agreed: Stage, disguise: str) -> None:
    edit = f"touch -r {CONFIG} /run/then; sed -i s/agreed/argeed/ {CONFIG}; {disguise} {CONFIG}"
    assert in_sync(agreed)
    sh(agreed, 1, f"{edit}; service haproxy apply")
    assert not in_sync(agreed)
    (change,) = agreed.json(1, "csync", "diff", "haproxy")["files"]
    assert change["before"]["size"] == change["after"]["size"] and "argeed" in change["diff"]
    assert push(agreed)[1]["result"] == "applied"
    agreed.serves(2, "argeed")
    assert in_sync(agreed)
    sh(agreed, 2, edit.replace("agreed/argeed", "argeed/gareed"))
    assert not in_sync(agreed)
    status, report, _ = push(agreed)
    assert (status, report["result"]) == (3, "refused")
    assert '-    http-request return status 200 content-type text/plain string "gareed"' in report["files"][0]["diff"]


@pytest.mark.all(
    but=[
        "echo '# by hand' >>/etc/haproxy/haproxy.cfg",
        "chmod 600 /etc/haproxy/haproxy.cfg",
        "config set haproxy check_interval 9",
    ]
)
@pytest.mark.parametrize(
    "drift",
    [
        f"echo '# by hand' >>{CONFIG}",
        f"chmod 600 {CONFIG}",
        f"chown haproxy {CONFIG}",
        f"rm {CONFIG}",
        "mkdir /etc/haproxy/by-hand",
        "config set haproxy check_interval 9",
    ],
)
def test_drift_on_the_receiver_alone_is_not_called_in_sync(agreed: Stage, drift: str) -> None:
    assert in_sync(agreed)
    agreed.on(2, "sh", "-ec", drift)
    drifted = digest(agreed, 2)
    assert not in_sync(agreed)
    status, report, said = push(agreed)
    assert (status, report["result"], len(report["files"])) == (3, "refused", 1)
    assert "changed on the receiving node" in said
    assert digest(agreed, 2) == drifted


def test_the_removal_of_the_last_file_of_a_directory_travels(agreed: Stage) -> None:
    for step, left in (
        ("mkdir extra; echo x >extra/only", ["/etc/haproxy/extra", "/etc/haproxy/extra/only"]),
        ("rm extra/only", ["/etc/haproxy/extra"]),
        ("rmdir extra", []),
    ):
        put(agreed, step)
        assert push(agreed)[1]["result"] == "applied"
        assert agreed.on(2, "sh", "-c", "find /etc/haproxy/extra 2>/dev/null; true").split() == left


def test_the_removal_of_the_last_directive_of_a_block_travels(agreed: Stage) -> None:
    before = agreed.on(2, "config", "show", "haproxy")
    for step in (("set", "haproxy", "check_interval", "7"), ("del", "haproxy", "check_interval")):
        agreed.on(1, "config", *step)
        agreed.on(1, "service", "haproxy", "apply")
        assert push(agreed)[1]["result"] == "applied"
        assert agreed.on(2, "config", "show", "haproxy") == agreed.on(1, "config", "show", "haproxy")
    assert agreed.on(2, "config", "show", "haproxy") == before


@pytest.mark.all
def test_a_push_that_is_repeated_duplicates_nothing(agreed: Stage) -> None:
    agreed.on(1, "config", "set", "haproxy", "check_interval", "7")
    put(agreed, "mkdir extra; echo x >extra/file")
    assert push(agreed)[1]["result"] == "applied"
    before = digest(agreed, 2), agreed.on(2, "stat", "-c", "%i %z", CONFIG)
    for _ in range(2):
        status, report, _ = push(agreed)
        assert (status, report["result"], report["files"]) == (0, "unchanged", [])
        assert "unchanged" in agreed.on(1, "csync", "push", "haproxy")
    assert (digest(agreed, 2), agreed.on(2, "stat", "-c", "%i %z", CONFIG)) == before
    assert agreed.lab.read(2, "/etc/config.rc").count("check_interval") == 1
    agreed.on(1, "config", "del", "haproxy", "check_interval")


# Nothing is mixed, and nothing stalls.


def test_pushes_that_are_started_at_once_do_not_corrupt_each_other(agreed: Stage) -> None:
    before = pushes(agreed, 2)
    put(agreed, "sed -i s/agreed/clicked/ haproxy.cfg; mkdir extra; seq 100000 >extra/numbers")
    sh(agreed, 1, "echo '# clicked, too' >>/etc/syslogd/syslog.conf; service syslogd apply")
    titles = ["haproxy", "haproxy", "haproxy", "syslogd", "haproxy"]
    started = [agreed.lab.start(1, "csync", "push", title, "--json") for title in titles]
    results = [(json.loads(one.communicate(timeout=200)[0])["result"], one.returncode) for one in started]
    assert set(results) <= {("applied", 0), ("unchanged", 0), ("refused", 3)}
    assert results.count(("applied", 0)) == results_since(before, agreed, 2).count("applied") == 2
    assert digest(agreed, 1) == digest(agreed, 2)
    assert agreed.lab.read(2, "/etc/syslogd/syslog.conf") == agreed.lab.read(1, "/etc/syslogd/syslog.conf")
    agreed.serves(2, "clicked")


@pytest.mark.all(but=["csyncd"])
@pytest.mark.parametrize("aborted", ["csync", "csyncd"])
def test_an_aborted_client_leaves_no_lock(agreed: Stage, aborted: str) -> None:
    agreed.edit(1, page(f"{aborted} was killed"))
    with hold_reload(agreed):
        pushing = agreed.lab.start(1, "csync", "push", "haproxy")
        await_swap(agreed, f"{aborted} was killed")
        if aborted == "csync":
            pushing.kill()
        else:
            agreed.on(1, "kill", "-9", str(service_pid(agreed.lab, "csyncd")))
        said = pushing.communicate(timeout=200)[1]
    assert pushing.returncode != 0
    assert aborted == "csync" or said
    agreed.edit(1, page("the next"))
    assert eventually(lambda: push(agreed)[0] == 0)
    agreed.serves(2, "the next")
    for node in (1, 2):
        agreed.on(node, "timeout", "20", "service", "haproxy", "apply")
        agreed.on(node, "timeout", "20", "config", "save")


def test_a_dead_backup_does_not_stall_the_master(agreed: Stage) -> None:
    agreed.lab.link(2, False)
    try:
        agreed.shows(1, "red")
        began = time.monotonic()
        agreed.edit(1, page("alone"))
        assert "alone" in agreed.on(1, "curl", "-s", "http://127.0.0.1:8080/")
        agreed.on(1, "config", "save")
        assert time.monotonic() - began < AT_ONCE
        status, report, said = push(agreed)
        assert (status, report["result"]) == (1, "failed")
        assert "cannot be reached" in said and "check power, cable" in said
        assert time.monotonic() - began < 90, "minutes are what TCP would take"
    finally:
        agreed.lab.link(2, True)
    agreed.shows(1, "orange")
    assert push(agreed)[1]["result"] == "applied"


def test_a_push_to_a_dead_backup_does_not_stall_other_work(agreed: Stage) -> None:
    """The push begins before anybody can have noticed, and waits for the backup."""
    agreed.edit(1, page("waits"))
    agreed.lab.link(2, False)
    try:
        pushing = agreed.lab.start(1, "csync", "push", "haproxy", "--json")
        began = time.monotonic()
        for service in ("syslogd", "haproxy"):
            agreed.on(1, "service", service, "apply")
        agreed.on(1, "config", "save")
        assert time.monotonic() - began < AT_ONCE
    finally:
        agreed.lab.link(2, True)
    output, said = pushing.communicate(timeout=200)
    assert (pushing.returncode, json.loads(output)["result"]) == (0, "applied"), said
    agreed.serves(2, "waits")


# Each node stays what it is.


@pytest.mark.all(but=["system", "network.eth0", "network", "wg"])
@pytest.mark.parametrize(
    "service", ["system", "network.eth0", "network", "network.eth9", "wg", "vrrp", "ntp", "sshd", "csyncd", "wui"]
)
def test_values_of_one_node_do_not_overwrite_the_others(stage: Stage, service: str) -> None:
    """Whatever instance is named or left out, and whether config.rc has it or not."""
    before = stage.lab.read(1, "/etc/config.rc"), stage.lab.read(2, "/etc/config.rc")
    stage.lab.write(1, "/etc/config.rc", before[0] + "\nservice wg\n\nservice vrrp\n")
    status, report, said = push(stage, service=service)
    stage.lab.write(1, "/etc/config.rc", before[0])
    assert (status, report["result"], report["files"]) == (3, "refused", [])
    assert f"service {service}: " in said and "it stays on this node: " in said
    assert stage.lab.read(2, "/etc/config.rc") == before[1]


def test_the_private_keys_of_a_node_do_not_travel(agreed: Stage) -> None:
    """Not even by a link that somebody made, and of all that ever came none is on the other node."""
    keys = sh(agreed, 1, "grep -rlE 'PRIVATE KEY' /etc").split()
    assert {"/etc/csyncd/id_ed25519", "/etc/csyncd/ssh_host_ed25519_key", "/etc/wui/tls.pem"} <= set(keys)
    put(agreed, "mkdir extra; ln -s /etc/csyncd/id_ed25519 extra/key")
    assert push(agreed)[0] == 3
    put(agreed, "rm extra/key; echo '# new' >>haproxy.cfg")
    for service in ("haproxy", "syslogd"):
        assert push(agreed, service=service)[0] == 0
    for key in keys:
        secret = agreed.lab.read(1, key).splitlines()[2]
        assert len(secret) > 30
        assert agreed.lab.run(2, "grep", "-rqF", "-e", secret, "/etc", "/run/firmware", check=False).status == 1


@pytest.mark.all
def test_the_standby_cannot_push_back_over_the_master_by_mistake(agreed: Stage) -> None:
    agreed.edit(1, page("newer on the master"))
    before = digest(agreed, 1)
    status, report, said = push(agreed, node=2)
    assert (status, report["result"]) == (3, "refused")
    (change,) = report["files"]
    assert "newer on the master" in change["diff"] and "changed on the receiving node" in said
    assert digest(agreed, 1) == before
    agreed.serves(1, "newer on the master")
    assert push(agreed)[1]["result"] == "applied"


# Nobody gets in, and nobody is let in unseen.


@pytest.mark.all
def test_the_sync_key_is_no_root_shell(stage: Stage) -> None:
    """The short form: test_gate.py tries every way, each with a control that works at the management sshd."""
    options = ("-n", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null")
    peers = ("timeout", "20", "ssh", *options, "-p", "30022", "-i", "/etc/csyncd/id_ed25519")
    tries = {
        "exec": ("touch", "/run/reached"), "shell": ("-tt",), "sftp": ("-s", "sftp"), "elsewhere": ("-W", "127.0.0.1:22"),
        "back": ("-N", "-o", "ExitOnForwardFailure=yes", "-R", "7002:127.0.0.1:22"),
    }  # fmt: skip
    for user in ("csync", "root"):
        for name, words in tries.items():
            where = (*words, ADDRESSES[2]) if words[0].startswith("-") and name != "sftp" else (ADDRESSES[2], *words)
            done = stage.lab.run(1, *peers, "-v", "-l", user, *where, check=False)
            assert done.status not in (0, 124), name
            assert ("Authenticated to" in done.stderr) is (user == "csync")
            assert "SSH-2.0" not in done.stdout and "$" not in done.stdout
    assert stage.lab.run(2, "test", "-e", "/run/reached", check=False).status == 1


@pytest.mark.all
def test_no_key_is_taken_silently_on_first_contact(stage: Stage) -> None:
    stored = ("/etc/csyncd/csyncd_authorized", "/etc/csyncd/ssh_known_hosts")
    code, wrong = (stage.json(node, "csync", "keys")["code"] for node in (2, 1))
    stage.on(1, "rm", *stored)
    stage.on(1, "service", "csyncd", "restart")
    try:
        red = stage.shows(1, "red", "not stored here")
        assert red["remedy"] == "csync getkey"
        for words in ((), ("--code", wrong), ("--code", "")):
            done = stage.lab.run(1, "csync", "getkey", *words, check=False)
            assert done.status == 3 and "nothing is stored" in done.stderr
        assert stage.lab.run(1, "csync", "push", "haproxy", check=False).status == 1
        assert stage.lab.run(1, "ls", *stored, check=False).stdout == ""
    finally:
        stage.on(1, "csync", "getkey", "--code", code)
    assert stage.on(1, "ls", *stored).split() == list(stored)
    assert eventually(lambda: stage.json(1, "csync", "status")["state"] != "red")


@pytest.mark.all
def test_another_host_key_is_not_taken_for_the_peers(stage: Stage) -> None:
    known = stage.lab.read(1, "/etc/csyncd/ssh_known_hosts")
    other = "mkdir /run/kept; mv ssh_host_* /run/kept; ssh-keygen -q -t ed25519 -N '' -f ssh_host_ed25519_key"
    sh(stage, 2, f"cd /etc/csyncd; {other}; service csyncd restart")
    try:
        red = stage.shows(1, "red", "host key has changed")["reasons"][0]
        assert all(
            fingerprint(stage, 2, f"{place}/ssh_host_ed25519_key.pub") in red for place in ("/run/kept", "/etc/csyncd")
        )
        status, report, said = push(stage)
        assert (status, report["result"]) == (1, "failed") and "host key has changed" in said
        done = stage.lab.run(1, "csync", "getkey", check=False)
        assert done.status == 3 and "REPLACE" in done.stdout
        assert stage.lab.read(1, "/etc/csyncd/ssh_known_hosts") == known
    finally:
        sh(stage, 2, "mv /run/kept/* /etc/csyncd; rmdir /run/kept; service csyncd restart")
    assert eventually(lambda: stage.json(1, "csync", "status")["state"] != "red")


def test_a_host_key_that_is_taken_away_ends_the_trust(stage: Stage) -> None:
    known = stage.lab.read(1, "/etc/csyncd/ssh_known_hosts")
    stage.on(1, "rm", "/etc/csyncd/ssh_known_hosts")
    try:
        assert eventually(lambda: stage.json(1, "csync", "status")["state"] == "red")
        assert push(stage)[0] == 1
    finally:
        stage.lab.write(1, "/etc/csyncd/ssh_known_hosts", known)
    assert eventually(lambda: stage.json(1, "csync", "status")["state"] != "red")


def fingerprint(stage: Stage, node: int, path: str) -> str:
    """What ssh-keygen says of a public key."""
    return stage.on(node, "ssh-keygen", "-l", "-f", path).split()[1]


# Whatever can be a file.


def test_strange_names_are_not_mangled(agreed: Stage) -> None:
    names = [
        "x" * 255, "ü" * 127, " blanks ", "trailing ", "trailing.", "quo\"te's", "new\nline", "tab\t", "back\\slash", "\x01\x1b[31m\x7f",
        "Case", "case", "CASE", "\udcff\udcfe", "ünï", "u\u0308", "-rf", "#", "*", "$(reboot)", "%s", ".hidden", "...", "~",
    ]  # fmt: skip
    raw = [name.encode("utf-8", "surrogateescape") for name in names]
    agreed.on(1, "mkdir", "-p", "/etc/haproxy/extra")
    each = 'for name; do printf %s "$name" >"/etc/haproxy/extra/$name"; done'
    agreed.lab.run(1, "sh", "-ec", each, "sh", *raw)
    agreed.on(1, "service", "haproxy", "apply")
    shown = agreed.lab.run(1, "csync", "diff", "haproxy").stdout
    assert "\x1b" not in shown and "\x7f" not in shown, "a name does not reach the terminal as it is"
    assert len(push(agreed)[1]["files"]) == 1 + len(names)
    listing = "find /etc/haproxy/extra -print0 | sort -z | od -c"
    assert agreed.on(1, "sh", "-c", listing) == agreed.on(2, "sh", "-c", listing)
    assert digest(agreed, 1) == digest(agreed, 2)


@pytest.mark.all(but=["3400-True", "3900-False"])
@pytest.mark.parametrize(("bytes_", "travels"), [(3400, True), (3900, False), (4095, False)])
def test_a_path_that_is_too_long_is_not_written_by_half(agreed: Stage, bytes_: int, travels: bool) -> None:
    deep = "import os, sys; left = int(sys.argv[1]) - 19; os.chdir('/etc/haproxy/extra')\nwhile left > 255: os.mkdir('d' * 200); os.chdir('d' * 200); left -= 201\nopen('f' * left, 'w').write('x')"
    before = digest(agreed, 2)
    agreed.on(1, "mkdir", "/etc/haproxy/extra")
    agreed.on(1, PYTHON, "-c", deep, str(bytes_))
    applied = agreed.lab.run(1, "service", "haproxy", "apply", check=False)
    status, report, said = push(agreed)
    if travels:
        assert (status, report["result"]) == (0, "applied")
        assert digest(agreed, 1) == digest(agreed, 2)
    else:
        assert (status, report["result"]) == (3, "refused")
        assert "too long" in said + applied.stderr
        assert digest(agreed, 2) == before


def test_a_file_that_changes_while_it_is_read_does_not_arrive_torn(agreed: Stage) -> None:
    agreed.on(1, "mkdir", "/etc/haproxy/extra")
    writer = agreed.lab.start(1, PYTHON, "-c", REWRITE, "/etc/haproxy/extra/busy")
    whole = "a\n0\n", "b\n0\n"
    try:
        assert eventually(lambda: agreed.lab.run(1, "test", "-s", "/etc/haproxy/extra/busy", check=False).status == 0)
        for _ in range(5):
            agreed.lab.run(1, "service", "haproxy", "apply", check=False)
            status, report, said = push(agreed)
            assert (status, report["result"]) in ((0, "applied"), (0, "unchanged"), (1, "failed"), (3, "refused")), said
            arrived = 'cd /etc/haproxy/extra; head -c 1 busy; echo; tr -d "$(head -c 1 busy)" <busy | wc -c'
            assert agreed.lab.run(2, "sh", "-ec", arrived, check=False).stdout in ("", *whole)
    finally:
        writer.kill()
        writer.communicate()
    agreed.on(1, "service", "haproxy", "apply")
    assert push(agreed)[0] == 0
    assert digest(agreed, 1) == digest(agreed, 2)


def test_an_edit_on_the_receiver_during_the_push_is_not_lost(agreed: Stage) -> None:
    agreed.edit(1, page("racing"))
    race = 'while :; do echo "# $(date +%N)" >>/etc/haproxy/by-hand; done'
    racer = agreed.lab.start(2, "sh", "-c", race)
    try:
        assert eventually(lambda: agreed.lab.run(2, "test", "-s", "/etc/haproxy/by-hand", check=False).status == 0)
        status, report, _ = push(agreed)
    finally:
        racer.kill()
        racer.communicate()
    assert (status, report["result"]) == (3, "refused") or report["result"] == "failed"
    assert sh(agreed, 2, f"test -s /etc/haproxy/by-hand; grep -c agreed {CONFIG}").strip() == "1"


def test_a_directory_that_became_a_file_does_not_stop_a_push_nor_the_reverse(agreed: Stage) -> None:
    steps = (
        "mkdir -p extra/d/e; echo x >extra/d/e/f",
        "rm -r extra/d; echo y >extra/d",
        "rm extra/d; mkdir extra/d; echo z >extra/d/f",
    )
    for step in (*steps, "rm -r extra; echo all >extra", "rm extra; mkdir extra"):
        put(agreed, step)
        assert push(agreed)[1]["result"] == "applied", step
        assert digest(agreed, 1) == digest(agreed, 2), step
    for there, here in (
        ("rmdir extra; echo by hand >extra", "rmdir extra; echo all >extra"),
        ("rm extra; mkdir -p extra/d", "true"),
    ):
        sh(agreed, 2, f"cd /etc/haproxy; {there}")
        assert push(agreed)[0] == 3
        force_push(agreed)
        assert digest(agreed, 1) == digest(agreed, 2), there
        put(agreed, here)
        assert push(agreed)[0] == 0


def test_a_link_is_not_followed_where_it_is_sent_from(agreed: Stage) -> None:
    put(agreed, "mkdir extra; ln -s /etc/shadow extra/link")
    status, _, said = push(agreed)
    assert status == 3
    assert "/etc/haproxy/extra/link: it is a symbolic link" in said and "hint: put a file in its place" in said


@pytest.mark.all(but=["directory", "hard link"])
@pytest.mark.parametrize(
    "link",
    [
        "rm -r extra; ln -s /etc/outside extra",
        "ln -sf /etc/outside/haproxy.cfg haproxy.cfg",
        "ln -f /etc/outside/file extra/file",
        "cp -a . /etc/outside/all; cd ..; rm -r haproxy; ln -s /etc/outside/all haproxy",
    ],
    ids=["directory", "file", "hard link", "all of it"],
)
def test_a_link_is_not_followed_where_it_is_received(agreed: Stage, link: str) -> None:
    put(agreed, "mkdir extra; echo first >extra/file; echo second >extra/other")
    assert push(agreed)[0] == 0
    sh(
        agreed,
        2,
        f"rm -rf /etc/outside; mkdir /etc/outside; chmod 755 /etc/outside; cp -a {CONFIG} /etc/haproxy/extra/file /etc/outside",
    )
    sh(agreed, 2, f"cd /etc/haproxy; {link}")
    listing = "cd /etc/outside; find . -printf '%p %y %m %u %g %T@\n' | sort; find . -type f | sort | xargs sha256sum"
    outside = sh(agreed, 2, listing)
    put(agreed, "echo more >>extra/file; echo new >extra/new; rm extra/other; echo '# more' >>haproxy.cfg")
    push(agreed)
    assert sh(agreed, 2, listing) == outside
    force_push(agreed)
    assert sh(agreed, 2, listing) == outside
    assert digest(agreed, 1) == digest(agreed, 2)
    sh(agreed, 2, 'test ! -L /etc/haproxy; test -z "$(find /etc/haproxy -type l)"; rm -r /etc/outside')


def test_what_is_mounted_in_the_receivers_directory_is_not_emptied(agreed: Stage) -> None:
    sh(agreed, 1, "mkdir -p /etc/haproxy/extra; echo same >/etc/haproxy/extra/f; service haproxy apply")
    assert push(agreed)[1]["result"] == "applied"
    sh(agreed, 2, "cp -a /etc/haproxy/extra /run/data; mount --bind /run/data /etc/haproxy/extra")
    try:
        agreed.edit(1, page("over a mount"))
        status, report, said = push(agreed)
        assert (status, report["result"]) == (3, "refused")
        assert "/etc/haproxy/extra: something is mounted there" in said and "umount /etc/haproxy/extra" in said
        assert agreed.lab.read(2, "/run/data/f") == "same\n"
    finally:
        agreed.on(2, "umount", "/etc/haproxy/extra")
    assert push(agreed)[1]["result"] == "applied"


def test_a_file_in_the_place_of_the_receivers_directory_is_said_with_the_remedy(agreed: Stage) -> None:
    sh(agreed, 2, "mv /etc/haproxy /run/moved; echo >/etc/haproxy")
    agreed.edit(1, page("over a file"))
    agreed.lab.run(1, "csync", "push", "haproxy", check=False)
    status, report, said = push(agreed, "--force")
    assert (status, report["result"]) == (3, "refused")
    assert "/etc/haproxy: it is no directory on the receiving node" in said and "remove it there" in said
    agreed.on(2, "rm", "/etc/haproxy")
    assert push(agreed, "--force")[1]["result"] == "applied"
    agreed.serves(2, "over a file")
