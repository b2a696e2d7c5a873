"""Two nodes with one number, and two machines with one key: whoever is asked says so, and what to do."""

import story
from lab_driver import Lab, eventually
from push_helpers import pair_nodes
from story import ADDRESSES, CONFIG, Stage, page

CFG = "/etc/csyncd/csyncd.cfg"


def test_two_nodes_of_one_number_both_say_so(stage: Stage) -> None:
    stage.on(
        2,
        "sh",
        "-ec",
        f"sed -i 's/^LOCAL_NODE=.*/LOCAL_NODE=1/; s/^REMOTE_NODE=.*/REMOTE_NODE=2/' {CFG}; service csyncd restart",
    )
    try:
        stage.shows(1, "red", "both nodes call themselves node 1: LOCAL_NODE has to differ")
        wanted = f"another node calls itself node 1, as this one does: it is at LOCAL_IP {ADDRESSES[1]}"
        assert "LOCAL_NODE of one of the two nodes" in stage.shows(2, "red", wanted)["remedy"]
    finally:
        stage.lab.write(2, CFG, story.settings(2))
        stage.on(2, "service", "csyncd", "restart")
    assert eventually(lambda: stage.json(1, "csync", "status")["state"] != "red")
    assert eventually(lambda: stage.json(2, "csync", "status")["state"] != "red")


def test_a_copy_of_a_node_with_its_key_is_told_and_disturbs_no_push(fresh_lab: Lab) -> None:
    """Node 3 is a copy of node 2 at another address."""
    fresh_lab.up(3)
    stage = Stage(fresh_lab, tell=lambda text: None)
    pair_nodes(stage)
    stage.edit(1, page("before the copy"))
    stage.on(1, "csync", "push", "haproxy")
    for name in stage.on(2, "ls", "/etc/csyncd").split():
        fresh_lab.write(3, f"/etc/csyncd/{name}", fresh_lab.read(2, f"/etc/csyncd/{name}"))
    stage.on(
        3,
        "sh",
        "-ec",
        f"sed -i 's/^LOCAL_IP=.*/LOCAL_IP=10.32.0.13/' {CFG}; chmod 600 /etc/csyncd/*key /etc/csyncd/id_ed25519",
    )
    stage.on(3, "service", "csyncd", "start")
    wanted = f"two machines use the key of node-2: the peer at {ADDRESSES[2]}, and another one at LOCAL_IP 10.32.0.13"
    report = stage.shows(1, "red", wanted)
    assert "csync genkey" in report["remedy"]
    assert wanted in stage.on(1, "csync", "check", expect=1)
    assert stage.json(3, "csync", "status")["state"] == "red"
    stage.edit(3, page("of the copy"))
    stage.on(3, "csync", "push", "haproxy", "--force", expect=3)
    assert "before the copy" in fresh_lab.read(1, CONFIG)
    stage.edit(1, page("with the copy there"))
    stage.on(1, "csync", "push", "haproxy")
    stage.edit(2, page("and back"))
    stage.on(2, "csync", "push", "haproxy")
    stage.serves(1, "and back")
    stage.on(3, "service", "csyncd", "stop")
    assert eventually(lambda: stage.json(1, "csync", "status")["state"] != "red")
