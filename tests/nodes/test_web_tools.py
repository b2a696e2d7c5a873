"""Tools, Logs, LB Admin and the editor, at the sockets of the web UI's root half, on a real node."""

import json

import pytest
from lab_driver import Lab, eventually
from service_helpers import page, run_service
from web_session import PASSWORD, WebSession, log_in, log_in_first, log_in_new_monitor

CONFIG = "/etc/haproxy/haproxy.cfg"
PROXIES = """\
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
frontend web
    bind :80
    default_backend app
backend app
    server one 127.0.0.1:8001 weight 10
    server two 127.0.0.1:8002 weight 20 backup
"""


@pytest.fixture(scope="module")
def admin(module_lab: Lab) -> WebSession:
    """Who may do everything."""
    return log_in_first(module_lab)


@pytest.fixture(scope="module")
def monitor(module_lab: Lab, admin: WebSession) -> WebSession:
    """Who may only look."""
    return log_in_new_monitor(module_lab)


@pytest.fixture(scope="module")
def haproxy(module_lab: Lab) -> Lab:
    """A node on which haproxy runs with a backend of two servers, whatever lies on its disk later."""
    module_lab.write(1, CONFIG, PROXIES)
    run_service(module_lab, "haproxy", "restart")
    return module_lab


# ---- the file manager


def test_a_file_is_made_written_moved_and_removed(module_lab: Lab, admin: WebSession) -> None:
    admin.ask("POST", "/files/directory", {"path": "/etc/work"}, status=204)
    made = admin.ask("PUT", "/files", {"text": "one\n"}, path="/etc/work/file")
    assert admin.ask("GET", "/files", path="/etc/work/file")["digest"] == made["digest"]
    conflict = admin.ask("PUT", "/files", {"text": "x", "digest": "xxh3-128:0"}, status=409, path="/etc/work/file")
    assert "it has changed since it was opened" in conflict["detail"]
    admin.ask("PUT", "/files", {"text": "two\n", "digest": made["digest"]}, path="/etc/work/file")
    admin.ask("POST", "/files/mode", {"path": "/etc/work/file", "mode": "0640", "group": "haproxy"}, status=204)
    admin.ask("POST", "/files/move", {"path": "/etc/work/file", "to": "/etc/work/caf\\351"}, status=204)
    (entry,) = admin.ask("GET", "/files", path="/etc/work")["entries"]
    assert (entry["name"], entry["mode"], entry["group"], entry["size"]) == ("caf\\351", "0640", "haproxy", 4)
    assert admin.ask("GET", "/files/content", path="/etc/work/caf\\351") == "two\n"
    admin.ask("GET", "/files", status=404, path="/etc/work/file")
    refused = admin.ask("DELETE", "/files", status=409, path="/etc/work")
    assert "there is something in it" in refused["detail"]
    admin.ask("DELETE", "/files", status=204, path="/etc/work", recursive="1")
    trail = json.loads(module_lab.run(1, "csync", "log", "--json").stdout)
    (written, *_) = [one for one in trail if one.get("files") == ["/etc/work/file"] and one["event"] == "file written"]
    assert (written["who"], written["from"]) == ("admin", "192.0.2.7 (web)")


@pytest.mark.all
def test_an_upload_is_what_came(admin: WebSession) -> None:
    admin.ask("PUT", "/files/content", "hello", path="/etc/upload")
    assert admin.ask("GET", "/files/content", path="/etc/upload") == '"hello"'
    assert "exists already" in admin.ask("PUT", "/files/content", "again", status=409, path="/etc/upload")["detail"]
    admin.ask("PUT", "/files/content", "again", path="/etc/upload", replace="1")
    admin.ask("DELETE", "/files", status=204, path="/etc/upload")


