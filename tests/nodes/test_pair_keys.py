"""Trust between two nodes: nothing is stored before a person, or the right code, has confirmed it."""

import json
from collections.abc import Iterator

import pytest
import story
from lab_driver import Lab
from story import Stage

STORED = ("/etc/csyncd/ssh_known_hosts", "/etc/csyncd/csyncd_authorized")


#: whatever a test has changed of keys, csyncd and web UI
PUT_BACK = f"""
service csyncd stop
rm -f {" ".join(STORED)}
cmp -s /run/config.rc /etc/config.rc && service wui status >/run/wui || {{ cp /run/config.rc /etc/config.rc; service wui restart; }}
"""


@pytest.fixture(scope="module")
def keyed(module_lab: Lab) -> Stage:
    """Two nodes with csyncd.cfg and keys, csyncd stopped."""
    made = Stage(module_lab, tell=lambda text: None)
    for node in (1, 2):
        story.enable(made, node)
        made.on(node, "csync", "genkey")
        made.on(node, "cp", "/etc/config.rc", "/run/config.rc")
    return made


@pytest.fixture
def stage(keyed: Stage) -> Iterator[Stage]:
    """Such nodes, which know no keys of each other."""
    yield keyed
    for node in (1, 2):
        keyed.on(node, "sh", "-ec", PUT_BACK)


def getkey(stage: Stage, *words: str, typed: str = "") -> tuple[int, str]:
    done = stage.lab.run(1, "csync", "getkey", *words, stdin=typed, check=False)
    return done.status, done.stdout + done.stderr


def stored(stage: Stage) -> bool:
    return any(stage.lab.run(1, "test", "-e", path, check=False).status == 0 for path in STORED)


def test_keys_as_the_contract_has_them(stage: Stage) -> None:
    keys = stage.json(1, "csync", "keys")
    assert set(keys) == {"node", "host", "user", "code"}
    assert keys["node"] == 1
    for part in ("host", "user"):
        assert set(keys[part]) == {"type", "key", "fingerprint"}
        assert keys[part]["type"] == "ssh-ed25519"
        assert keys[part]["fingerprint"].startswith("SHA256:")
    page = stage.on(2, "curl", "-sk", "https://10.32.0.11:4444/csyncd/keys")
    assert json.loads(page) == keys
    assert "PRIVATE" not in page
    for path in ("/csyncd/keys/", "/csyncd/id_ed25519", "/../etc/csyncd/id_ed25519"):
        status = stage.on(
            2, "curl", "-sk", "--path-as-is", "-o", "/dev/null", "-w", "%{http_code}", f"https://10.32.0.11:4444{path}"
        )
        assert status == "404", path
    assert stage.on(1, "stat", "-c", "%a", "/etc/csyncd/id_ed25519", "/etc/csyncd/ssh_host_ed25519_key").split() == [
        "600",
        "600",
    ]


def test_a_person_says_yes_or_nothing_is_stored(stage: Stage) -> None:
    code = stage.json(2, "csync", "keys")["code"]
    for typed in ("", "no\n", "\n", "maybe\n"):
        status, said = getkey(stage, typed=typed)
        assert status == 3 and not stored(stage)
        assert code in said and said.count("SHA256:") >= 2
    assert getkey(stage, typed="yes\n")[0] == 0
    known = stage.on(1, "ssh-keygen", "-F", "10.32.0.12", "-f", STORED[0])
    assert stage.json(2, "csync", "keys")["host"]["key"] in known
    assert stage.json(2, "csync", "keys")["user"]["fingerprint"] in stage.on(1, "ssh-keygen", "-l", "-f", STORED[1])


def test_a_wrong_code_stores_nothing(stage: Stage) -> None:
    code = stage.json(2, "csync", "keys")["code"]
    own = stage.json(1, "csync", "keys")["code"]
    for wrong in (own, code[:-1], "", code[:-1] + ("0" if code[-1] != "0" else "1")):
        assert getkey(stage, "--code", wrong, typed="yes\n")[0] == 3
        assert not stored(stage)
    assert getkey(stage, "--code", code.lower().replace("-", ""))[0] == 0
    assert stored(stage)


