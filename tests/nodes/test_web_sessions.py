"""The web UI's root half on a node: who logs in gets a session that does what the account may, and ends; nobody else anything."""

import json
import re
from collections.abc import Iterator

import pytest
from lab_driver import Lab, eventually
from service_helpers import PYTHON, run_service, service_row
from web_operator import HERE, PASSWORD, Operator, add_account, agent, first_operator, log_in, operator

from firmware.session import table
from firmware.session.endpoint import ADMIN, MONITOR

#: paths of the table, with something for each value in them
FILLED = {"title": "haproxy", "id": "0" * 16, "name": "nobody", "label": "x"}


@pytest.fixture(scope="module")
def web(module_lab: Lab) -> Lab:
    """A node with the accounts admin and night, who may only look."""
    first_operator(module_lab)
    add_account(module_lab, "night", MONITOR)
    return module_lab


@pytest.fixture
def admin(web: Lab) -> Operator:
    return operator(web)


@pytest.fixture
def monitor(web: Lab) -> Operator:
    return operator(web, "night")


@pytest.fixture(autouse=True)
def _nobody_slowed(module_lab: Lab) -> Iterator[None]:
    yield
    module_lab.run(1, "rm", "-f", "/run/firmware/wui-attempts.json")


def filled(path: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: FILLED.get(found[1], "x"), path)


def session_pids(lab: Lab) -> list[str]:
    return lab.run(1, "pgrep", "-f", "^/usr/bin/python3 -m firmware session$", check=False).stdout.split()


def kilobytes(lab: Lab, pid: str) -> int:
    status = lab.read(1, f"/proc/{pid}/status")
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1])  # type: ignore[index]


def test_a_password_opens_a_session_and_the_trail_says_who_from_where_and_by_which_way(
    web: Lab, admin: Operator
) -> None:
    found = admin.ask("GET", "/session")
    assert (found["account"], found["role"], found["address"]) == ("admin", "admin", HERE)
    admin.ask("POST", "/config/save", {"message": "by the web"})
    trail = json.loads(web.run(1, "csync", "log", "--json").stdout)[-2:]
    assert [(one["event"], one["who"], one["from"]) for one in trail] == [
        ("login", "admin", f"{HERE} (web)"), ("save", "admin", f"{HERE} (web)"),
    ]  # fmt: skip
    history = json.loads(web.run(1, "config", "history", "--json").stdout)
    assert (history[0]["message"], history[0]["who"]) == ("by the web", f"admin at {HERE} (web)")


def test_wrong_passwords_are_slowed_and_end_up_in_the_trail(web: Lab) -> None:
    guesses = [{"user": "admin", "password": f"guess {number}", "address": HERE} for number in range(12)]
    said = agent(web, 1, {"logins": guesses})["logins"]
    assert [one["status"] for one in said[:3]] == [401] * 3 and said[0]["title"] == "Unauthorized"
    slowed = [one for one in said if one["status"] == 429]
    assert len(slowed) > 4 and all(one["retry_after"] >= 1 for one in slowed)
    assert log_in(web, {"user": "admin", "password": PASSWORD, "address": "192.0.2.9"})["status"] == 200
    trail = json.loads(web.run(1, "csync", "log", "--json").stdout)
    refused = [one for one in trail if one["event"] == "login" and one["result"] == "refused"]
    assert len(refused) == 12 - len(slowed) and refused[-1]["who"] == "admin"
    assert "guess" not in json.dumps(trail)


@pytest.mark.all
@pytest.mark.parametrize(
    "credential",
    [{}, {"user": "admin"}, {"user": "night", "password": ""}, {"token": "csyncd_x"}, {"user": 1, "password": []}, {"code": "x", "password": "y" * 9}],
)  # fmt: skip
def test_whoever_has_no_credential_gets_no_session(web: Lab, credential: dict[str, object]) -> None:
    before = session_pids(web)
    found = log_in(web, {**credential, "address": "192.0.2.100"})
    assert found["status"] in (400, 401, 409) and "secret" not in found
    assert set(session_pids(web)) <= set(before)