@pytest.mark.all
def test_the_checker_sees_a_text_before_it_is_written(module_lab: Lab, admin: WebSession) -> None:
    module_lab.write(1, CONFIG, page("before"))
    digest = admin.ask("GET", "/files", path=CONFIG)["digest"]
    wrong = page("x") + "frontend b\n    bind :81\n    nonsense here\n"
    line = wrong.splitlines().index("    nonsense here") + 1
    answer = admin.ask("PUT", "/files", {"text": wrong, "digest": digest}, status=422, path=CONFIG, check="1")
    assert (CONFIG, line) in [(one["file"], one["line"]) for one in answer["places"]]
    assert module_lab.read(1, CONFIG) == page("before")
    admin.ask("PUT", "/files", {"text": page("after"), "digest": digest}, path=CONFIG, check="1")
    assert module_lab.read(1, CONFIG) == page("after")
    config = admin.ask("GET", "/files", path="/etc/config.rc")
    text = config["text"] + "service nonsense\n"
    answer = admin.ask(
        "PUT", "/files", {"text": text, "digest": config["digest"]}, status=422, path="/etc/config.rc", check="1"
    )
    assert answer["places"][0]["line"] == len(text.splitlines())


def test_what_is_typed_is_checked_and_not_written(module_lab: Lab, admin: WebSession) -> None:
    module_lab.write(1, CONFIG, page("kept"))
    before = module_lab.run(1, "ls", "-lR", "--full-time", "/etc/haproxy").stdout
    typed = page("x") + "frontend b\n    bind :81\n    nonsense one\n    default_backend nowhere\n    nonsense two\n"
    places = admin.ask("POST", "/services/haproxy/try", {"files": {CONFIG: typed}})["places"]
    lines = typed.splitlines()
    assert {lines[one["line"] - 1].strip() for one in places if one["severity"] == "error"} >= {
        "nonsense one",
        "nonsense two",
    }
    warned = admin.ask("POST", "/services/haproxy/try", {"files": {CONFIG: f"global\n    user nobody\n{page('y')}"}})[
        "places"
    ]
    assert [(one["line"], one["severity"]) for one in warned] == [(2, "warning")]
    assert admin.ask("POST", "/services/haproxy/try", {"files": {"/etc/haproxy/new.map": "a b\n"}})["places"] == []
    (block,) = admin.ask("POST", "/services/haproxy/try", {"files": {}, "block": "service haproxy\n    nonsense\n"})[
        "places"
    ]
    assert block["file"] == "/etc/config.rc"
    assert module_lab.run(1, "ls", "-lR", "--full-time", "/etc/haproxy").stdout == before
    assert module_lab.run(1, "sh", "-c", "ls -d /run/firmware/typed.* 2>/dev/null", check=False).stdout == ""


@pytest.mark.all
@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/etc/passwd", "passwd"), ("/etc/haproxy/../passwd", "'..'"), ("/etc/haproxy", "haproxy"), ("/etc/haproxy/a/b", "b"),
        ("haproxy.cfg", "haproxy.cfg"),
    ],
)  # fmt: skip
def test_only_files_of_the_service_are_tried(admin: WebSession, path: str, named: str) -> None:
    answer = admin.answer("POST", "/services/haproxy/try", {"files": {path: "x"}})
    assert answer["status"] in (400, 500) and named in answer["content"]["detail"]


# ---- LB Admin


def test_proxies_are_shown_and_servers_told(haproxy: Lab, admin: WebSession) -> None:
    def server() -> dict[str, object]:
        (app,) = [one for one in admin.ask("GET", "/haproxy/proxies") if one["name"] == "app"]
        return {one["name"]: one for one in app["servers"]}["one"]  # type: ignore[no-any-return]

    assert (server()["address"], server()["weight"], server()["status"]) == ("127.0.0.1:8001", 10, "no check")
    for state, status in (("drain", "DRAIN"), ("maint", "MAINT"), ("ready", "no check")):
        admin.ask("POST", "/haproxy/servers/app/one", {"state": state}, status=204)
        assert server()["status"] == status
    admin.ask("POST", "/haproxy/servers/app/one", {"weight": 5}, status=204)
    assert server()["weight"] == 5
    messages = admin.talk("/proxies", ["until", "proxies"], ["end"])["messages"]
    assert {one["name"] for one in messages[0]["proxies"]} >= {"web", "app"}
    assert "app/one: drain" in haproxy.run(1, "csync", "log").stdout


