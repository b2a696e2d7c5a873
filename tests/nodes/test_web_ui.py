"""The web UI on a node, as a browser or a program reaches it: both halves, over TLS."""

import json
from pathlib import Path
from typing import Any

import pytest
from lab_driver import Lab
from service_helpers import PYTHON, run_service, service_pid
from web_operator import PASSWORD, first_operator

CLIENT = Path(__file__).parents[1].joinpath("support", "web_client.py").read_text()
ADMIN = {"user": "admin", "password": PASSWORD}
#: KiB that the web UI may take when idle; that 60 connections of TLS may cost; and that anything may leave behind
IDLE, CONNECTIONS, LEFT = 34 << 10, 5 << 10, 5 << 10
#: KiB after an hour of use
USED = 44 << 10


@pytest.fixture(scope="module")
def web(module_lab: Lab) -> Lab:
    """A node whose first account has a password."""
    first_operator(module_lab)
    return module_lab


def do(lab: Lab, what: str, **wish: Any) -> dict[str, Any]:
    """What comes of it; by somebody who logs in unless the wish has a cookie."""
    words = {"do": what, "login": ADMIN, **wish}
    return dict(json.loads(lab.run(1, PYTHON, "-c", CLIENT, json.dumps(words), timeout=300).stdout))


def test_idle_it_takes_little_memory(web: Lab) -> None:
    pid = service_pid(web, "wui")
    status = web.read(1, f"/proc/{pid}/status")
    assert int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))) <= IDLE


@pytest.mark.all(but=["::1"])
@pytest.mark.parametrize("host", ["127.0.0.1", "10.32.0.11", "::1"])
def test_a_login_leads_to_the_services_over_both_families(web: Lab, host: str) -> None:
    found = do(web, "show", path="/api/v1/services", host=host)
    assert found["status"] == 200 and "haproxy" in [service["name"] for service in json.loads(found["body"])]
    assert found["set_cookie"].startswith("__Host-csyncd-4444=") and found["set_cookie"].endswith("; Secure")
    session = json.loads(do(web, "show", path="/api/v1/session", host=host)["body"])
    assert (
        session["address"] == (host if host != "10.32.0.11" else session["address"]) and session["account"] == "admin"
    )


@pytest.mark.all
def test_without_tls_too(web: Lab) -> None:
    web.run(1, "config", "set", "wui", "tls", "off")
    run_service(web, "wui", "apply")
    found = do(web, "show", path="/api/v1/services", tls=False)
    assert found["status"] == 200 and found["cookie"].startswith("csyncd-4444=") and "Secure" not in found["set_cookie"]
    web.run(1, "config", "set", "wui", "tls", "on")
    run_service(web, "wui", "apply")
    assert do(web, "show", path="/api/v1/services")["status"] == 200


def test_60_connections_of_tls_cost_little_and_give_it_back(web: Lab) -> None:
    before, held, after = do(web, "hold", count=60)["memory"]
    assert held - before <= CONNECTIONS and after - before <= CONNECTIONS
    again = do(web, "hold", count=60)["memory"]
    assert again[1] - held <= 1 << 10, "what was given back is what is taken again"


@pytest.mark.all(but=["2"])
@pytest.mark.parametrize("seconds", [2, 60])
def test_200_requests_a_second_take_no_memory_and_none_fails(web: Lab, seconds: int) -> None:
    found = do(web, "load", path="/api/v1/session", rate=200, seconds=seconds)
    assert found["errors"] == [] and found["statuses"] == [200]
    assert found["count"] >= 200 * seconds * 0.99
    assert found["memory"][1] - found["memory"][0] <= LEFT


@pytest.mark.all
@pytest.mark.parametrize("size", [16, 256])
def test_an_upload_lies_in_no_memory_on_its_way(web: Lab, size: int) -> None:
    """MiB, into a directory of its own. What is larger yet does not fit here: see tests/unit/wui/test_relay.py."""
    web.run(1, "sh", "-c", "mkdir -p /tmp/large && mount -t tmpfs -o size=512m none /tmp/large")
    try:
        found = do(web, "upload", path="/api/v1/files/content?path=/tmp/large/file", size=size << 20)
        assert found["status"] < 300, found
        assert web.run(1, "stat", "-c", "%s", "/tmp/large/file").stdout == f"{size << 20}\n"
        assert found["memory"][1] - found["memory"][0] <= LEFT
    finally:
        web.run(1, "umount", "/tmp/large")