def test_everything_is_refused_without_the_secret_and_with_that_of_another_session(
    admin: Operator, monitor: Operator
) -> None:
    requests = [{"method": row.method, "path": filled(row.path), "body": {}} for row in table.ENDPOINTS]
    requests += [{"method": "CHANNEL", "path": row.path} for row in table.CHANNELS]
    for secret in ("", "x" * 43, monitor.secret):
        answers = admin.ask_all(*({**one, "secret": secret} for one in requests))
        assert {one["status"] for one in answers} == {401}


def test_a_monitor_is_refused_whatever_is_for_admins(monitor: Operator) -> None:
    rows = [row for row in table.ENDPOINTS if row.role == ADMIN]
    answers = monitor.ask_all(*({"method": row.method, "path": filled(row.path), "body": {}} for row in rows))
    assert {one["status"] for one in answers} == {403}
    channels = [{"method": "CHANNEL", "path": row.path} for row in table.CHANNELS if row.role == ADMIN]
    assert {one["status"] for one in monitor.ask_all(*channels)} <= {403}


def test_a_monitor_reads_everything_else_and_sees_no_secret(web: Lab, admin: Operator, monitor: Operator) -> None:
    web.run(
        1,
        "sh",
        "-c",
        "config add wg.wg0 2>/dev/null; config set wg.wg0 private-key PiV2QxyTBoh1bFu8yIHFJ5iwYvAPtLGcY4A9PKPUUFI= || :",
    )
    web.run(1, "sh", "-c", "printf '\\nlisten s\\n\\tstats auth me:sesame\\n' >>/etc/haproxy/haproxy.cfg")
    secrets = ("sesame", "PiV2Qxy", "scrypt$", "PRIVATE KEY")
    rows = [row for row in table.ENDPOINTS if row.method == "GET" and row.role == MONITOR]
    paths = [filled(row.path) for row in rows] + ["/services/wg.wg0/setup"]
    answers = monitor.ask_all(*({"method": "GET", "path": path} for path in paths))
    assert {one["status"] for one in answers} <= {200, 404, 422}
    text = json.dumps(answers)
    assert not [secret for secret in secrets if secret in text]
    assert "csyncd_" not in text
    assert answers[-1]["content"]["digest"] == "", "nothing to try guesses with"
    web.run(1, "cp", "/usr/share/factory/etc/haproxy/haproxy.cfg", "/etc/haproxy/haproxy.cfg")
    web.run(1, "cp", "/usr/share/factory/etc/config.rc", "/etc/config.rc")


def test_another_account_of_the_node_reaches_nothing_and_the_front_half_only_the_sockets(
    web: Lab, admin: Operator
) -> None:
    """What stands in for a front half that was taken over runs as its account, with all that this may do."""
    wish = {
        "login": {"user": "admin", "password": PASSWORD, "address": HERE},
        "requests": [{"method": "GET", "path": "/session"}],
    }
    assert agent(web, 1, wish, account="wui")["answers"][0]["status"] == 200
    with pytest.raises(Exception, match="PermissionError"):
        agent(web, 1, wish, account="haproxy")
    forbidden = [
        "cat /etc/wui/accounts.json", "ls /run/firmware/wui/records", "cat /run/firmware/wui-attempts.json",
        "touch /run/firmware/wui/x", "rm /run/firmware/wui/login.sock", "mv /run/firmware/wui/sessions /run/firmware/wui/s",
        "ln -s /etc/shadow /run/firmware/wui/sessions/x", f"kill {session_pids(web)[0]}",
    ]  # fmt: skip
    for command in forbidden:
        done = web.run(
            1, "setpriv", "--reuid=wui", "--regid=wui", "--clear-groups", "--", "sh", "-c", command, check=False
        )
        assert done.status != 0 and "scrypt" not in done.stdout, command
    assert admin.ask("GET", "/session")["account"] == "admin"


