"""What a client writes into a log is obeyed nowhere: processes, sockets and credentials decide."""

import time
from collections.abc import Iterator
from functools import partial

import pytest
from lab_driver import Lab, eventually
from push_helpers import pair_nodes
from service_helpers import PYTHON
from story import ADDRESSES, Stage, page

CSYNCD_LOG, HAPROXY_LOG = "/run/firmware/log/csyncd/current", "/run/firmware/log/haproxy/current"
#: has an sshd write lines of its own choice into its log: a disconnect before the keys are exchanged, so without any key
FORGE = """
import socket, struct, sys
address, *lines = sys.argv[1:]
said = "\\n".join(["bye", *lines, ""]).encode()
payload = b"\\x01" + struct.pack(">II", 11, len(said)) + said + struct.pack(">I", 0)
padding = 8 - (len(payload) + 5) % 8 + 8
with socket.create_connection((address, 30022), 5) as client:
    client.sendall(b"SSH-2.0-neighbour\\r\\n")
    client.recv(4096)
    client.sendall(struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding))
    client.settimeout(5)
    while client.recv(4096):
        pass
"""
#: sessions with the peer's own key that never say a word
SILENT = "for i in 1 2 3 4 5 6 7 8; do ssh -N -F /run/firmware/csyncd/silent_config node-2 & done; wait"

#: answers at node 2's addresses of csyncd and web UI, without any key, with words of its own choice
IMPOSTOR = """
import http.server, socket, socketserver, ssl, struct, threading, sys
said = ("bye\\nLoad key \\"x\\": call 0800 12345\\nSHA256:0800").encode()
payload = b"\\x01" + struct.pack(">II", 11, len(said)) + said + struct.pack(">I", 0)
padding = 8 - (len(payload) + 5) % 8 + 8

class Gate(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"SSH-2.0-impostor\\r\\n" + struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding))
        while self.request.recv(4096):
            pass

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{"error": "call 0800 12345", "hint": "call 0800 12345", "problem": "0800"}'
        self.send_response(int(sys.argv[1]), "0800")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

socketserver.ThreadingTCPServer.allow_reuse_address = True
gate = socketserver.ThreadingTCPServer(("10.32.0.12", 30022), Gate)
web = http.server.ThreadingHTTPServer(("10.32.0.12", 4444), Page)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/etc/wui/tls.pem")
web.socket = context.wrap_socket(web.socket, server_side=True)
threading.Thread(target=gate.serve_forever, daemon=True).start()
print("answering", flush=True)
web.serve_forever()
"""


@pytest.fixture(scope="module")
def stage(module_lab: Lab) -> Stage:
    made = Stage(module_lab, tell=lambda text: None)
    pair_nodes(made)
    made.shows(1, "green")
    return made


def forge(stage: Stage, *lines: str) -> None:
    """Write these lines into the log of node 2's csyncd, as a neighbour without a key; they stand there as sshd's own."""
    stage.on(1, PYTHON, "-c", FORGE, ADDRESSES[2], *lines)
    for line in lines:
        assert eventually(partial(is_logged, stage, f"  sshd: {line}")), line


def is_logged(stage: Stage, end: str) -> bool:
    """Whether a line in the log of node 2's csyncd ends so."""
    return any(line.endswith(end) for line in stage.lab.read(2, CSYNCD_LOG).splitlines())


def sessions(stage: Stage) -> list[str]:
    """The pids of the sessions of peers on node 2."""
    return stage.lab.run(2, "pgrep", "-u", "csync", check=False).stdout.split()


def test_forged_bind_trouble_turns_no_status_red(stage: Stage) -> None:
    forge(stage, "Bind to port 30022 on 10.32.0.12 failed: call 0800 12345.", "Server listening on 10.32.0.12 port 1.")
    forge(stage, "Bind to port 30022 on 10.32.0.12 failed: call 0800 12345.")
    for node in (1, 2):
        assert "0800" not in stage.on(node, "csync", "status")
        stage.shows(node, "green")


def test_forged_logins_end_no_session(stage: Stage) -> None:
    before = sessions(stage)
    key = stage.lab.run(1, "ssh-keygen", "-lf", "/etc/csyncd/id_ed25519.pub").stdout.split()[1]
    for port in range(1, 9):
        forge(stage, f"Accepted publickey for csync from 10.32.0.11 port {port} ssh2: ED25519 {key}")
    time.sleep(1.5)  # once sessions have been looked after
    assert sessions(stage) == before != []
    stage.edit(1, page("still here"))
    assert stage.json(1, "csync", "push", "haproxy", "--force")["result"] == "applied"


