"""What the tests of services share: questions to a node, and small programs that run on one."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lab_driver import PATIENCE, Lab, Result, eventually

PYTHON = "/usr/bin/python3"

#: a file of ipvsd that is right
LAYER4 = """\
virtual_server 10.32.0.11 8081 {
    delay_loop 1
    lb_algo wrr
    lb_kind NAT
    protocol TCP
    real_server 10.32.0.12 80 {
        weight 1
        TCP_CHECK {
            connect_timeout 1
        }
    }
}
"""

#: keeps a TCP port of the node from everybody else; says so, and holds it until it is killed
HOLD = """
import socket, sys, time
held = socket.create_server(("0.0.0.0", int(sys.argv[1])))
print("held", flush=True)
time.sleep(600)
"""

#: connects to port 80 again and again, from two processes, until a file appears; prints how many answers and errors it saw
CLIENT = """
import collections, os, socket, sys, threading
seen = collections.Counter()
def ask():
    while not os.path.exists(sys.argv[1]):
        try:
            with socket.create_connection(("127.0.0.1", 80), 30) as one:
                one.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
                answer = b"".join(iter(lambda: one.recv(65536), b""))
            seen[answer.split(b" ")[1].decode() if answer else "no answer"] += 1
        except Exception as error:
            seen[type(error).__name__] += 1
threads = [threading.Thread(target=ask) for _ in range(4)]
[one.start() for one in threads]
print("asking", flush=True)
[one.join() for one in threads]
print(dict(seen))
"""


def run_service(lab: Lab, *words: str, node: int = 1, status: int = 0) -> Result:
    """Run `service …` and see that its exit status is what it should be."""
    done = lab.run(node, "service", *words, check=False)
    assert done.status == status, f"service {words}: {done.status}\n{done.stdout}{done.stderr}"
    return done


def service_row(lab: Lab, title: str, node: int = 1) -> dict[str, Any]:
    """What `service list --json` says about one service."""
    rows = json.loads(run_service(lab, "list", "--json", node=node).stdout)
    (found,) = [one for one in rows if f"{one['name']}.{one['instance']}".rstrip(".") == title]
    return dict(found)


def service_pid(lab: Lab, title: str, node: int = 1) -> int:
    """The pid of a service that runs."""
    found = service_row(lab, title, node)
    assert found["state"] == "running" and found["pid"] > 0, found
    return int(found["pid"])


def is_started_again(lab: Lab, title: str, after: int, node: int = 1, seconds: float = PATIENCE) -> bool:
    """Whether another process than `after` runs for the service within that time."""
    return eventually(lambda: service_row(lab, title, node)["pid"] not in (None, after), seconds)


@contextmanager
def held_down(lab: Lab, title: str, node: int = 1) -> Iterator[None]:
    """Whatever dies of the service's daemon meanwhile is not there again before this ends: its run script waits."""
    script, go = f"/run/firmware/scan/{title}/run", f"/run/go-{title}"
    waiting = f"#!/bin/sh\nuntil [ -e {go} ]; do sleep 0.05; done\nexec {script}.real\n"
    put = 'rm -f "$1"; cp -p "$0" "$0.real"; cat >"$0.new"; chmod 700 "$0.new"; mv "$0.new" "$0"'
    lab.run(node, "sh", "-ec", put, script, go, stdin=waiting)
    try:
        yield
    finally:
        # What waits already goes on by its own copy.
        lab.run(node, "sh", "-ec", 'cp -p "$0.real" "$0.new"; mv "$0.new" "$0"; touch "$1"', script, go)


def append(lab: Lab, path: str, text: str, node: int = 1) -> None:
    """Add text to the end of a file on a node."""
    lab.run(node, "sh", "-c", 'cat >>"$0"', path, stdin=text)


def answer(lab: Lab, node: int = 1, port: int = 80) -> str:
    """What haproxy answers on the node itself."""
    return lab.run(node, "curl", "-s", "-m", "5", f"http://127.0.0.1:{port}/", check=False).stdout


def page(text: str, port: int = 80, more: str = "") -> str:
    """An haproxy.cfg that answers with this text."""
    return f"""\
global
    log /dev/log local0
{more}
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend www
    bind :{port}
    http-request return status 200 content-type text/plain string "{text}"
"""
