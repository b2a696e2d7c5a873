"""Peers of WireGuard, and csyncd through them: with the program that does what the kernel's module does on a unit."""

import json
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import story
from lab_driver import Lab, eventually
from push_helpers import pair_nodes, push
from service_helpers import append, run_service, service_row
from story import Stage, page

TUNNEL = {1: "10.9.0.1", 2: "10.9.0.2"}
KEY = "/etc/wg/node.private.key"


@pytest.fixture(scope="module")
def stage(module_lab: Lab) -> Stage:
    """A pair whose nodes are joined by a tunnel, and whose csyncd does not use it yet."""
    made = Stage(module_lab, tell=lambda text: None)
    pair_nodes(made)
    keys = {node: make_interface(made, node) for node in (1, 2)}
    for node in (1, 2):
        add_peer(made, node, keys[3 - node])
    assert eventually(lambda: module_lab.run(1, "ping", "-c", "1", "-W", "1", TUNNEL[2], check=False).status == 0)
    return made


@pytest.fixture(autouse=True)
def config(stage: Stage) -> Iterator[None]:
    """Each test leaves config.rc and the peers as it found them."""
    before = {node: stage.lab.read(node, "/etc/config.rc") for node in (1, 2)}
    yield
    for node in (1, 2):
        stage.lab.write(node, "/etc/config.rc", before[node])
        run_service(stage.lab, "wg", "apply", node=node)


def make_interface(stage: Stage, node: int) -> str:
    """The tunnel's end on a node; returns its public key."""
    script = f"umask 077; mkdir -p /etc/wg; wg genkey >{KEY}; wg pubkey <{KEY}"
    block = f"\nservice network wg0\n    type wg\n    ip address {TUNNEL[node]}/32\n    wg listen_port 51820\n    wg private_key {KEY}\n"
    key = stage.on(node, "sh", "-ec", script).strip()
    append(stage.lab, "/etc/config.rc", block, node)
    run_service(stage.lab, "network.wg0", "start", node=node)
    return key


def add_peer(stage: Stage, node: int, key: str) -> None:
    other = 3 - node
    block = f"""
service wg
    interface wg0
    public_key {key}
    endpoint {story.ADDRESSES[other]}:51820
    allowed_ips {TUNNEL[other]}/32
    keepalive 5
"""
    append(stage.lab, "/etc/config.rc", block, node)
    run_service(stage.lab, "wg", "start", node=node)


def change(stage: Stage, old: str, new: str, node: int = 1) -> int:
    """Change a line of config.rc; returns its number."""
    text = stage.lab.read(node, "/etc/config.rc")
    assert old in text
    stage.lab.write(node, "/etc/config.rc", text.replace(old, new))
    return text[: text.index(old)].count("\n") + 1


def routes(stage: Stage, node: int = 1) -> str:
    return stage.on(node, "ip", "route", "show", "proto", "152")


def move_csyncd(stage: Stage, node: int, addresses: dict[int, str]) -> None:
    text = story.settings(node)
    for number in (1, 2):
        text = text.replace(story.ADDRESSES[number], addresses[number])
    stage.lab.write(node, "/etc/csyncd/csyncd.cfg", text)
    run_service(stage.lab, "csyncd", "apply", node=node)


def test_csyncd_moves_into_the_tunnel_and_nothing_goes_past_it(stage: Stage) -> None:
    """As in the document: csyncd.cfg is changed and applied, then tcpdump shows UDP 51820 and nothing else."""
    lab = stage.lab
    for node in (1, 2):
        move_csyncd(stage, node, TUNNEL)
    report = stage.shows(1, "orange")
    assert report["path"].startswith("through wg0"), report
    passed = [
        item
        for item in stage.json(1, "csync", "check")
        if item["item"] == "csyncd's packets take the way that is meant"
    ]
    assert [(item["passed"], item["found"][:11]) for item in passed] == [(True, "through wg0")]
    dump = lab.start(1, "tcpdump", "-nlqi", "eth0", "ip and host", story.ADDRESSES[2], "or", "host", TUNNEL[2])
    assert b"listening on" in (dump.stderr or pytest.fail()).readline() + (dump.stderr or pytest.fail()).readline()
    for number in range(5):
        stage.edit(1, page(f"through the tunnel {number}"))
        assert push(stage)[0] == 0
    dump.send_signal(signal.SIGTERM)
    packets = dump.communicate(timeout=200)[0].decode().splitlines()
    assert len(packets) > 20 and [line for line in packets if line and ".51820 > " not in line] == []
    for node in (1, 2):
        move_csyncd(stage, node, story.ADDRESSES)
    assert stage.shows(1, "orange")["path"] == "over eth0, in plain"