@pytest.mark.all
def test_a_name_is_no_command(haproxy: Lab, admin: WebSession) -> None:
    for path in (
        "app/none", "web/FRONTEND", "app/BACKEND", "app/one%3Bshutdown", "app/one%0Ashow%20info", "app/one%20weight%201",
        "app%2Fone/two",
    ):  # fmt: skip
        problem = admin.ask("POST", f"/haproxy/servers/{path}", {"state": "maint"}, status=400)
        assert "haproxy has no such server" in problem["detail"]
    assert "MAINT" not in json.dumps(admin.ask("GET", "/haproxy/proxies"))


@pytest.mark.all
def test_states_and_weights_are_those_that_there_are(haproxy: Lab, admin: WebSession) -> None:
    for wish in (
        {},
        {"state": "off"},
        {"state": "ready\nshutdown"},
        {"weight": 257},
        {"weight": -1},
        {"state": "ready", "weight": 1},
    ):
        admin.ask("POST", "/haproxy/servers/app/one", wish, status=400)


@pytest.mark.all
def test_a_stopped_haproxy_is_said_to_be_stopped(module_lab: Lab, admin: WebSession) -> None:
    run_service(module_lab, "haproxy", "stop")
    assert admin.ask("GET", "/haproxy/proxies", status=409)["hint"] == "service haproxy start"
    (first, *_) = admin.talk("/proxies", ["until", "does not run"], ["end"])["messages"]
    assert first["proxies"] == [] and first["problem"]["status"] == 409
    run_service(module_lab, "haproxy", "start")


# ---- logs, network, time


def test_logs_grow_before_ones_eyes(module_lab: Lab, admin: WebSession) -> None:
    module_lab.run(1, "logger", "-t", "test", "line before <script>alert(1)</script>")
    steps = [["until", "line before"], ["end"]]
    found = admin.talk("/logs", *steps, source="system", filter="LINE BEFORE")
    assert "<script>" in found["messages"][0]["lines"][-1] and "missing" not in found
    writer = module_lab.start(1, "sh", "-c", "until [ -e /tmp/go ]; do sleep 0.05; done; logger 'escape \x1b[2J after'")
    module_lab.write(1, "/tmp/go", "")
    found = admin.talk("/logs", ["until", "escape"], ["end"], source="system", lines=20)
    writer.wait()
    assert "missing" not in found and "\x1b" not in json.dumps(found)
    assert [one["name"] for one in admin.ask("GET", "/logs/sources")] == ["system", "events", "console", "haproxy.log"]


@pytest.mark.all
@pytest.mark.parametrize("source", ["system", "events", "console", "haproxy.log"])
def test_every_log_can_be_read_and_downloaded(admin: WebSession, source: str) -> None:
    assert len(admin.ask("GET", "/logs", source=source, lines="3")["lines"]) <= 3
    answer = admin.answer("GET", "/logs/download", source=source)
    assert answer["status"] == 200 and answer["name"] == f"{source}.log"


@pytest.mark.all
@pytest.mark.parametrize("source", ["", "../../etc/passwd", "messages.d/../x", "shadow"])
def test_a_log_is_one_of_those_that_there_are(admin: WebSession, source: str) -> None:
    for path in ("/logs", "/logs/download"):
        assert "there is no such log" in admin.ask("GET", path, status=400, source=source)["detail"]


@pytest.mark.all
def test_network_and_time_are_as_they_are(admin: WebSession) -> None:
    network = admin.ask("GET", "/network")
    eth0 = {one["name"]: one for one in network["interfaces"]}["eth0"]
    assert "10.32.0.11/24" in eth0["addresses"] and eth0["state"] == "up"
    assert "10.32.0.0/24" in [one["to"] for one in network["routes"]]
    assert admin.ask("GET", "/time")["service"] == "stopped"


# ---- the terminal