def logins(stage: Stage) -> int:
    """How often a peer has logged in to node 2, by the log of its csyncd."""
    return stage.on(2, "sh", "-c", "cat /run/firmware/log/csyncd/*").count("  sshd: Accepted publickey for csync from ")


@pytest.fixture
def silent(stage: Stage) -> Iterator[int]:
    """Eight sessions with node 1's key besides its link; how often it had logged in before."""
    config = stage.lab.read(1, "/run/firmware/csyncd/ssh_config").splitlines()
    kept = "\n".join(line for line in config if "Forward" not in line)
    stage.lab.write(1, "/run/firmware/csyncd/silent_config", f"{kept}\n")
    before = logins(stage)
    running = stage.lab.start(1, "sh", "-c", SILENT)
    yield before
    stage.lab.run(1, "pkill", "-f", "silent_config", check=False)
    running.kill()
    running.wait()


def test_real_logins_beyond_a_few_end_the_oldest_of_their_kind(stage: Stage, silent: int) -> None:
    """The control: sessions are counted, and those that never spoke do not push out the one that did."""
    before = sessions(stage)
    assert eventually(lambda: logins(stage) >= silent + 8)
    assert eventually(lambda: len(sessions(stage)) == len(before) + 4), sessions(stage)
    assert set(before) <= set(sessions(stage))
    assert stage.json(1, "csync", "push", "haproxy")["result"] == "unchanged"


#: writes into its log, all the time, what the supervisor's script writes there when a daemon has ended
LUA = """
core.register_task(function()
    while true do
        io.stderr:write("-- ended: exit status 0\\n")
        io.stderr:flush()
        core.msleep(5)
    end
end)
"""


def test_a_forged_end_in_the_log_of_haproxy_vetoes_no_push(stage: Stage) -> None:
    stage.lab.write(1, "/etc/haproxy/ended.lua", LUA)
    with_lua = page("forged").replace("global\n", "global\n    lua-load /etc/haproxy/ended.lua\n", 1)
    stage.edit(1, with_lua)
    assert stage.json(1, "csync", "push", "haproxy")["result"] == "applied"
    assert eventually(lambda: "-- ended: exit status 0" in stage.lab.read(2, HAPROXY_LOG))
    stage.edit(1, with_lua.replace("forged", "forged again"))
    assert stage.json(1, "csync", "push", "haproxy")["result"] == "applied"
    stage.serves(2, "forged again")
    stage.edit(1, page("clean"))
    assert stage.json(1, "csync", "push", "haproxy")["result"] == "applied"


@pytest.fixture
def impostor(stage: Stage, request: pytest.FixtureRequest) -> Iterator[None]:
    """Somebody else at node 2's addresses, whose page has this status."""
    for service in ("csyncd", "wui"):
        stage.on(2, "service", service, "stop")
    running = stage.lab.start(2, PYTHON, "-c", IMPOSTOR, str(request.param))
    assert running.stdout and running.stdout.readline() == b"answering\n", running.stderr and running.stderr.read()
    yield
    running.kill()
    running.communicate()
    for service in ("csyncd", "wui"):
        stage.on(2, "service", service, "start")


@pytest.mark.parametrize("impostor", [404, 503], indirect=True)
def test_who_answers_without_a_key_chooses_neither_words_nor_remedy(stage: Stage, impostor: None) -> None:
    assert eventually(lambda: "disconnect from" in stage.on(1, "csync", "status")), stage.on(1, "csync", "status")
    getkey = stage.lab.run(1, "csync", "getkey", check=False)
    assert getkey.status == 1 and "hint: on the peer: " in getkey.stderr
    said = stage.on(1, "csync", "status") + stage.lab.run(1, "csync", "check", check=False).stdout + getkey.stderr
    assert "node 2 ended the connection before it let us in" in said
    assert "0800" not in said and "config restore" not in said, said


#: a line in sshd's name, with all that a terminal obeys, from the account of haproxy
LINE = """
import os, socket
os.setgid(401), os.setuid(401)
said = b"<38>Nov 28 01:00:00 sshd[1]: Accepted publickey for root \\x1b[2J \\x7f \\xc2\\x9b31m \\x9b2J \\r over"
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(said, "/dev/log")
"""


def test_a_line_in_another_programs_name_is_shown_printable_and_is_not_where_that_programs_own_words_are(
    lab: Lab,
) -> None:
    lab.run(1, PYTHON, "-c", LINE)
    assert eventually(lambda: "Accepted publickey for root" in lab.run(1, "logread").stdout)
    shown = lab.run(1, "sh", "-c", "logread | tail -n 5 | od -An -v -t u1").stdout.split()
    assert all(byte == "10" or 32 <= int(byte) < 127 for byte in shown)
    assert "Accepted publickey" not in lab.read(1, "/run/firmware/log/sshd/current")