def test_an_upload_for_which_there_is_no_room_is_refused_before_it_has_come(web: Lab) -> None:
    web.run(1, "sh", "-c", "mkdir -p /tmp/small && mount -t tmpfs -o size=64m none /tmp/small")
    asked = do(web, "show", path=f"/api/v1/files/room?path=/tmp/small/file&size={1 << 30}")
    assert asked["status"] == 507 and "there is no room for it" in asked["body"]
    assert do(web, "show", path="/api/v1/files/room?path=/tmp/small/file&size=9")["status"] == 204
    begun = do(web, "begin upload", path="/api/v1/files/content?path=/tmp/small/file", size=1 << 30)
    assert begun["status"] == 507 and begun["seconds"] < 10
    web.run(1, "umount", "/tmp/small")


def test_rules_are_confirmed_over_a_connection_that_was_made_after_them(web: Lab) -> None:
    """One that was there before passes as established, whatever the rules keep out."""
    web.run(1, "config", "add", "firewall")
    run_service(web, "firewall", "start")
    web.run(1, "sh", "-c", "echo '# on trial' >>/etc/firewall/rules.nft")
    trial, confirm = "/api/v1/services/firewall/apply", "/api/v1/services/firewall/confirm"
    requests = [("POST", trial, {"confirm": 60}), ("POST", confirm, {}), ("POST", confirm, {})]
    applied, refused, kept = do(web, "keep asking", requests=requests)["answers"]
    assert (applied["status"], applied["closed"]) == (200, False), applied
    problem = json.loads(refused["body"])
    assert (refused["status"], refused["closed"], problem["ask_anew"]) == (409, True, True), refused
    assert "a connection from before what waits" in problem["detail"]
    assert kept["status"] == 204, kept
    run_service(web, "firewall", "stop")
    web.run(1, "config", "del", "firewall")
    web.run(1, "cp", "/usr/share/factory/etc/firewall/rules.nft", "/etc/firewall/rules.nft")


@pytest.mark.all
def test_after_an_hour_of_use_it_takes_little_more_memory(web: Lab) -> None:
    """All that somebody does who clicks every other second for an hour, done without the pauses."""
    api = "/api/v1"
    paths = [f"{api}/session", f"{api}/files?path=/etc", f"{api}/files?path=/etc/haproxy/haproxy.cfg", f"{api}/session", f"{api}/time",
             f"{api}/services/haproxy/setup", f"{api}/accounts", f"{api}/services", f"{api}/files?path=/etc/config.rc"]  # fmt: skip
    upload = f"{api}/files/content?path=/tmp/uploaded&replace=1"
    found = do(web, "use for an hour", paths=paths, upload=upload)
    print("KiB at first, after requests, at the end:", found["memory"])
    assert found["memory"][-1] <= USED


@pytest.mark.all
def test_10000_passwords_that_are_guessed_cost_little_and_another_address_gets_in(web: Lab) -> None:
    found = do(web, "guess", count=10_000, host="127.0.0.1")
    assert set(found["counts"]) <= {"401", "429"} and found["counts"]["401"] <= 8 + found["seconds"] / 3 + 1
    assert found["seconds"] < 120
    assert do(web, "show", path="/api/v1/session", host="::1")["status"] == 200


def test_a_restart_ends_tabs_in_order_and_keeps_sessions(web: Lab) -> None:
    cookie = do(web, "show", path="/api/v1/session", host="::1")["cookie"]
    words = {"do": "watch", "cookie": cookie, "channel": "services", "seconds": 60, "host": "::1"}
    watching = web.start(1, PYTHON, "-c", CLIENT, json.dumps(words))
    assert watching.stdout and watching.stdout.readline() == b"watching\n"
    run_service(web, "wui", "restart")
    said = json.loads(watching.communicate(timeout=200)[0])
    assert (said["ended"], said["code"]) == (True, 1001)
    assert do(web, "show", path="/api/v1/session", host="::1", cookie=cookie)["status"] == 200
