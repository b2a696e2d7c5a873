"""The peer's key gets the peer API and nothing else, and another key gets nothing. Each way is tried; each attempt has a
positive control: the same ssh command, with root's key at the management sshd, where it works."""

import pytest
from lab_driver import Lab, eventually
from push_helpers import pair_nodes
from story import ADDRESSES, Stage

PEER = ADDRESSES[2]
LISTENER = "import socket; s=socket.create_server(('127.0.0.1',7777))\nwhile True: c=s.accept()[0]; c.sendall(b'reached'); c.close()"
UNIX = (
    "import socket,os; s=socket.socket(socket.AF_UNIX); s.bind('/run/other.sock'); os.chmod('/run/other.sock',0o777); s.listen()\n"
    "while True: c=s.accept()[0]; c.sendall(b'reached'); c.close()"
)
#: starts ssh with a forward, asks through it as soon as it is there, and prints what answers
THROUGH = """
import socket, subprocess, sys, time
where, say, ssh = sys.argv[1], sys.argv[2], sys.argv[3:]
forward = subprocess.Popen(ssh, stderr=subprocess.STDOUT, stdout=open("/tmp/ssh.said", "w"))
deadline = time.monotonic() + 60
while time.monotonic() < deadline and forward.poll() is None:
    asking = socket.socket(socket.AF_UNIX) if where[0] == "/" else socket.socket()
    asking.settimeout(20)
    try:
        asking.connect(where if where[0] == "/" else ("127.0.0.1", int(where)))
    except OSError:
        time.sleep(0.1)
        continue
    try:
        asking.sendall(say.encode())
        print(asking.recv(4096).decode())
    except OSError:
        pass
    break
forward.terminate()
forward.wait()
print(open("/tmp/ssh.said").read())
"""
GET = "POST /v1/nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(scope="module")
def stage(module_lab: Lab) -> Stage:
    """A pair, a management key for the controls, and two listeners on node 2 that nobody should reach."""
    made = Stage(module_lab, tell=lambda text: None)
    pair_nodes(made)
    made.on(
        1,
        "sh",
        "-ec",
        "mkdir -pm 700 /root/.ssh; ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519; ssh-keygen -q -t ed25519 -N '' -f /root/stranger",
    )
    public = made.lab.read(1, "/root/.ssh/id_ed25519.pub")
    made.on(2, "mkdir", "-p", "/run/sshd/authorized_keys")
    made.lab.write(2, "/run/sshd/authorized_keys/root", public)
    for script in (LISTENER, UNIX):
        made.on(2, "sh", "-c", 'setsid /usr/bin/python3 -c "$1" >/dev/null 2>&1 </dev/null &', "sh", script)
    return made


def login(who: str) -> list[str]:
    """The ssh command: as the peer's key, a stranger's (both at the gate), or root's (management: the control)."""
    options = (
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "BatchMode=yes",
        "ConnectTimeout=30",
        "IdentitiesOnly=yes",
    )
    identity = {
        "peer": ["-p", "30022", "-l", "csync", "-i", "/etc/csyncd/id_ed25519"],
        "peer as root": ["-p", "30022", "-l", "root", "-i", "/etc/csyncd/id_ed25519"],
        "stranger": ["-p", "30022", "-l", "csync", "-i", "/root/stranger"],
        "control": ["-l", "root", "-i", "/root/.ssh/id_ed25519"],
    }[who]
    return ["timeout", "60", "ssh", *(word for option in options for word in ("-o", option)), *identity]


def ssh(stage: Stage, who: str, *words: str) -> tuple[int, str]:
    """Run ssh on node 1; its exit status (124: it stayed connected until it was ended) and all that it said."""
    done = stage.lab.run(1, *login(who), *words, check=False)
    return done.status, done.stdout + done.stderr


def through(stage: Stage, who: str, forward: list[str], where: str) -> str:
    """What answers a request through a forward that ssh was asked for, and what ssh said."""
    stage.on(1, "rm", "-f", "/tmp/f.sock")
    return stage.lab.run(1, "/usr/bin/python3", "-c", THROUGH, where, GET, *login(who), "-N", *forward, PEER).stdout


def test_no_command_no_shell_no_terminal(stage: Stage) -> None:
    for words in ((PEER, "echo", "reached"), ("-tt", PEER, "echo reached"), ("-T", PEER)):
        status, said = ssh(stage, "peer", *words)
        assert status != 0 and "reached" not in said
    assert "reached" in ssh(stage, "control", PEER, "echo", "reached")[1]
    assert "reached" in ssh(stage, "control", "-tt", PEER, "echo reached")[1]


def test_no_sftp_no_scp(stage: Stage) -> None:
    for who, works in (("peer", False), ("control", True)):
        assert (ssh(stage, who, "-s", PEER, "sftp")[0] == 0) is works
        stage.lab.write(1, "/root/as", f'#!/bin/sh\nexec {" ".join(login(who))} "$@"\n')
        stage.on(1, "chmod", "755", "/root/as")
        for old in ("", "-O"):
            stage.lab.run(1, "sh", "-c", f"scp {old} -S /root/as /etc/hosts {PEER}:/tmp/copied{old}-{who}", check=False)
    assert stage.on(2, "sh", "-c", "ls /tmp | grep copied").split() == ["copied-O-control", "copied-control"]


