"""What passes haproxy's check starts: it has been started, alone, in a network where nothing of the node's is taken."""

from collections.abc import Iterator

import pytest
from lab_driver import Lab, eventually
from service_helpers import PYTHON, answer, page, run_service, service_row

CONFIG = "/etc/haproxy/haproxy.cfg"
#: Lua that has a port bound before anything else
BINDS = """
local bind = "import os, socket, time; held = socket.create_server(('', 30022)); os.fork() or time.sleep(60)"
os.execute('python3 -c "' .. bind .. '"')
"""
#: answers every question for a name at 127.0.0.1 with that address
NAME_SERVER = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.bind(("127.0.0.1", 53))
    print("answers", flush=True)
    while True:
        asked, who = server.recvfrom(512)
        end = asked.index(b"\\0", 12) + 5
        found = asked[end - 4 : end - 2] == b"\\0\\1"
        head = asked[:2] + bytes.fromhex("818000010001" if found else "818000010000") + bytes(4)
        server.sendto(head + asked[12:end] + bytes.fromhex("c00c000100010000003c00047f000001") * found, who)
"""
#: opens a connection and says no more
CLIENT = """
import socket
with socket.create_connection(("127.0.0.1", 80)) as one:
    one.sendall(b"GET / HTTP/1.1\\r\\n")
    print("connected", flush=True)
    input()
"""
BELOW_RUN = "; what haproxy makes lies below /run/haproxy"


@pytest.fixture
def lab(module_lab: Lab) -> Iterator[Lab]:
    """A node on which haproxy runs, and answers "before"; afterwards that is so again."""
    module_lab.run(1, "sh", "-c", "rm -rf /etc/haproxy/*; ip netns delete blue; ip link delete lost; true")
    module_lab.write(1, CONFIG, page("before"))
    run_service(module_lab, "haproxy", "start")
    run_service(module_lab, "haproxy", "apply")
    yield module_lab


def with_line(line: str, *, first: str = "") -> str:
    """The page with a line as its 12th, and one at the end of its global section as its third."""
    return page("after", more=f"    {first}") + f"    {line}\n" if first else page("after") + f"    {line}\n"


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        (with_line("bind :8404 interface eth9"), 12, "cannot bind receiver to device 'eth9' (No such device)"),
        (with_line("bind :8404 namespace red"), 12, "error encountered while processing 'namespace'"),
        (with_line("bind :8404 namespace blue"), 12, "cannot create receiving socket (Operation not permitted)"),
        (with_line("bind /nowhere/at.sock"), 12, f"[/nowhere/at.sock]{BELOW_RUN}"),
        (with_line("", first="stats socket /run/haproxy-admin.sock"), 3, f"[/run/haproxy-admin.sock]{BELOW_RUN}"),
        (with_line("", first="maxconn 4000000"), 3, "maxconn 4000000 needs 8000039"),
        (page("after") + "program x\n    command /nowhere/x\n", 13, "Cannot execute /nowhere/x: No such file"),
        (with_line('bind ":${P}"', first="setenv P 4444"), 12, "port 4444 of this node belongs to service wui"),
        (with_line("", first="lua-load /etc/haproxy/binds.lua"), 1, "port 30022 of this node belongs to service csyncd"),
        ("", 1, "it listens nowhere"),
        ("global\n    stats socket /run/haproxy/admin.sock\n", 1, "it listens nowhere"),
        (page("after").replace("bind :80", "bind :80\n    disabled"), 1, "it listens nowhere"),
    ],
)  # fmt: skip
def test_what_would_not_start_as_it_says_is_refused_with_its_line(lab: Lab, text: str, place: int, words: str) -> None:
    lab.run(1, "sh", "-c", "ip netns add blue")
    lab.write(1, "/etc/haproxy/binds.lua", BINDS)
    lab.write(1, CONFIG, text)
    error = run_service(lab, "haproxy", "check", status=4).stderr
    assert error.startswith(f"{CONFIG}:{place}: ") and words in error.splitlines()[0], error
    assert answer(lab) == "before"


def test_what_does_start_passes(lab: Lab) -> None:
    """Addresses that the node does not hold, an interface on which nobody has the port, sockets where others have them."""
    lines = """
    bind 203.0.113.9:8404
    bind :9090 interface eth0
    bind /var/lib/haproxy/site.sock
    bind /var/run/haproxy/site.sock2