GARBAGE = """
import os, random, socket, struct, sys
random.seed(int(sys.argv[2]))
path = sys.argv[1]
pieces = [b"", b"\\xff\\xff\\xff\\xffH", b"GET / HTTP/1.1\\r\\n\\r\\n", struct.pack(">Ic", 900000, b"H") + b"[" * 900000, struct.pack(">Ic", 50, b"D") + b"x" * 50]
pieces += [os.urandom(random.randrange(200)) for _ in range(10)]
pieces += [struct.pack(">Ic", len(body), b"H") + body for body in (b"{}", b"[]", b'{"user": null}', b'{"token": {}, "user": []}', b'{"method": 1}')]
for piece in pieces:
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(20)
        one.connect(path)
        try:
            one.sendall(piece)
            one.shutdown(socket.SHUT_WR)
            answer = one.recv(65536)
        except OSError:
            continue
        assert b'"secret"' not in answer and b'"status": 200' not in answer, answer
print("done")
"""


@pytest.mark.all
def test_garbage_at_the_sockets_gets_nothing_and_disturbs_nobody(web: Lab, admin: Operator) -> None:
    for path in ("/run/firmware/wui/login.sock", f"/run/firmware/wui/sessions/{admin.session}.sock"):
        assert (
            web.run(
                1, "setpriv", "--reuid=wui", "--regid=wui", "--clear-groups", "--", PYTHON, "-c", GARBAGE, path, "1"
            ).stdout
            == "done\n"
        )
    assert admin.ask("GET", "/session")["account"] == "admin"
    assert service_row(web, "wui")["state"] == "running"


@pytest.mark.all
@pytest.mark.parametrize("id", ["..", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "../../run", "0" * 16, "x" * 500, "%00"])
def test_what_is_no_name_of_a_session_ends_none(admin: Operator, id: str) -> None:
    admin.ask("DELETE", f"/sessions/{id}", status=404)
    assert admin.ask("GET", "/session")["id"] == admin.session


@pytest.mark.all
def test_a_session_takes_at_most_30_megabytes_whatever_was_asked_and_is_gone_once_it_ends(
    web: Lab, admin: Operator
) -> None:
    gets = [{"method": "GET", "path": filled(row.path)} for row in table.ENDPOINTS if row.method == "GET"]
    answers = admin.ask_all(*gets, *gets)
    assert not [one for one in answers if one["status"] == 500 and "inside the program" in str(one)], answers
    pid = next(
        pid
        for pid in session_pids(web)
        if json.loads(web.read(1, f"/run/firmware/wui/records/{admin.session}.json"))["pid"] == int(pid)
    )
    assert kilobytes(web, pid) <= 30 * 1024
    admin.ask("DELETE", "/session", status=204)
    assert eventually(lambda: pid not in session_pids(web))
    assert admin.session not in web.run(1, "ls", "-R", "/run/firmware/wui").stdout


@pytest.mark.all
def test_log_out_everywhere(web: Lab) -> None:
    one, other, third = operator(web), operator(web), operator(web, "night")
    third.ask("DELETE", "/sessions", status=204)
    assert one.ask("GET", "/session")["account"] == "admin", "a monitor ends the own account's"
    one.ask("DELETE", "/sessions", status=204)
    for gone in (one, other):
        assert gone.ask_all({"method": "GET", "path": "/session"})[0]["status"] in (0, 401)
    assert eventually(lambda: session_pids(web) == [])