@pytest.mark.all(but=["tcp", "the operator's socket"])
@pytest.mark.parametrize(
    ("forward", "where"),
    [
        (["-L", "7001:127.0.0.1:7777"], "7001"),
        (["-L", "/tmp/f.sock:127.0.0.1:7777"], "/tmp/f.sock"),
        (["-L", "/tmp/f.sock:/run/other.sock"], "/tmp/f.sock"),
        (["-L", "7001:/run/firmware/csyncd.sock"], "7001"),
    ],
    ids=["tcp", "socket to tcp", "another socket", "the operator's socket"],
)
def test_no_forward_but_the_one(stage: Stage, forward: list[str], where: str) -> None:
    assert "reached" not in through(stage, "peer", forward, where) and "HTTP/1.1" not in through(
        stage, "peer", forward, where
    )
    answer = through(stage, "control", forward, where)
    assert "reached" in answer or "HTTP/1.1" in answer


def test_the_one_forward_works_and_only_for_the_peers_own_key(stage: Stage) -> None:
    forward = ["-L", "/tmp/f.sock:/run/firmware/peer/node-1.sock"]
    assert "the peer API has no such verb" in through(stage, "peer", forward, "/tmp/f.sock")
    for who in ("stranger", "peer as root"):
        assert "HTTP" not in through(stage, who, forward, "/tmp/f.sock")
        assert "Permission denied" in ssh(stage, who, "-N", PEER)[1]


def test_another_peers_socket_is_not_for_this_key(stage: Stage) -> None:
    """A third node's key and socket exist at the same gate."""
    third = stage.lab.read(1, "/root/stranger.pub").split()
    before = stage.lab.read(2, "/etc/csyncd/csyncd_authorized")
    stage.lab.write(2, "/etc/csyncd/csyncd_authorized", f"{before}{third[0]} {third[1]} node-3\n")
    stage.on(2, "sh", "-c", "while ! test -S /run/firmware/peer/node-3.sock; do sleep 0.1; done")
    own, other = (["-L", f"/tmp/f.sock:/run/firmware/peer/node-{node}.sock"] for node in (1, 3))
    assert eventually(lambda: "no such verb" in through(stage, "stranger", other, "/tmp/f.sock")), (
        "csyncd knows the key"
    )
    assert "no such verb" in through(stage, "peer", own, "/tmp/f.sock")
    assert "HTTP" not in through(stage, "peer", other, "/tmp/f.sock")
    assert "HTTP" not in through(stage, "stranger", own, "/tmp/f.sock")
    stage.lab.write(2, "/etc/csyncd/csyncd_authorized", before)
    stage.on(2, "sh", "-c", "while test -S /run/firmware/peer/node-3.sock; do sleep 0.1; done")
    stage.shows(1, "green")
    assert eventually(lambda: "Permission denied" in ssh(stage, "stranger", "-W", "127.0.0.1:7777", PEER)[1])


def test_no_remote_forward(stage: Stage) -> None:
    for asked in ("7002:127.0.0.1:22", "/tmp/back.sock:127.0.0.1:22"):
        refused = ssh(stage, "peer", "-N", "-o", "ExitOnForwardFailure=yes", "-R", asked, PEER)
        assert refused[0] not in (0, 124) and "remote port forwarding failed" in refused[1]
        # with -f it leaves us alone as soon as the forward is there
        assert ssh(stage, "control", "-f", "-N", "-o", "ExitOnForwardFailure=yes", "-R", asked, PEER)[0] == 0
        stage.on(1, "pkill", "-f", f"^ssh .*-R {asked}")
        stage.on(2, "rm", "-f", "/tmp/back.sock")


def test_no_w_no_d(stage: Stage) -> None:
    assert "reached" not in ssh(stage, "peer", "-W", "127.0.0.1:7777", PEER)[1]
    assert "reached" in ssh(stage, "control", "-W", "127.0.0.1:7777", PEER)[1]


def test_no_agent_no_x11_no_tunnel(stage: Stage) -> None:
    for option in ("-A", "-X"):
        assert ssh(stage, "peer", option, PEER, "env")[0] != 0
    agent = 'eval "$(ssh-agent)" >/dev/null; "$@"; kill $SSH_AGENT_PID'
    assert "SSH_AUTH_SOCK" in stage.on(1, "sh", "-c", agent, "sh", *login("control"), "-A", PEER, "env")
    status, said = ssh(stage, "peer", "-v", "-N", "-o", "ExitOnForwardFailure=yes", "-w", "9:9", PEER)
    assert status not in (0, 124) and "ermission denied" not in said.replace("(publickey)", "")


def test_every_peer_session_is_that_account_without_rights(stage: Stage) -> None:
    stage.shows(1, "green")
    users = set(
        stage.on(
            2,
            "sh",
            "-c",
            "ps -eo user:20,args | grep -E '[s]shd(-session)?: csync' | grep -vE 'priv|postauth' | cut -d' ' -f1",
        ).split()
    )
    assert users == {"csync"}
    account = stage.on(2, "sh", "-c", "id csync; grep ^csync: /etc/passwd").strip()
    assert "groups=" in account and account.count(",") == 0
    assert account.endswith(":/bin/false")