"""
    holds = "import socket; held = socket.socket(); held.setsockopt(1, 25, b'lo'); held.bind(('', 9090)); held.listen(); print('held', flush=True); input()"
    holder = lab.start(1, PYTHON, "-c", holds)
    assert holder.stdout and holder.stdout.readline() == b"held\n"
    try:
        text = page(
            "after", more="    user haproxy\n    pidfile /var/run/haproxy.pid\n    stats socket /var/lib/haproxy/stats"
        )
        lab.write(1, CONFIG, text + lines)
        told = run_service(lab, "haproxy", "check").stderr
        assert told == f"{CONFIG}:4: warning: 'pidfile': here it is /run/haproxy/haproxy.pid\n"
        run_service(lab, "haproxy", "apply")
        assert answer(lab) == "after"
        assert lab.run(1, "curl", "-s", "--unix-socket", "/var/lib/haproxy/site.sock", "http://x/").stdout == "after"
        lab.run(1, "test", "-S", "/var/lib/haproxy/stats")
    finally:
        holder.kill()


def test_names_are_asked_of_the_nodes_own_name_servers(lab: Lab) -> None:
    """Those of servers, and those that haproxy has to know before it starts."""
    server = lab.start(1, PYTHON, "-c", NAME_SERVER)
    assert server.stdout and server.stdout.readline() == b"answers\n"
    lab.run(1, "sh", "-c", "cp -a /etc/resolv.conf /tmp/was; echo nameserver 127.0.0.1 >/etc/resolv.conf")
    more = "backend b\n    server s www.example.net:80\n"
    try:
        lab.write(1, CONFIG, page("named") + more)
        run_service(lab, "haproxy", "check")
        lab.write(1, CONFIG, page("named").replace("log /dev/log", "log loghost.example.net:514") + more)
        run_service(lab, "haproxy", "apply")
        assert answer(lab) == "named"
        lab.write(1, CONFIG, page("named").replace("log /dev/log", "log loghost.example.net:514") + "    bind /no/x\n")
        error = run_service(lab, "haproxy", "check", status=4).stderr
        assert error.startswith(f"{CONFIG}:12: ") and "/no/x" in error
    finally:
        lab.run(1, "sh", "-c", "rm /etc/resolv.conf; mv /tmp/was /etc/resolv.conf; true")
        server.kill()
    lab.write(1, CONFIG, page("named") + more)
    error = run_service(lab, "haproxy", "check", status=4).stderr
    assert error.startswith(f"{CONFIG}:13: ") and "could not resolve address 'www.example.net'" in error


def test_a_directory_of_files_is_looked_through_as_one_file_is(lab: Lab) -> None:
    lab.run(1, "mkdir", "/etc/haproxy/conf.d")
    lab.write(1, "/etc/haproxy/conf.d/1.cfg", page("parts"))
    lab.write(1, "/etc/haproxy/conf.d/2.cfg", "frontend more\n    'bind' :4444\n")
    lab.run(1, "config", "add", "haproxy", "config", "/etc/haproxy/conf.d")
    try:
        error = run_service(lab, "haproxy", "apply", status=4).stderr
        assert error.startswith("/etc/haproxy/conf.d/2.cfg:2: port 4444 of this node belongs to service wui")
        lab.write(1, "/etc/haproxy/conf.d/2.cfg", "frontend more\n    'bind' :8444\n")
        run_service(lab, "haproxy", "apply")
        assert answer(lab) == "parts"
    finally:
        lab.run(1, "config", "del", "haproxy", "config")


def test_what_the_checker_warns_of_is_told(lab: Lab) -> None:
    lab.write(1, CONFIG, page("warned") + "peers others\n    peer x 127.0.0.1:1024\nbackend b\n    timeout connect 0\n")
    for verb in ("check", "apply", "reload"):
        told = run_service(lab, "haproxy", verb).stderr
        assert f"{CONFIG}:12: warning: Removing incomplete section 'peers others'" in told, (verb, told)
    assert not service_row(lab, "haproxy")["needs_apply"] and answer(lab) == "warned"


def test_old_workers_are_shown_and_do_not_heap_up(lab: Lab) -> None:
    """Each has an open connection that would keep it for as long as it likes."""
    lab.run(1, "config", "add", "haproxy", "old_workers", "2")
    clients = []
    try:
        run_service(lab, "haproxy", "apply")
        assert "old workers: none" in run_service(lab, "haproxy", "status").stdout
        for number in range(4):
            lab.write(1, CONFIG, page(f"number {number}").replace("client 5s", "client 500s"))
            run_service(lab, "haproxy", "reload")
            clients.append(lab.start(1, PYTHON, "-c", CLIENT))
            stdout = clients[-1].stdout
            assert stdout and stdout.readline() == b"connected\n"
        run_service(lab, "haproxy", "reload")
        # Those that are too many have been told to end.
        assert eventually(lambda: "old workers: 2 (pid " in run_service(lab, "haproxy", "status").stdout)
        lab.write(1, CONFIG, page("own").replace("global", "global\n    mworker-max-reloads 1", 1))
        run_service(lab, "haproxy", "reload")
        assert eventually(lambda: "old workers: none" in run_service(lab, "haproxy", "status").stdout)
    finally:
        for client in clients:
            client.kill()
        lab.run(1, "config", "del", "haproxy", "old_workers")