@pytest.mark.all
def test_past_the_tunnel_is_said_with_the_cause(stage: Stage) -> None:
    """The other node answers for its tunnel's address on eth0, too: it works, in plain."""
    for node in (1, 2):
        move_csyncd(stage, node, TUNNEL)
    stage.shows(1, "orange")
    stage.on(1, "ip", "route", "del", f"{TUNNEL[2]}/32", "dev", "wg0")
    stage.on(1, "ip", "route", "add", f"{TUNNEL[2]}/32", "dev", "eth0")
    words = f"{TUNNEL[2]} is behind wg0's peer, but is reached over eth0 in plain"
    try:
        report = stage.json(1, "csync", "status")
        assert report["state"] in ("red", "orange") and f"node 1: {words}" in report["reasons"]
        assert "service wg apply" in report["remedy"]
        failed = [item for item in json.loads(stage.on(1, "csync", "check", "--json", expect=1)) if not item["passed"]]
        assert words in [item["found"] for item in failed]
        run_service(stage.lab, "wg", "apply")
        assert stage.json(1, "csync", "status")["path"].startswith("through wg0")
        change(stage, f"allowed_ips {TUNNEL[2]}/32", "allowed_ips 10.77.0.0/24")
        run_service(stage.lab, "wg", "apply")
        report = stage.json(1, "csync", "status")
        assert f"no peer of it has {TUNNEL[2]} in its allowed_ips" in " ".join(report["reasons"]), report
        assert f"allowed_ips {TUNNEL[2]}/32" in report["remedy"]
    finally:
        for node in (1, 2):
            move_csyncd(stage, node, story.ADDRESSES)


def test_a_route_is_made_for_each_network_and_goes_with_it(stage: Stage) -> None:
    change(
        stage,
        f"allowed_ips {TUNNEL[2]}/32",
        f"allowed_ips {TUNNEL[2]}/32,10.50.0.0/16\n    allowed_ips 2001:db8:5::/48",
    )
    run_service(stage.lab, "wg", "apply")
    assert {line.split()[0] for line in routes(stage).splitlines()} == {TUNNEL[2], "10.50.0.0/16"}
    assert "2001:db8:5::/48" in stage.on(1, "ip", "-6", "route", "show", "proto", "152")
    change(stage, ",10.50.0.0/16", "")
    run_service(stage.lab, "wg", "apply")
    assert "10.50.0.0/16" not in routes(stage)
    run_service(stage.lab, "wg", "stop")
    assert routes(stage) == "" and "peer" not in stage.on(1, "wg", "show", "wg0")
    run_service(stage.lab, "wg", "start")
    assert TUNNEL[2] in routes(stage)


@pytest.mark.all
def test_an_unchanged_apply_disturbs_neither_the_session_nor_the_packets(stage: Stage) -> None:
    handshake = stage.on(1, "wg", "show", "wg0", "latest-handshakes")
    with ThreadPoolExecutor() as pool:
        pinging = pool.submit(stage.lab.run, 1, "ping", "-c", "60", "-i", "0.02", "-W", "1", TUNNEL[2])
        for _ in range(3):
            run_service(stage.lab, "wg", "apply")
        answer = pinging.result().stdout
    assert re.search(r"60 packets transmitted, 60 (packets )?received", answer), answer
    assert stage.on(1, "wg", "show", "wg0", "latest-handshakes") == handshake


def test_a_key_that_is_not_there_is_refused_at_its_line_by_check_and_start(stage: Stage) -> None:
    number = change(stage, f"wg private_key {KEY}", "wg private_key /etc/wg/none")
    words = f"/etc/config.rc:{number}: /etc/wg/none: No such file or directory (umask 077; wg genkey >/etc/wg/none makes one)"
    assert words in stage.lab.run(1, "config", "check", check=False).stderr
    for verb in ("check", "restart", "apply"):
        assert words in run_service(stage.lab, "network.wg0", verb, status=4).stderr
    stage.lab.write(1, "/etc/wg/none", "no key\n")
    assert "it holds no WireGuard key" in run_service(stage.lab, "network.wg0", "check", status=4).stderr
    stage.on(1, "rm", "/etc/wg/none")


def test_a_tunnel_whose_program_ends_comes_back_with_its_peers(stage: Stage) -> None:
    if not stage.lab.run(1, "pidof", "wireguard-go", check=False).stdout:
        pytest.skip("the kernel makes the interface")
    key = stage.on(1, "wg", "show", "wg0", "public-key")
    stage.on(1, "s6-svc", "-k", "/run/firmware/scan/network.wg0~wireguard")
    assert eventually(lambda: stage.lab.run(1, "wg", "show", "wg0", "public-key", check=False).stdout == key)
    assert eventually(lambda: TUNNEL[2] in routes(stage))
    assert eventually(lambda: service_row(stage.lab, "network.wg0")["state"] == "running")
    assert eventually(lambda: stage.lab.run(1, "ping", "-c", "1", "-W", "1", TUNNEL[2], check=False).status == 0)


def test_peers_come_back_with_their_interface(stage: Stage) -> None:
    run_service(stage.lab, "network.wg0", "restart")
    assert TUNNEL[2] in stage.on(1, "wg", "show", "wg0", "allowed-ips") and TUNNEL[2] in routes(stage)
    assert eventually(lambda: stage.lab.run(1, "ping", "-c", "1", "-W", "1", TUNNEL[2], check=False).status == 0)