def test_a_shell_of_root_in_the_browser(module_lab: Lab, admin: WebSession) -> None:
    found = admin.talk(
        "/terminal", ["type", "stty size; tty; echo uid-$(id -u) $0\n"], ["until", "uid-0"], ["send", {"resize": [132, 43]}],
        ["type", "stty size\n"], ["until", "43 132"], ["type", "exit 3\n"], ["rest"], columns=91, rows=27,
    )  # fmt: skip
    assert "27 91" in found["bytes"] and "/dev/pts/" in found["bytes"] and "missing" not in found
    assert found["messages"] == [{"ended": "the shell ended with exit status 3"}] and found["end"] == {}
    log = module_lab.run(1, "csync", "log").stdout
    assert "admin at 192.0.2.7 (web)" in log and "the shell ended with exit status 3" in log


@pytest.mark.all
def test_control_c_reaches_what_runs_there(admin: WebSession) -> None:
    found = admin.talk(
        "/terminal", ["type", "sh -c 'echo be\"\"gun; exec sleep 600'\n"], ["until", "begun"], ["type", "\x03"],
        ["type", "echo al''ive $?\n"], ["until", "alive 130"], ["end"],
    )  # fmt: skip
    assert "missing" not in found


def test_what_was_started_in_a_terminal_ends_with_it(module_lab: Lab, admin: WebSession) -> None:
    """In the background, without a terminal, in a session of its own; but not what a service starts."""
    found = admin.talk(
        "/terminal",
        ["type", "sleep 7001 & nohup sleep 7002 >/dev/null 2>&1 & setsid sleep 7003 & (setsid -f sleep 7004); service haproxy restart\n"],
        ["type", "echo al''l up\n"], ["until", "all up"], ["end"], ["rest"],
    )  # fmt: skip
    assert "missing" not in found
    left = "ps -e -o args | grep -E 'sleep 700[0-9]$' || :"
    assert eventually(lambda: module_lab.run(1, "sh", "-c", left).stdout == "")
    assert json.loads(run_service(module_lab, "haproxy", "status", "--json").stdout)["state"] == "running"


@pytest.mark.all
@pytest.mark.parametrize("how", ["log out", "kill"])
def test_a_terminal_ends_with_its_session(module_lab: Lab, admin: WebSession, how: str) -> None:
    """Also where the process of the session is killed: then the kernel ends the shell, and what runs in its foreground."""
    session = log_in(module_lab, 1, user="admin", password=PASSWORD)
    before = module_lab.run(1, "pgrep", "-f", "firmware session").stdout.split()
    end = {"log out": "kill -TERM", "kill": "kill -KILL"}[how]
    words = f'session=$(ps -o ppid= -p $$); sh -c "{end} $session; exec sleep 7005"\n'
    session.talk("/terminal", ["type", words], ["rest"])
    assert eventually(lambda: module_lab.run(1, "pgrep", "-f", "sleep 7005", check=False).status != 0)
    assert eventually(lambda: len(module_lab.run(1, "pgrep", "-f", "firmware session").stdout.split()) < len(before))


def test_what_was_started_in_a_terminal_ends_with_a_session_that_is_killed(module_lab: Lab, admin: WebSession) -> None:
    """In the background, in a session of its own; the session itself can end nothing any more."""
    session = log_in(module_lab, 1, user="admin", password=PASSWORD)
    started = "sleep 7011 & setsid sleep 7012 & (setsid -f sleep 7013); nohup sleep 7014 >/dev/null 2>&1 &\n"
    kill = "kill -KILL $(ps -o ppid= -p $$)\n"
    session.talk(
        "/terminal", ["type", started], ["type", "echo al''l up\n"], ["until", "all up"], ["type", kill], ["rest"]
    )
    left = "ps -e -o args | grep -E '^(sleep 701[0-9]|.*[l]ogin_keeper.*)$' || :"
    assert eventually(lambda: module_lab.run(1, "sh", "-c", left).stdout == "")