@pytest.mark.all
def test_who_loses_the_account_or_its_password_is_logged_out(web: Lab) -> None:
    add_account(web, "temp", ADMIN)
    one, other = operator(web, "temp"), operator(web, "temp")
    one.ask("PUT", "/accounts/temp/password", {"password": "something else", "old": "wrong"}, status=409)
    one.ask("PUT", "/accounts/temp/password", {"password": "something else", "old": PASSWORD}, status=204)
    assert other.ask_all({"method": "GET", "path": "/session"})[0]["status"] in (0, 401)
    assert one.ask("GET", "/session")["account"] == "temp", "who changes the password stays"
    web.run(1, "account", "del", "temp")
    assert one.ask_all({"method": "GET", "path": "/session"})[0]["status"] in (0, 401)
    assert log_in(web, {"user": "temp", "password": "something else"})["status"] == 401


@pytest.mark.all
def test_a_token_opens_sessions_until_it_is_revoked(web: Lab) -> None:
    token = web.run(1, "account", "token", "admin", "--label", "backup").stdout.strip()
    found = log_in(web, {"token": token})
    bearer = Operator(web, 1, found["session"], found["secret"])
    assert bearer.ask("GET", "/session")["account"] == "admin"
    assert [one["token"] for one in bearer.ask("GET", "/sessions") if one["id"] == bearer.session] == ["backup"]
    web.run(1, "account", "token", "admin", "--revoke", "backup")
    assert bearer.ask_all({"method": "GET", "path": "/session"})[0]["status"] in (0, 401)
    assert log_in(web, {"token": token})["status"] == 401


@pytest.mark.all
@pytest.mark.parametrize(
    "away",
    ["config rollback {without}", "config restore", "config reset --yes", "cp /tmp/without /etc/wui/accounts.json"],
)
def test_an_account_that_was_taken_away_without_its_command_keeps_neither_session_nor_token(
    web: Lab, away: str
) -> None:
    """And comes to no new rights when it is back: only a new login does."""
    web.run(1, "sh", "-c", "cp -p /etc/wui/accounts.json /tmp/without")
    without = save(web, "without")
    add_account(web, "eve", ADMIN)
    token = web.run(1, "account", "token", "eve", "--label", "t").stdout.strip()
    with_her = save(web, "with her")
    if away == "config restore":
        web.run(1, "sh", "-c", "cp -p /etc/wui/accounts.json /tmp/with; cp -p /tmp/without /etc/wui/accounts.json")
        save(web, "without her again")
        web.run(1, "sh", "-c", "cp -p /tmp/with /etc/wui/accounts.json")
    found = log_in(web, {"token": token})
    sessions = [operator(web, "eve"), Operator(web, 1, found["session"], found["secret"])]
    assert [one.ask("GET", "/session")["account"] for one in sessions] == ["eve", "eve"]
    web.run(1, "sh", "-c", away.format(without=without))
    assert {one.ask_all({"method": "GET", "path": "/session"})[0]["status"] for one in sessions} <= {0, 401}
    assert log_in(web, {"token": token})["status"] == 401
    web.run(1, "config", "rollback", str(with_her))
    assert {one.ask_all({"method": "GET", "path": "/session"})[0]["status"] for one in sessions} <= {0, 401}
    assert log_in(web, {"token": token})["status"] == 200
    web.run(1, "account", "del", "eve")


def save(lab: Lab, message: str) -> int:
    return int(json.loads(lab.run(1, "config", "save", "--json", "-m", message).stdout)["generation"])


@pytest.mark.all
def test_a_restart_of_the_web_ui_leaves_sessions_alone_and_a_stop_ends_them(web: Lab, admin: Operator) -> None:
    run_service(web, "wui", "restart")
    assert admin.ask("GET", "/session")["account"] == "admin"
    assert operator(web).ask("GET", "/session")["account"] == "admin", "and others log in"
    run_service(web, "wui", "stop")
    assert eventually(lambda: session_pids(web) == [])
    run_service(web, "wui", "start")
    assert operator(web).ask("GET", "/session")["account"] == "admin"


