"""The recipes of docs/api.md, as they stand there, with curl on a pair of nodes; and how two nodes are paired by the API alone."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import story
from lab_driver import Lab
from push_helpers import make_agreeing_pair
from story import CONFIG, Stage
from web_operator import PASSWORD, first_operator

RECIPES = Path(__file__).parents[2] / "docs/api.md"
PIN = "openssl x509 -in /etc/wui/tls.pem -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64"
#: what no archive has that is not encrypted
SECRET_FILES = ("etc/csyncd/id_ed25519", "etc/csyncd/ssh_host_ed25519_key")
#: a server that haproxy answers for itself
SERVERS = "\nbackend web\n    server web1 127.0.0.1:8080\n    server web2 127.0.0.1:8080\n"


def blocks() -> list[str]:
    """What stands in the document between ```sh and ```: the lines that the others share come first."""
    return re.findall(r"^```sh\n(.*?)^```$", RECIPES.read_text(), re.M | re.S)


@pytest.fixture(scope="module")
def stage(module_lab: Lab) -> Iterator[Stage]:
    made = make_agreeing_pair(module_lab, "recipes")
    made.edit(1, story.page("recipes") + SERVERS)
    made.on(1, "sh", "-c", f"echo '{PASSWORD}' | account add admin")
    yield made


def run_recipe(stage: Stage, recipe: str, *, before: str = "", within: int = 60) -> str:
    token = stage.on(1, "account", "token", "admin", "--label", f"recipe {hash(recipe)}").strip().splitlines()[0]
    lines = f"cd /root; NODE=https://10.32.0.11:4444 TOKEN={token} PIN=$({PIN})\n{blocks()[0]}\n{before}\n{recipe}"
    done = stage.lab.run(1, "timeout", str(within), "sh", "-ec", lines, check=False, timeout=within + 30)
    assert done.status in (0, 124), f"{done.status}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_the_pin_of_the_document_is_this_one() -> None:
    assert PIN in RECIPES.read_text()


@pytest.mark.all
def test_push_and_confirm(stage: Stage) -> None:
    said = run_recipe(stage, blocks()[1])
    assert '"result": "applied"' in said and '"confirm": 60' in said
    assert "web2" in stage.lab.read(2, CONFIG)
    assert '"waiting": null' in stage.on(2, "csync", "status", "--json")


@pytest.mark.all
def test_save_both(stage: Stage) -> None:
    said = run_recipe(stage, blocks()[2])
    assert '"message": "new frontend"' in said
    assert stage.on(1, "config", "changes") == stage.on(2, "config", "changes") == ""


@pytest.mark.all
def test_drain_a_server(stage: Stage) -> None:
    run_recipe(stage, blocks()[3])
    drained = blocks()[3].splitlines()[0] + "\napi /haproxy/proxies"
    assert re.search(r'"name": "web1", [^}]*"status": "DRAIN', run_recipe(stage, drained))


@pytest.mark.all
def test_keep_a_copy(stage: Stage) -> None:
    passphrase = f"""printf '%s' '{{"passphrase": "{PASSWORD}"}}' >passphrase.json"""
    said = run_recipe(stage, blocks()[4], before=passphrase)
    assert '"generation"' in said
    withheld = re.search(r"(?i)^csyncd-withheld: ([0-9]+)", stage.on(1, "cat", "/root/headers.txt"), re.M)
    assert withheld and int(withheld[1]) >= len(SECRET_FILES)
    listed = stage.on(1, "tar", "tf", "/root/backup.csyncd").splitlines()
    assert "etc/haproxy/haproxy.cfg" in listed
    assert not [path for path in SECRET_FILES if path in listed], "what the document says of it"
    stage.on(1, "sh", "-ec", f"echo '{PASSWORD}' | config import /root/whole.csyncd")
    listed = stage.on(1, "sh", "-c", "tar tf $(ls /flash/config/*.tar | tail -n 1)").splitlines()
    assert not [path for path in SECRET_FILES if path not in listed], "the control"
    assert stage.on(1, "stat", "-c", "%a", "/root/backup.csyncd") == "600\n"


@pytest.mark.all
def test_follow_what_happens(stage: Stage) -> None:
    said = run_recipe(
        stage, blocks()[5], before="(sleep 3; csync push haproxy --force; csync save) >/dev/null 2>&1 &", within=12
    )
    assert re.search(r'"event": "push"', said) and said.count('"event": "push"') == 1, said


@pytest.mark.all
def test_two_nodes_are_paired_by_the_api_alone(fresh_lab: Lab) -> None:
    people = {node: first_operator(fresh_lab, node) for node in (1, 2)}
    for node, person in people.items():
        fresh_lab.write(node, "/etc/csyncd/csyncd.cfg", story.settings(node))
        person.ask("POST", "/csync/genkey", {})
        person.ask("PUT", "/services/csyncd/autostart", {"autostart": True}, status=204)
    for node, person in people.items():
        fetched = person.ask("POST", "/csync/getkey", {})
        assert fetched["node"] == 3 - node and fetched["replaces"] == []
        assert fetched["code"] == people[3 - node].ask("GET", "/csync/keys")["code"]
        person.ask("POST", "/csync/trust", {"code": "aaaa"}, status=409)
        person.ask("POST", "/csync/trust", {"code": fetched["code"]})
    for person in people.values():
        person.ask("POST", "/services/csyncd/start", {})
    assert people[1].ask("GET", "/csync/status")["state"] in ("orange", "green")
    fresh_lab.write(1, CONFIG, story.page("by the API"))
    people[1].ask("POST", "/services/haproxy/push", {}, status=409)
    people[1].ask("POST", "/services/haproxy/apply", {})
    assert people[1].ask("POST", "/services/haproxy/diff", {})["result"] == "differs"
    assert people[1].ask("POST", "/services/haproxy/push", {})["result"] == "applied"
    fresh_lab.write(2, CONFIG, story.page("changed there"))
    people[2].ask("POST", "/services/haproxy/apply", {})
    fresh_lab.write(1, CONFIG, story.page("changed here"))
    people[1].ask("POST", "/services/haproxy/apply", {})
    conflict = people[1].ask("POST", "/services/haproxy/push", {}, status=409)
    assert "changed there" in conflict["report"]["files"][0]["diff"]
    assert people[1].ask("POST", "/services/haproxy/push", {"force": True})["result"] == "applied"
    people[2].ask("POST", "/services/haproxy/stop", {})
    trail = people[1].ask("GET", "/csync/log")["entries"]
    assert {one["from"] for one in trail if one["event"] == "push"} == {"192.0.2.7 (web)"}