@pytest.mark.all
def test_what_is_not_drawn_is_not_sent(module_lab: Lab, admin: WebSession) -> None:
    """A screen that acknowledges nothing gets a bounded part, and Ctrl-C still comes through."""
    found = admin.talk(
        "/terminal", ["type", "yes 0123456789\n"], ["quiet", 200_000], ["type", "\x03"], ["send", {"ack": 1 << 20}],
        ["type", "echo st''opped\n"], ["until", "stopped"], ["end"], ["rest"],
    )  # fmt: skip
    assert "missing" not in found and len(found["bytes"]) > 128 << 10


@pytest.mark.all
def test_a_terminal_takes_what_it_knows(admin: WebSession) -> None:
    for size in ({"columns": 0}, {"rows": 1001}, {"columns": "x"}):
        assert admin.talk("/terminal", ["rest"], **size)["end"]["status"] == 400
    assert admin.talk("/terminal", ["send", {"resize": [0, 0]}], ["rest"])["end"]["status"] == 400
    assert admin.talk("/terminal", ["send", {"nonsense": 1}], ["rest"])["end"]["status"] == 400


@pytest.mark.all
def test_what_a_terminal_does_is_noted_for_who_has_logged_in(module_lab: Lab, admin: WebSession) -> None:
    words = "echo correct horse battery | account add other; echo ma''de\n"
    admin.talk("/terminal", ["type", words], ["until", "made"], ["end"], ["rest"])
    made = [one for one in json.loads(module_lab.run(1, "csync", "log", "--json").stdout) if "other" in json.dumps(one)]
    assert [(one["who"], one["from"]) for one in made] == [("admin", "192.0.2.7 (web)")]


# ---- ping, traceroute, capture


@pytest.mark.all
def test_ping_and_traceroute_say_what_comes_back(admin: WebSession, monitor: WebSession) -> None:
    found = monitor.talk("/ping", ["rest"], address="10.32.0.12", packets=2)
    assert found["messages"][-1] == {"said": ""} and "2 packets received" in json.dumps(found)
    found = admin.talk("/traceroute", ["rest"], address="10.32.0.12")
    assert found["messages"][-1] == {"said": ""} and "10.32.0.12" in json.dumps(found["messages"][1:])
    found = admin.talk("/ping", ["until", "seq=0"], ["end"], ["rest"], address="10.32.0.12", packets=100)
    assert "missing" not in found


@pytest.mark.all
@pytest.mark.parametrize(
    "address", ["", "-f", "--help", "10.32.0.12; id", "a b", "$(id)", "::1%eth0;id", "x" * 254, "a\nb"]
)
def test_an_address_is_no_option_and_no_command(admin: WebSession, address: str) -> None:
    for channel in ("/ping", "/traceroute"):
        assert admin.talk(channel, ["rest"], address=address)["end"]["status"] == 400


