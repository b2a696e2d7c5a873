"""The chapter "Send csyncd traffic over WireGuard" of the user's document, clicked through on two nodes."""

import document_in_browser as document
import pytest
import story
from lab_driver import Lab
from operator_at_browser import Operator
from playwright.sync_api import expect
from push_helpers import pair_nodes

INSIDE = {1: "192.0.2.11", 2: "198.51.100.11"}
OUTSIDE = {1: "10.32.0.11", 2: "10.32.0.12"}
NETS = {1: "192.0.2.0/24", 2: "198.51.100.0/24"}
RC = "/etc/config.rc"


@pytest.fixture(scope="module")
def pair(operators: dict[int, Operator]) -> dict[int, Operator]:
    """Both nodes are paired already."""
    pair_nodes(story.Stage(operators[1].door.lab, tell=lambda text: None))
    return operators


def test_csyncd_goes_through_the_tunnel(pair: dict[int, Operator], module_lab: Lab) -> None:
    keys = {node: make_keys(person) for node, person in pair.items()}
    for node, person in pair.items():
        block = f"service network wg0\n    type wg\n    ip address {INSIDE[node]}/24\n    wg listen_port 51820\n    wg private_key /etc/wg/node{node}.private.key\n"
        add_to_rc(person, module_lab, block)
        start(person, "network.wg0", "Start service network")
        person.launch_terminal()
        person.type_command("ip addr show dev wg0", f"inet {INSIDE[node]}/24")
        person.type_command("wg", "listening port: 51820")
    for node, person in pair.items():
        other = 3 - node
        block = f"service wg\n    interface wg0\n    public_key {keys[other]}\n    endpoint {OUTSIDE[other]}:51820\n    allowed_ips {NETS[other]}\n    keepalive 5\n"
        add_to_rc(person, module_lab, block)
        start(person, "wg", "Start service")
    for node, person in pair.items():
        person.launch_terminal()
        person.type_command("until wg | grep handshake; do sleep 0.2; done", "latest handshake:")
        settings = f"LOCAL_IP={INSIDE[node]}\nREMOTE_IP={INSIDE[3 - node]}\nLOCAL_NODE={node}\nREMOTE_NODE={3 - node}\n"
        person.open(f"tools/files{document.SETTINGS}")
        person.edit(document.SETTINGS, settings)
        person.click("OK")
        person.is_written()
        person.click("Close")
        person.visit("Services")
        person.click("Restart", within=person.row("csyncd"))
        person.visit("LB Admin")
        person.click("Save")
        expect(person.page.get_by_text("Saved as generation")).to_be_visible()
    one = pair[1]
    one.visit("Setup")
    expect(one.page.get_by_role("status", name="Current status")).to_have_text(document.starting("(green|orange)"))
    one.launch_terminal()
    one.type_command("timeout 50 tcpdump -c 2 -ttttni any 'udp port 51820' 2>/dev/null", "10.32.0.12.51820: UDP")


def make_keys(person: Operator) -> str:
    """Click Launch a terminal; make the keys there. Returns the public one."""
    node = person.door.node
    person.launch_terminal()
    person.type_command(
        "mkdir -p /etc/wg && cd /etc/wg && wg genkey > /etc/wg/$HOSTNAME.private.key; ls", f"node{node}.private.key"
    )
    person.type_command(
        "chmod 600 *; wg pubkey < $HOSTNAME.private.key > $HOSTNAME.public.key; ls", f"node{node}.public.key"
    )
    return person.door.lab.read(node, f"/etc/wg/node{node}.public.key").strip()


def add_to_rc(person: Operator, lab: Lab, block: str) -> None:
    """Open config.rc with the File manager, and write a service after those that are there."""
    person.visit("Tools")
    person.click("File manager")
    person.page.get_by_role("link", name="config.rc", exact=True).click()
    expect(person.editor(RC)).to_be_visible()
    person.edit(RC, lab.read(person.door.node, RC).rstrip() + "\n\n" + block)
    person.click("OK")
    person.is_written()
    person.click("Close")


def start(person: Operator, title: str, button: str) -> None:
    """Navigate to the Services tab and start it on its page."""
    person.visit("Services")
    person.row(title).get_by_role("link").click()
    person.click(button)
    expect(person.page.get_by_role("main").get_by_text("running", exact=True)).to_be_visible()
