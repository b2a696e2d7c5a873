"""A pair that has no address of IPv4 on its link: keys, sync and pushes go over IPv6, and over addresses of one link, too."""

import pytest
from lab_driver import Lab, eventually
from story import Stage, page


@pytest.fixture(scope="module")
def stage(module_lab: Lab) -> Stage:
    made = Stage(module_lab, tell=lambda text: None)
    for node in (1, 2):
        made.on(node, "ip", "-4", "address", "flush", "dev", "eth0")
        made.on(node, "ip", "address", "add", f"fd00:32::{node}/64", "dev", "eth0", "nodad")
        made.edit(node, page("of ipv6"))
        made.on(node, "config", "set", "csyncd", "autostart", "on")
    return made


def link_local(stage: Stage, node: int) -> str:
    """The address that eth0 gave itself."""
    words = stage.on(node, "ip", "-6", "-o", "address", "show", "dev", "eth0", "scope", "link").split()
    return words[words.index("inet6") + 1].partition("/")[0] + "%eth0"


def pair(stage: Stage, addresses: dict[int, str]) -> None:
    """Give both nodes these addresses and new keys, which each fetches from the other."""
    for node, other in ((1, 2), (2, 1)):
        stage.on(node, "service", "csyncd", "stop")
        text = f"LOCAL_IP={addresses[node]}\nREMOTE_IP={addresses[other]}\nLOCAL_NODE={node}\nREMOTE_NODE={other}\n"
        stage.lab.write(node, "/etc/csyncd/csyncd.cfg", text)
        stage.on(node, "csync", "genkey")
    for node, other in ((1, 2), (2, 1)):
        stage.on(node, "csync", "getkey", "--code", stage.json(other, "csync", "keys")["code"])
        stage.on(node, "service", "csyncd", "start")


def works(stage: Stage) -> None:
    """The pair is connected, has nothing to complain of, and a push goes through."""
    connected = lambda node: stage.json(node, "csync", "status")["state"] != "red"  # noqa: E731
    assert eventually(lambda: connected(1) and connected(2)), stage.on(1, "csync", "status")
    for node in (1, 2):
        stage.on(node, "csync", "check")
    assert stage.json(1, "csync", "push", "haproxy")["result"] in ("applied", "unchanged")


@pytest.mark.all
def test_a_pair_of_ipv6_alone(stage: Stage) -> None:
    pair(stage, {1: "fd00:32::1", 2: "fd00:32::2"})
    works(stage)
    assert "https://[fd00:32::2]:4444/csyncd/keys" in stage.on(1, "csync", "check")
    stage.on(2, "service", "wui", "stop")
    said = stage.on(1, "csync", "getkey", expect=1)
    assert "https://[fd00:32::2]:4444/csyncd/keys: Connection refused" in said
    stage.on(2, "service", "wui", "start")


@pytest.mark.all
def test_a_pair_of_addresses_of_one_link(stage: Stage) -> None:
    addresses = {node: link_local(stage, node) for node in (1, 2)}
    pair(stage, addresses)
    works(stage)
    bare = addresses[2].partition("%")[0]
    assert f"https://[{bare}%25eth0]:4444/csyncd/keys" in stage.on(1, "csync", "check")
    listening = stage.on(1, "curl", "-skf", f"https://[{bare}%25eth0]:4444/csyncd/keys")
    assert stage.json(2, "csync", "keys")["code"] in listening, "what it says can be opened"


def test_the_web_ui_listens_where_its_block_says_also_on_one_link(stage: Stage) -> None:
    address = link_local(stage, 2)
    stage.on(2, "config", "set", "wui", "listen", address)
    stage.on(2, "service", "wui", "apply")
    listening = stage.on(2, "ss", "-Hltn", "sport = 4444").split()
    assert len(listening) == 5 and listening[3] == f"[{address.partition('%')[0]}]%eth0:4444", listening