def test_packets_are_shown_and_kept_as_a_file(module_lab: Lab, admin: WebSession) -> None:
    flood = module_lab.start(1, "busybox", "ping", "-c", "4000", "-i", "0.1", "10.32.0.12")
    found = admin.talk(
        "/capture", ["until", "echo request"], ["rest"], interface="eth0", filter="icmp", packets=4, seconds=30
    )
    flood.kill()
    flood.wait()
    name = found["messages"][0]["capture"]
    assert found["end"] == {} and "4 packets captured" in found["messages"][-1]["said"]
    content = admin.answer("GET", f"/captures/{name}")
    data = content["content"].encode("latin-1")
    assert data[:4] in (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4") and len(data) == found["messages"][-1]["bytes"]
    assert content["name"].endswith(".pcap")
    left = "ps -e -o args | grep '[t]cpdump' || :"
    assert eventually(lambda: module_lab.run(1, "sh", "-c", left).stdout == "")


@pytest.mark.all
def test_a_capture_ends_by_itself_or_when_it_is_told_to(admin: WebSession) -> None:
    ended = admin.talk("/capture", ["rest"], interface="eth0", filter="udp port 9", seconds=1)
    assert "0 packets captured" in ended["messages"][-1]["said"]
    ended = admin.talk(
        "/capture", ["until", "capture"], ["send", {"stop": True}], ["rest"], interface="any", seconds=600
    )
    assert ended["end"] == {} and ended["messages"][-1]["said"]


@pytest.mark.all
@pytest.mark.parametrize(
    "query",
    [
        {"interface": "eth0 -w /etc/passwd"}, {"interface": "-w/etc/x"}, {"interface": "nothing0"}, {"packets": 0},
        {"seconds": 100000}, {"filter": "a\nb"}, {"filter": "x" * 1001},
    ],
)  # fmt: skip
def test_a_capture_is_bounded_and_its_interface_is_one(admin: WebSession, query: dict[str, object]) -> None:
    assert admin.talk("/capture", ["rest"], **query)["end"]["status"] == 400


@pytest.mark.all
@pytest.mark.parametrize(
    "filter", ["-w /etc/filter-wrote", "-z sh -G 1 -w /etc/filter-wrote", "-F /etc/shadow", "--version", "tcp port"]
)
def test_a_filter_is_no_option(module_lab: Lab, admin: WebSession, filter: str) -> None:
    found = admin.talk("/capture", ["rest"], interface="lo", filter=filter, seconds=5)
    assert "tcpdump: " in found["end"]["detail"] and "syntax error" in found["end"]["detail"]
    assert module_lab.run(1, "ls", "/etc/filter-wrote", check=False).status != 0


@pytest.mark.all
def test_tcpdump_runs_as_its_account_and_may_do_nothing_else(module_lab: Lab, admin: WebSession) -> None:
    look = "for p in $(pgrep -x tcpdump); do grep -E '^(Uid|CapEff|CapBnd|NoNewPrivs)' /proc/$p/status; done >/tmp/seen; touch /tmp/looked"
    watcher = module_lab.start(
        1, "sh", "-c", f"until pgrep -x tcpdump >/dev/null; do sleep 0.05; done; sleep 0.2; {look}"
    )
    admin.talk("/capture", ["wait", "/tmp/looked"], ["end"], ["rest"], interface="lo")
    watcher.wait()
    seen = module_lab.read(1, "/tmp/seen").split()
    assert "405" in seen and "0000000000002000" in seen and seen[seen.index("NoNewPrivs:") + 1] == "1"


# ---- who may only look


def test_who_may_only_look_changes_and_reads_nothing_else(
    module_lab: Lab, admin: WebSession, monitor: WebSession
) -> None:
    refused = [
        ("GET", "/files", {}), ("PUT", "/files", {"path": "/etc/x"}), ("DELETE", "/files", {"path": "/etc/x"}),
        ("GET", "/files/content", {"path": "/etc/shadow"}), ("PUT", "/files/content", {"path": "/etc/x"}),
        ("POST", "/files/move", {}), ("POST", "/files/mode", {}), ("POST", "/files/directory", {}),
        ("POST", "/services/haproxy/try", {}), ("POST", "/haproxy/servers/app/one", {}), ("GET", "/captures/x", {}),
    ]  # fmt: skip
    for method, path, query in refused:
        assert monitor.answer(method, path, **query)["status"] == 403, (method, path)
    for channel in ("/terminal", "/capture"):
        assert monitor.talk(channel, ["rest"])["end"]["status"] == 403
    for path in ("/network", "/time", "/logs", "/logs/sources", "/haproxy/proxies"):
        assert monitor.answer("GET", path)["status"] == 200, path


@pytest.mark.all
def test_who_may_only_look_sees_no_secret_in_a_log(module_lab: Lab, admin: WebSession, monitor: WebSession) -> None:
    module_lab.run(1, "logger", "stats auth admin:hunter2")
    query = {"source": "system", "lines": "50"}
    for path in ("/logs", "/logs/download"):
        query = {"source": "system"}
        assert "hunter2" in json.dumps(admin.answer("GET", path, **query))
        shown = json.dumps(monitor.answer("GET", path, **query))
        assert "hunter2" not in shown and "not shown" in shown
    assert monitor.ask("GET", "/logs", source="system", filter="hunter2")["lines"] == []