@pytest.mark.all
def test_several_peers_stand_beside_each_other(stage: Stage) -> None:
    key = stage.on(1, "sh", "-c", "wg genkey | wg pubkey").strip()
    append(
        stage.lab,
        "/etc/config.rc",
        f"\nservice wg far\n    interface wg0\n    public_key {key}\n    allowed_ips 10.60.0.0/24\n",
    )
    run_service(stage.lab, "wg.far", "start")
    assert len(stage.on(1, "wg", "show", "wg0", "peers").split()) == 2
    run_service(stage.lab, "wg.far", "stop")
    assert key not in stage.on(1, "wg", "show", "wg0", "peers") and TUNNEL[2] in routes(stage)


def test_the_documents_own_values_are_told_at_once_with_what_works(stage: Stage) -> None:
    """Its allowed_ips name this node's own side, and the other way round hold the endpoint."""
    number = change(stage, f"allowed_ips {TUNNEL[2]}/32", "allowed_ips 10.32.0.0/24")
    told = run_service(stage.lab, "wg", "apply").stderr
    assert f"/etc/config.rc:{number}: 'allowed_ips 10.32.0.0/24': the endpoint 10.32.0.12 is in it" in told
    assert "name the address that the peer has in the tunnel, with /32" in told and routes(stage) == ""
    change(stage, "endpoint 10.32.0.12:51820", "endpoint 198.51.100.10:51820")
    told = stage.on(1, "config", "check")
    assert f"such as {story.ADDRESSES[2]}/32, the REMOTE_IP of csyncd.cfg" in told
    assert "'allowed_ips 10.32.0.0/24': this node's own 10.32.0.11 on eth0 is in it" in told


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            f"ip address {TUNNEL[1]}/32",
            "ip address 192.168.0.99/24",
            "192.168.0.99/24 is in the network of 192.168.0.200/24 on eth0",
        ),
        (f"allowed_ips {TUNNEL[2]}/32", "allowed_ips 0.0.0.0/0", "no route is made for everything"),
    ],
)
def test_what_will_not_work_is_a_warning_with_its_line(stage: Stage, old: str, new: str, words: str) -> None:
    change(stage, old, new)
    told = stage.on(1, "config", "check")
    assert words in told and re.search(r"^/etc/config.rc:\d+: ", told, re.MULTILINE)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("    interface wg0", "    interface wg9", "no 'service network wg9' has 'type wg'"),
        ("    public_key", "    #", "service wg has no 'public_key'"),
    ],
)
def test_a_block_that_makes_no_peer_is_refused_before_what_runs_is_touched(
    stage: Stage, old: str, new: str, words: str
) -> None:
    before = stage.on(1, "wg", "show", "wg0", "allowed-ips")
    change(stage, old, new)
    for command in (("config", "check"), ("service", "wg", "check"), ("service", "wg", "apply")):
        told = stage.on(1, *command, expect=4)
        assert words in told and re.search(r"^/etc/config.rc:\d+: ", told, re.MULTILINE)
    assert stage.on(1, "wg", "show", "wg0", "allowed-ips") == before


def test_a_key_that_everybody_may_read_is_a_warning(stage: Stage) -> None:
    stage.on(1, "chmod", "644", KEY)
    assert f"chmod 600 {KEY}" in stage.on(1, "config", "check")
    stage.on(1, "chmod", "600", KEY)
    assert "chmod" not in stage.on(1, "config", "check")


def test_a_name_that_nobody_knows_is_said_and_does_not_keep_it_waiting(stage: Stage) -> None:
    change(stage, "endpoint 10.32.0.12:51820", "endpoint nowhere.invalid:51820")
    error = run_service(stage.lab, "wg", "apply", status=1).stderr
    assert "nowhere.invalid: no name server knows its address; it is asked again" in error


def test_an_endpoint_whose_address_changes_is_followed(stage: Stage) -> None:
    """A peer that is silent: one that speaks is answered where it speaks from."""
    key = stage.on(1, "sh", "-c", "wg genkey | wg pubkey").strip()
    block = f"service wg named\n    interface wg0\n    public_key {key}\n    endpoint far.example:51820\n    allowed_ips 10.61.0.0/24\n"
    append(stage.lab, "/etc/hosts", "10.32.0.77 far.example\n")
    append(stage.lab, "/etc/config.rc", f"\n{block}")
    run_service(stage.lab, "wg.named", "start")
    assert f"{key}\t10.32.0.77:51820" in stage.on(1, "wg", "show", "wg0", "endpoints")
    stage.on(1, "sed", "-i", "s/10.32.0.77/10.32.0.78/", "/etc/hosts")
    stage.on(1, "/usr/bin/python3", "-m", "firmware.services.wireguard", "wg.named")
    assert f"{key}\t10.32.0.78:51820" in stage.on(1, "wg", "show", "wg0", "endpoints")
    run_service(stage.lab, "wg.named", "stop")
    stage.on(1, "/usr/bin/python3", "-m", "firmware.services.wireguard", "wg.named", expect=1)  # and so its loop ends
