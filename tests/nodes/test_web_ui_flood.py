"""Whoever can reach the web UI without any login keeps nobody else out, and takes neither its memory nor its descriptors."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from lab_driver import Lab, eventually
from push_helpers import pair_nodes
from service_helpers import PYTHON, service_pid
from story import Stage

#: a neighbour's address; it stands on node 1, for a lab has two nodes
NEIGHBOUR = "10.32.0.99"
#: connects so many times to node 2's web UI, with or without a handshake, and lets go of none
HOLD = """
import socket, ssl, sys, time
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
source, count, tls = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "tls"
held = []
while len(held) < count:
    one = socket.create_connection(("10.32.0.12", 4444), 10, (source, 0))
    held.append(context.wrap_socket(one) if tls else one)
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def stage(module_lab: Lab) -> Stage:
    made = Stage(module_lab, tell=lambda text: None)
    pair_nodes(made)
    made.on(1, "ip", "address", "add", f"{NEIGHBOUR}/24", "dev", "eth0")
    return made


@contextmanager
def held(stage: Stage, count: int, sort: str, source: str = NEIGHBOUR) -> Iterator[None]:
    """So many connections to node 2's web UI, for as long as this lasts."""
    holder = stage.lab.start(1, PYTHON, "-c", HOLD, source, str(count), sort)
    try:
        assert holder.stdout and holder.stdout.readline() == b"held\n", holder.stderr and holder.stderr.read()
        yield
    finally:
        holder.kill()
        holder.communicate()


def memory(stage: Stage) -> int:
    """What node 2's web UI has in RAM, in KiB."""
    status = stage.lab.read(2, f"/proc/{service_pid(stage.lab, 'wui', 2)}/status")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")))


def descriptors(stage: Stage) -> int:
    return len(stage.on(2, "ls", f"/proc/{service_pid(stage.lab, 'wui', 2)}/fd").split())


def getkey(stage: Stage) -> None:
    """Fetch node 2's keys on node 1, sooner than a silent connection ends."""
    code = stage.json(2, "csync", "keys")["code"]
    stage.lab.run(1, "csync", "getkey", "--code", code, timeout=40)


def test_1300_silent_connections_eat_no_memory_and_keep_nobody_out(stage: Stage) -> None:
    getkey(stage)
    pid, taken = service_pid(stage.lab, "wui", 2), [memory(stage)]
    for sort in ("silent", "silent", "tls"):
        with held(stage, 1300, sort):
            getkey(stage)
            assert eventually(lambda: descriptors(stage) < 100)
            taken.append(memory(stage))
    assert taken[1] < taken[0] + 16384, taken
    assert max(taken) < taken[1] + 2048, f"more of them take no more: {taken}"
    assert service_pid(stage.lab, "wui", 2) == pid


def test_64_idle_connections_of_tls_keep_another_address_not_out(stage: Stage) -> None:
    with held(stage, 64, "tls"):
        for _ in range(3):
            getkey(stage)


def test_nor_do_all_the_addresses_of_a_neighbour(stage: Stage) -> None:
    """Each of them holds few connections: no address has more than another."""
    more = [f"10.32.0.{number}" for number in range(100, 116)]
    for address in more:
        stage.on(1, "ip", "address", "add", f"{address}/24", "dev", "eth0")
    many = HOLD.replace("source, count", "sources, count").replace(
        "(source, 0)", "(sources.split()[len(held) % 16], 0)"
    )
    holder = stage.lab.start(1, PYTHON, "-c", many, " ".join(more), "160", "tls")
    assert holder.stdout and holder.stdout.readline() == b"held\n"
    getkey(stage)
    holder.kill()
    holder.communicate()


def test_the_process_has_ceilings(stage: Stage) -> None:
    limits = stage.lab.read(2, f"/proc/{service_pid(stage.lab, 'wui', 2)}/limits")
    rows = {line[:25].strip(): line[25:].split()[:2] for line in limits.splitlines()}
    assert rows["Max open files"] == ["512", "512"]
    assert rows["Max data size"] == [str(128 << 20)] * 2


def test_what_was_held_is_free_again(stage: Stage) -> None:
    """A connection that is silent has a minute; one that ends is gone at once."""
    with held(stage, 16, "tls"):
        assert eventually(lambda: descriptors(stage) > 16)
    assert eventually(lambda: descriptors(stage) < 16)