def test_genkey_is_refused_while_csyncd_runs(stage: Stage) -> None:
    before = stage.json(1, "csync", "keys")
    stage.on(1, "service", "csyncd", "start")
    done = stage.lab.run(1, "csync", "genkey", check=False)
    assert done.status == 3 and "hint: service csyncd stop" in done.stderr
    assert stage.json(1, "csync", "keys") == before
    assert stage.json(1, "csync", "status")["state"] == "red"


def test_a_changed_key_is_refused_with_both_fingerprints_until_a_new_getkey(stage: Stage) -> None:
    story.exchange_keys(stage)
    old = stage.json(2, "csync", "keys")
    stage.shows(1, "green")
    stage.on(2, "service", "csyncd", "stop")
    assert "REPLACE others: csync getkey on node 1 again" in stage.lab.run(2, "csync", "genkey").stderr
    stage.on(2, "service", "csyncd", "start")
    new = stage.json(2, "csync", "keys")
    red = stage.shows(1, "red", "host key has changed")
    assert new["host"]["fingerprint"] in red["reasons"][0] and old["host"]["fingerprint"] in red["reasons"][0]
    assert stage.lab.run(1, "csync", "push", "haproxy", check=False).status == 1
    stage.shows(2, "red", "node 1 does not know this node's user key", "Permission denied")
    status, said = getkey(stage, typed="no\n")
    assert status == 3 and "REPLACE" in said
    assert all(key["fingerprint"] in said for key in (old["host"], new["host"], old["user"], new["user"]))
    assert stage.json(1, "csync", "status")["state"] == "red"
    assert getkey(stage, "--code", new["code"])[0] == 0
    stage.shows(1, "orange")
    stage.shows(2, "orange")


def test_getkey_says_why_it_cannot(stage: Stage) -> None:
    stage.on(2, "service", "wui", "stop")
    status, said = getkey(stage, "--code", "x")
    assert status == 1 and "https://10.32.0.12:4444/csyncd/keys" in said and "hint:" in said
    stage.on(2, "config", "set", "wui", "tls", "off")
    stage.on(2, "service", "wui", "start")
    assert (
        "10.32.0.12:4444/csyncd/keys: no TLS there: wrong version number\nhint: both web UIs"
        in getkey(stage, "--code", "x")[1]
    )
    stage.on(2, "service", "wui", "stop")
    stage.on(2, "config", "set", "wui", "tls", "on")
    stage.on(1, "config", "set", "wui", "port", "4445")
    assert "10.32.0.12:4445" in getkey(stage, "--code", "x")[1]


def test_getkey_from_a_node_that_is_not_configured_yet_says_so(stage: Stage) -> None:
    stage.on(
        2, "sh", "-c", "cp /etc/csyncd/csyncd.cfg /tmp/ && cp /usr/share/factory/etc/csyncd/csyncd.cfg /etc/csyncd/"
    )
    try:
        said = stage.lab.run(1, "csync", "getkey", check=False)
        assert said.status == 1 and "/csyncd/keys: csyncd.cfg of the peer cannot be used" in said.stderr
        assert "hint: on the peer: edit /etc/csyncd/csyncd.cfg" in said.stderr
    finally:
        stage.on(2, "cp", "/tmp/csyncd.cfg", "/etc/csyncd/csyncd.cfg")


def test_the_web_uis_port_and_scheme_are_the_blocks(stage: Stage) -> None:
    code = stage.json(2, "csync", "keys")["code"]
    for node in (1, 2):
        stage.on(node, "config", "set", "wui", "port", "8443")
        stage.on(node, "config", "set", "wui", "tls", "off")
        stage.on(node, "service", "wui", "restart")
    assert getkey(stage, "--code", code)[0] == 0
    assert json.loads(stage.on(1, "curl", "-s", "http://10.32.0.12:8443/csyncd/keys"))["code"] == code