def test_the_second_of_two_operators_is_told_that_the_block_has_changed_and_how(web: Lab, admin: Operator) -> None:
    other, before = operator(web), admin.ask("GET", "/services/wui/setup")
    admin.ask("PUT", "/services/wui/setup", {"text": "service wui\n\ttls on\n", "digest": before["digest"]})
    said = other.ask(
        "PUT", "/services/wui/setup", {"text": "service wui\n\tport 1\n", "digest": before["digest"]}, status=409
    )
    assert said["now"]["text"] == "service wui\n\ttls on\n"
    wrong = {"text": "service wui\n\tport 99999\n\tnonsense\n", "digest": said["now"]["digest"]}
    problem = other.ask("PUT", "/services/wui/setup", wrong, status=422)
    line = said["now"]["line"]
    assert [(one["file"], one["line"]) for one in problem["places"]] == [
        ("/etc/config.rc", line + 1),
        ("/etc/config.rc", line + 2),
    ]
    assert other.ask("GET", "/services/wui/setup") == said["now"], "nothing was written"
    other.ask("PUT", "/services/wui/setup", {"text": before["text"], "digest": said["now"]["digest"]})


@pytest.mark.all
def test_actions_answer_as_the_commands_do(web: Lab, admin: Operator) -> None:
    assert admin.ask("GET", "/services/nope", status=404)["hint"] == "service list"
    assert admin.ask("POST", "/services/haproxy/push", {}, status=503)["hint"] == "service csyncd start"
    assert admin.ask("POST", "/services/system/apply", {"confirm": 60}, status=400)["status"] == 400
    web.run(1, "sh", "-c", "echo nonsense >>/etc/haproxy/haproxy.cfg")
    problem = admin.ask("POST", "/services/haproxy/apply", {}, status=422)
    assert problem["places"][0]["file"] == "/etc/haproxy/haproxy.cfg" and problem["places"][0]["line"] > 1
    row = next(one for one in admin.ask("GET", "/services") if one["title"] == "haproxy")
    assert row["needs_apply"] and not row["may_push"] and row["files"] == ["/etc/haproxy/haproxy.cfg"]
    admin.ask("POST", "/services/haproxy/revert")
    assert admin.ask("POST", "/services/haproxy/check", {})["words"] == []
    for verb, state in (("stop", "stopped"), ("start", "running"), ("restart", "running"), ("reload", "running")):
        admin.ask("POST", f"/services/haproxy/{verb}", {})
        assert service_row(web, "haproxy")["state"] == state
    admin.ask("PUT", "/services/haproxy/autostart", {"autostart": False}, status=204)
    assert not service_row(web, "haproxy")["autostart"]
    admin.ask("PUT", "/services/haproxy/autostart", {"autostart": True}, status=204)


@pytest.mark.all
def test_a_generation_that_is_not_there_is_not_found(admin: Operator) -> None:
    problem = admin.ask("POST", "/config/rollback", {"generation": 99}, status=404)
    assert problem["detail"] == "generation 99: there is none"
    assert admin.ask("GET", "/config/diff", status=404, **{"from": "99"})["detail"] == problem["detail"]


def test_files_are_spelt_one_way_and_those_that_no_editor_takes_are_named(web: Lab, admin: Operator) -> None:
    name = "a\x1b[31mb.map"
    web.run(1, "sh", "-c", f"echo 'a b' >'/etc/haproxy/{name}'; printf '\\0' >/etc/haproxy/binary")
    (row,) = [one for one in admin.ask("GET", "/services") if one["title"] == "haproxy"]
    assert row["files"] == ["/etc/haproxy/haproxy.cfg", "/etc/haproxy/a\\033[31mb.map"]
    assert row["other_files"] == ["/etc/haproxy/binary"]
    (found,) = admin.ask_all({"method": "GET", "path": "/files", "query": {"path": row["files"][1]}})
    typed = {"text": "c d\n", "digest": found["content"]["digest"]}
    query = {"path": row["files"][1], "check": "1"}
    admin.ask_all({"method": "PUT", "path": "/files", "query": query, "body": typed})
    assert admin.ask("POST", "/services/haproxy/try", {"files": {row["files"][1]: "e f\n"}}) == {"places": []}
    assert web.read(1, f"/etc/haproxy/{name}") == "c d\n"
    web.run(1, "rm", f"/etc/haproxy/{name}", "/etc/haproxy/binary")


