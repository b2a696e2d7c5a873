"""The user's document on two virtual units, up to "Sync other services": each procedure a test that follows its steps.

They are played in the document's order on one pair, so each needs those before it. What the document has a person click
on, these type: the commands that the web UI calls.
"""

import json
from typing import Any

import pytest
from lab_driver import Lab, eventually
from story import ADDRESSES, FETCH, page, settings

LOGS = "/etc/syslogd/syslog.conf"
PUSHED = page("pushed")
PAIR = (1, 2)


def told(units: Lab, node: int, *command: str) -> Any:
    """What a command says with --json."""
    return json.loads(units.run(node, *command, "--json").stdout)


def state(units: Lab, node: int, service: str) -> str:
    return next(row["state"] for row in told(units, node, "service", "list") if row["name"] == service)


def color(units: Lab, node: int, want: str, seconds: float = 120) -> Any:
    """The state of the pair as a node shows it, once that is what it should be."""
    eventually(lambda: told(units, node, "csync", "status")["state"] == want, seconds)
    report = told(units, node, "csync", "status")
    assert report["state"] == want, report["reasons"]
    return report


def serves(units: Lab, node: int) -> str:
    """What haproxy on a node answers to the other one."""
    url = f"http://{ADDRESSES[node]}:8080/"
    return units.run(3 - node, "/usr/bin/python3", "-c", FETCH, url).stdout.strip()


def digests(units: Lab, node: int) -> dict[str, str]:
    """Every file below /etc with its digest, but for what csyncd notes for itself."""
    lines = units.run(node, "sh", "-c", "find /etc -type f -exec sha256sum {} +").stdout.splitlines()
    files = {path: digest for digest, path in (line.split(maxsplit=1) for line in lines)}
    return {path: digest for path, digest in files.items() if path != "/etc/firmware/ancestors.json"}


@pytest.mark.parametrize("node", PAIR)
def test_enable_the_csyncd_service(units: Lab, node: int) -> None:
    """Enable the csyncd service."""
    # 1. In the Services tab, edit the csyncd service: the contents of csyncd.cfg are displayed.
    fields = ("LOCAL_IP", "REMOTE_IP", "LOCAL_NODE", "REMOTE_NODE")
    assert all(f"\n{field}=\n" in units.read(node, "/etc/csyncd/csyncd.cfg") for field in fields)
    # 2. and 3. Set each field; OK, Close.
    units.write(node, "/etc/csyncd/csyncd.cfg", settings(node))
    # 4. Click csyncd setup.
    assert "no autostart" in units.run(node, "config", "show", "csyncd").stdout
    # 5. and 6. Remove the line `no autostart`; OK, Close.
    units.run(node, "config", "set", "csyncd", "autostart", "on")
    assert "autostart" not in units.run(node, "config", "show", "csyncd").stdout
    assert {"/etc/csyncd/csyncd.cfg", "/etc/config.rc"} <= set(told(units, node, "config", "changes")["changed"])
    # 7. To make the changes persistent: Setup, Save.
    units.run(node, "config", "save")
    assert units.run(node, "config", "changes", "-q", check=False).status == 0


def test_exchange_ssh_keys(units: Lab) -> None:
    """Exchange SSH keys; needs csyncd.cfg."""
    for node in PAIR:
        # 1. Stop the csyncd service if it is running; ensure that it is stopped.
        units.run(node, "service", "csyncd", "stop")
        assert state(units, node, "csyncd") == "stopped"
        # 2. Click genkey; 3. the same on the secondary.
        units.run(node, "csync", "genkey")
    for node in PAIR:
        # 4. Click getkey; a person compares the code with the one that the other unit shows.
        code = told(units, 3 - node, "csync", "keys")["code"]
        units.run(node, "csync", "getkey", "--code", code)
        # 5. Click Start; 6. the same on the secondary.
        units.run(node, "service", "csyncd", "start")
        assert state(units, node, "csyncd") == "running"
        # 7. Setup, Save.
        units.run(node, "config", "save")
    for node in PAIR:
        _holds_the_peers_keys(units, node)
        color(units, node, "green")


def _holds_the_peers_keys(units: Lab, node: int) -> None:
    """Stock tools find the peer's host key where the document says, and its user key may log in."""
    peer = told(units, 3 - node, "csync", "keys")
    found = units.run(node, "ssh-keygen", "-l", "-F", ADDRESSES[3 - node], "-f", "/etc/csyncd/ssh_known_hosts").stdout
    assert peer["host"]["fingerprint"] in found
    assert (
        peer["user"]["fingerprint"] in units.run(node, "ssh-keygen", "-l", "-f", "/etc/csyncd/csyncd_authorized").stdout
    )


def test_a_wrong_code_is_refused(units: Lab) -> None:
    """The person's comparison counts: with another code nothing is stored. Needs the keys."""
    before = digests(units, 1)
    own = told(units, 1, "csync", "keys")["code"]
    assert units.run(1, "csync", "getkey", "--code", own, check=False).status == 3
    assert digests(units, 1) == before


def test_sync_only_the_load_balancer_configuration(units: Lab) -> None:
    """Sync only the load balancer configuration; needs the pair."""
    # 1. On the primary, go to LB Layer7; 2. make changes, and apply them: before, there is nothing to push.
    before = digests(units, 2)
    units.write(1, "/etc/haproxy/haproxy.cfg", PUSHED)
    assert units.run(1, "csync", "push", "haproxy", check=False).status == 3
    units.run(1, "service", "haproxy", "apply")
    assert serves(units, 1) == "pushed"
    # Click Push. No message means that everything is fine.
    assert units.run(1, "csync", "push", "haproxy").status == 0
    assert serves(units, 2) == "pushed"
    assert changed(before, digests(units, 2)) == {"/etc/haproxy/haproxy.cfg"}
    # 3. Persist the changes on the remote unit: Save under Remote Configuration. The indicator turns green.
    color(units, 1, "orange")
    units.run(1, "csync", "save")
    color(units, 1, "green")
    assert units.run(2, "config", "changes", "-q", check=False).status == 0


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def test_sync_other_services(units: Lab) -> None:
    """Sync other services, each by itself; needs the pair."""
    # 1. Edit Configuration of a service; another one is edited and applied, too, and must stay at home.
    before = digests(units, 2)
    units.run(1, "sh", "-c", f"echo '# logs alike' >>{LOGS}")
    units.write(1, "/etc/haproxy/haproxy.cfg", page("stays at home"))
    # 2. Apply, then Push.
    for service in ("syslogd", "haproxy"):
        units.run(1, "service", service, "apply")
    units.run(1, "csync", "push", "syslogd")
    assert units.read(2, LOGS).endswith("# logs alike\n")
    assert changed(before, digests(units, 2)) == {LOGS}, "nothing else is pushed"
    # 3. Save under Remote Configuration; the indicator turns green.
    units.run(1, "csync", "save")
    assert not color(units, 1, "green")["services"]["haproxy"]["in_sync"]


@pytest.mark.all
def test_it_outlives_a_reboot_of_the_receiver(units: Lab) -> None:
    """What was pushed and saved by the procedures above is there afterwards. The story reboots both."""
    units.run(1, "config", "save")
    before = digests(units, 2)
    units.reboot(2)
    assert digests(units, 2) == before
    assert serves(units, 2) == "pushed"
    assert units.read(2, LOGS).endswith("# logs alike\n")
    color(units, 1, "green")
    color(units, 2, "green")
