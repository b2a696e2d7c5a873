"""What a peer pushes takes no port by which the node is administered or reached by its peer, not even at a boot."""

import hostile_node
import pytest
import story
from lab_driver import Lab, eventually
from push_helpers import pair_nodes
from story import Stage, page

#: takes ports whenever they are free, as an account without any right; where haproxy is only tried, it does not show that
TAKER = """\
import socket, time
while open("/proc/1/comm").read() == "sh\\n":
    time.sleep(0.02)
held = []
wanted = [4444, 30022, 4445]
while True:
    for port in list(wanted):
        taker = socket.socket()
        taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taker.bind(("", port))
            taker.listen()
        except OSError:
            continue
        held.append(taker)
        wanted.remove(port)
    time.sleep(0.02)
"""
PROGRAM = "program taker\n    command /usr/bin/python3 /etc/haproxy/taker.py\n"


@pytest.fixture(scope="module")
def stage(module_lab: Lab) -> Stage:
    made = Stage(module_lab, tell=lambda text: None)
    pair_nodes(made)
    made.on(2, "service", "haproxy", "stop")
    return made


def test_a_configuration_that_names_them_is_refused_with_its_line(stage: Stage) -> None:
    for bind, owner in ((":4444", "wui"), ("10.32.0.12:30022", "csyncd"), (":22", "sshd")):
        text = page("taken").replace("    bind :8080\n", f"    bind :8080\n    bind {bind}\n")
        answer = hostile_node.send_proposal(stage.lab, {"haproxy.cfg": text})
        port = bind.rpartition(":")[2]
        says = f"/etc/haproxy/haproxy.cfg:14: port {port} of this node belongs to service {owner}: bind another one"
        assert answer["result"] == "failed" and answer["check"]["output"].startswith(says), answer
        stage.lab.write(1, story.CONFIG, text.replace("10.32.0.12", "10.32.0.11"))
        assert says in stage.on(1, "service", "haproxy", "check", expect=4)
    control = page("free").replace("    bind :8080\n", "    bind :8080\n    bind :4445\n    bind 10.32.0.11:30022\n")
    assert hostile_node.send_proposal(stage.lab, {"haproxy.cfg": control})["result"] == "applied"


def test_programs_in_it_find_them_taken_at_a_boot(stage: Stage) -> None:
    files = {"haproxy.cfg": page("taker") + PROGRAM, "taker.py": TAKER}
    assert hostile_node.send_proposal(stage.lab, files)["result"] == "applied"
    stage.on(2, "config", "save")
    stage.lab.reboot(2)
    stage.serves(2, "taker")
    assert eventually(lambda: "python3" in stage.on(2, "ss", "-Hltnp", "sport = :4445")), "it takes what is free"
    listening = stage.on(2, "ss", "-Hltnp")
    rows = {line.split()[3].rpartition(":")[2]: line for line in listening.splitlines()}
    assert "taker" not in rows["4444"] + rows["30022"] and "sshd" in rows["30022"], listening
    stage.on(1, "curl", "-skf", "https://10.32.0.12:4444/csyncd/keys")
    stage.shows(1, "green")