def test_nothing_is_offered_to_be_pushed_as_long_as_no_other_node_is_known(web: Lab, admin: Operator) -> None:
    def may_push() -> bool:
        return bool(admin.ask("GET", "/services/syslogd")["may_push"])

    assert not may_push() and "exchange keys first" in admin.ask("GET", "/services/syslogd")["reasons"][0]
    web.write(1, "/etc/csyncd/ssh_known_hosts", "node-2 ssh-ed25519 AAAA\n")
    assert may_push()
    web.run(1, "rm", "/etc/csyncd/ssh_known_hosts")


def test_what_is_saved_goes_out_comes_back_and_is_compared(web: Lab, admin: Operator) -> None:
    web.run(1, "sh", "-c", "echo '# one' >>/etc/hosts")
    first = admin.ask("POST", "/config/save", {"message": "one"})["generation"]
    web.run(1, "sh", "-c", "echo '# two' >>/etc/hosts")
    assert admin.ask("GET", "/config/changes")["changed"] == ["/etc/hosts"]
    admin.ask("POST", "/config/save", {"message": "two"})
    (between,) = admin.ask("GET", "/config/diff", **{"from": str(first), "to": "saved"})
    assert "+# two" in between["diff"] and "+# one" not in between["diff"]
    done = admin.ask("POST", "/config/rollback", {"generation": first})
    assert done["changes"]["changed"] == ["/etc/hosts"] and "# two" not in web.read(1, "/etc/hosts")
    admin.ask("POST", "/config/rollback", {"generation": 999_999}, status=404)
    admin.ask("POST", "/config/reset", {"word": "yes"}, status=400)
    assert next(one["current"] for one in admin.ask("GET", "/config/history"))
    passphrases = ({}, {"body": {"passphrase": PASSWORD}}, {"body": {"passphrase": ""}})
    plain, whole, refused = admin.ask_all(
        *({"method": "POST" if one else "GET", "path": "/config/export", **one} for one in passphrases)
    )
    assert "manifest.json" in plain["content"][:200] and "scrypt" not in plain["content"]
    assert int(plain["headers"]["Csyncd-Withheld"]) > 1 and whole["headers"]["Csyncd-Withheld"] == "0"
    assert whole["content"].startswith("csyncd encrypted") and refused["status"] == 409
    admin.ask("POST", "/config/import", status=400)


@pytest.mark.all
def test_accounts_are_made_and_deleted_and_the_last_admin_stays(admin: Operator) -> None:
    admin.ask("POST", "/accounts", {"name": "eve", "password": "short"}, status=400)
    admin.ask("POST", "/accounts", {"name": "eve", "password": "long enough", "role": "root"}, status=400)
    admin.ask("POST", "/accounts", {"name": "eve", "password": "long enough", "role": "monitor"})
    admin.ask("POST", "/accounts", {"name": "eve", "password": "long enough", "role": "monitor"}, status=409)
    made = admin.ask("POST", "/accounts/eve/tokens", {"label": "t"})
    assert made["token"].startswith("csyncd_")
    assert [one["label"] for one in admin.ask("GET", "/accounts/eve/tokens")] == ["t"]
    admin.ask("DELETE", "/accounts/eve/tokens/t", status=204)
    admin.ask("DELETE", "/accounts/eve", status=204)
    admin.ask("DELETE", "/accounts/eve", status=404)
    admin.ask("DELETE", "/accounts/admin", status=409)
