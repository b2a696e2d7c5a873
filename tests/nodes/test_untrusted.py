"""What a peer pushes may be hostile: no line of it runs as root, reads a secret of the node, or writes where others do."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import hostile_node
import pytest
from hostile_node import LUA, PRIVATE, SCRIPT, process_status, process_statuses, send_proposal, surroundings
from lab_driver import Lab, eventually
from push_helpers import pair_nodes
from service_helpers import page, run_service, service_pid
from story import Stage

FILE = "haproxy.cfg"
PORT = 8080


#: files that haproxy may write, but for where they lie
OWN_FILES: dict[str, Any] = {"directories": {"own": ("0755", "root")}, "given": ("own/planted", "own/x.pid")}


@pytest.fixture(scope="module")
def stage(module_lab: Lab) -> Stage:
    """Two nodes that are paired; root has a password."""
    made = Stage(module_lab, tell=lambda text: None)
    pair_nodes(made)
    made.shows(1, "green")
    for node in (1, 2):
        made.on(node, "sed", "-i", "s#^root:[^:]*:#root:$6$saltsalt$" + "q1W2e3R4t5Y6" * 6 + ":#", "/etc/shadow")
        made.on(node, "config", "save", "-m", "with a password")
    return made


@pytest.fixture
def lab(stage: Stage) -> Iterator[Lab]:
    """The pair, with an honest haproxy on node 2; whatever is pushed then, everything else of the node stays as it is."""
    honest = send_proposal(stage.lab, {FILE: page("honest", PORT)})
    assert honest["result"] in ("applied", "unchanged"), honest["reload"]
    before = surroundings(stage.lab)
    yield stage.lab
    assert surroundings(stage.lab) == before
    words = hostile_node.all_that_was_said(stage.lab) + hostile_node.all_that_was_said(stage.lab, 1)
    assert [line for node in (1, 2) for line in hostile_node.secrets(stage.lab, node) if line in words] == []


#: what a push might have done to a node
HARM = (
    "echo x >/usr/bin/planted", "chmod 4755 /usr/bin/env", "ln -sf /etc/shadow /usr/sbin/haproxy", "rm /usr/bin/test", "mkdir /planted",
    "echo x >>/usr/bin/false", "touch /tmp/planted", "chmod 644 /etc/shadow", "echo >>/etc/config.rc", "echo x >/flash/planted",
)  # fmt: skip


def test_what_is_compared_shows_harm(fresh_lab: Lab) -> None:
    """The control of all tests here: what their fixture compares before and after them."""
    before = surroundings(fresh_lab, 1)
    for command in HARM:
        assert surroundings(fresh_lab, 1) == before, "it is the same for as long as nothing is done"
        fresh_lab.run(1, "sh", "-c", command)
        after = surroundings(fresh_lab, 1)
        assert after != before, command
        before = after


def harmless(lab: Lab, words: str) -> None:
    """Hold what a probe told to nothing that it should not have been able to do."""
    assert [line for line in hostile_node.secrets(lab) if line in words] == []
    worked = {line.partition(" ")[2] for line in words.splitlines() if line.startswith(("WROTE ", "READ "))}
    assert worked <= {*PRIVATE, "own"}
    assert worked >= set(PRIVATE), "the probe has not even tried"


def confined(lab: Lab, found: dict[str, list[str]], capabilities: int = 1 << 10) -> None:
    """Hold a process to the account, and to the capabilities that it may have (CAP_NET_BIND_SERVICE alone)."""
    uid = lab.run(2, "id", "-u", "haproxy").stdout.strip()
    assert found["Uid"] == [uid] * 4 and found["Groups"] == []
    assert {int(found[f"Cap{kind}"][0], 16) for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {capabilities}
    assert found["NoNewPrivs"] == ["1"]


def all_confined(lab: Lab, pattern: str) -> bool:
    """Whether there are such processes; whatever is found is held to its account."""
    found = process_statuses(lab, pattern)
    for process in found:
        confined(lab, process)
    return bool(found)


def get(lab: Lab, port: int = PORT) -> str:
    """What haproxy on node 2 answers, asked from node 1."""
    return lab.run(1, "curl", "-s", "-m", "20", f"http://10.32.0.12:{port}/", check=False).stdout


def processes(lab: Lab, pattern: str) -> list[int]:
    return [int(word) for word in lab.run(2, "pgrep", "-f", pattern, check=False).stdout.split()]


def words_of(report: dict[str, Any]) -> str:
    """All that travels back to the pusher."""
    return repr(report)


def test_the_hostile_node_can_push_at_all(lab: Lab) -> None:
    assert get(lab) == "honest"
    assert send_proposal(lab, {FILE: page("other", PORT)})["result"] == "applied"
    assert get(lab) == "other"


@pytest.mark.parametrize(("mode", "owner"), [("0700", "haproxy"), ("0770", "root"), ("0777", "root")])
def test_no_directory_is_taken_in_which_haproxy_could_exchange_things(lab: Lab, mode: str, owner: str) -> None:
    files = {FILE: page("own", PORT), "own/x": "x"}
    report = send_proposal(lab, files, directories={"own": (mode, owner)})
    assert report["result"] == "refused" and "haproxy could exchange what lies in it" in report["message"]
    assert get(lab) == "honest"
    assert send_proposal(lab, files, directories={"own": ("0750", "root")})["result"] == "applied"


def test_lua_that_runs_in_the_checker_reads_and_writes_nothing_and_says_so(lab: Lab) -> None:
    files = {FILE: page("lua", PORT, "    lua-load /etc/haproxy/x.lua"), "x.lua": LUA + "error(tried())\n"}
    report = send_proposal(lab, files, **OWN_FILES)
    assert (report["result"], report["message"]) == ("failed", "the checker says no")
    told = report["check"]["output"]
    harmless(lab, told)
    assert "programs run" in told and "no read /etc/shadow" in told and "no write /etc/haproxy/own/planted" in told
    for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb"):
        assert f"Cap{kind}:\t0000000000000000" in told
    assert "NoNewPrivs:\t1" in told and "uid=411(haproxy-check) gid=401(haproxy) groups=401(haproxy)" in told
    assert get(lab) == "honest"


SERVICE = """
local loaded = tried()
core.register_service("tell", "http", function(applet)
  local words = loaded .. "\\nNOW\\n" .. tried()
  applet:set_status(200)
  applet:add_header("content-length", #words)
  applet:start_response()
  applet:send(words)
end)
"""


def lua_service(port: int = PORT) -> dict[str, str]:
    more = "    lua-load /etc/haproxy/x.lua\n    insecure-fork-wanted"
    config = page("lua", port, more).replace("http-request return", "http-request use-service lua.tell\n    #")
    return {FILE: config, "x.lua": LUA + SERVICE}


def test_lua_that_runs_in_the_daemon_reads_and_writes_nothing(lab: Lab) -> None:
    report = send_proposal(lab, lua_service(), **OWN_FILES)
    assert report["result"] == "applied", report
    told, _, now = get(lab).partition("\nNOW\n")
    for words in (told, now):
        harmless(lab, words)
        assert "WROTE own" in words and "programs run" in words and "no write /etc/haproxy/own/planted" in words
    assert lab.read(2, "/run/haproxy/control") == "mine"
    master = service_pid(lab, "haproxy", 2)
    found = process_statuses(lab, "^haproxy ")  # one of before may still be on its way out
    assert len(found) >= 2 and str(master) in {process["Pid"][0] for process in found}
    for process in found:
        confined(lab, process)


def test_a_push_by_the_commands_is_no_different(stage: Stage, lab: Lab) -> None:
    for name, text in lua_service().items():
        lab.write(1, f"/etc/haproxy/{name}", text)
    stage.on(1, "service", "haproxy", "apply")
    stage.on(1, "csync", "diff", "haproxy")
    stage.on(1, "csync", "push", "haproxy", "--force")
    harmless(lab, get(lab))


def test_programs_and_external_checks_have_no_more_rights_than_haproxy(lab: Lab) -> None:
    config = page("programs", PORT, "    external-check\n    insecure-fork-wanted") + PROGRAMS
    files = {
        FILE: config,
        "program.sh": SCRIPT + "exec sleep 7771\n",
        "check.sh": SCRIPT.replace("$1", "check").replace("exec 2>&1\n", AFTER_PROGRAM) + "exec sleep 7772\n",
    }
    report = send_proposal(lab, files, **OWN_FILES)
    assert report["result"] == "applied", report
    for number in (7771, 7772):
        assert eventually(partial(all_confined, lab, f"^sleep {number}"))
    assert eventually(lambda: "the script of program is through" in log(lab))
    harmless(lab, log(lab))
    assert lab.read(2, "/run/haproxy/control-program") == lab.read(2, "/run/haproxy/control-check") == "mine\n"


#: both try the same names, and would find each other's links there
AFTER_PROGRAM = "exec 2>&1\nuntil [ -e /run/haproxy/control-program ]; do sleep 0.1; done\n"
PROGRAMS = """
program one
    command /bin/sh /etc/haproxy/program.sh program
backend checked
    option external-check
    external-check path /usr/bin:/bin
    external-check command /etc/haproxy/check.sh
    server s 127.0.0.1:9 check inter 20s
"""


def log(lab: Lab) -> str:
    """What haproxy on node 2 and its children said, without time stamps."""
    lines = lab.run(2, "sh", "-c", "cat /run/firmware/log/haproxy/*").stdout.splitlines()
    return "\n".join(line[len("2000-01-01 00:00:00.000000000  ") :] for line in lines)


@pytest.mark.all
@pytest.mark.parametrize("who", ["user root", "group root"])
def test_a_program_section_cannot_choose_its_account(lab: Lab, who: str) -> None:
    program = f"program one\n    command /bin/sleep 7773\n    {who}\n"
    report = send_proposal(lab, {FILE: page("programs", PORT) + program})
    for found in process_statuses(lab, "sleep 7773"):
        confined(lab, found)
    harmless_report(lab, report)


def harmless_report(lab: Lab, report: dict[str, Any]) -> None:
    assert [line for line in hostile_node.secrets(lab) if line in words_of(report)] == []


@pytest.mark.all(but=["user root", 'us"er" root'])
@pytest.mark.parametrize("line", ["user root", "group root", "uid 0", "gid 0", "chroot /etc", 'us"er" root', "uid '0'"])
def test_haproxy_cannot_become_somebody_else(lab: Lab, line: str) -> None:
    """Lines that stock files have are passed over; what our look at the file misses, the kernel does not grant."""
    send_proposal(lab, {FILE: page("other", PORT, f"    {line}")})
    # One that has had to change its root keeps what that takes until its next start.
    run_service(lab, "haproxy", "restart", node=2)
    capabilities = 1 << 10 | (1 << 18 if line.startswith("chroot") else 0)
    confined(lab, process_status(lab, service_pid(lab, "haproxy", 2)), capabilities)


#: how haproxy can be made to read a file that it is told: lines for the sections global, frontend, and others
READS = {
    "errorfile": ("", "    errorfile 503 {}", ""),
    "http-errors": ("", "    errorfiles e", "http-errors e\n    errorfile 503 {}"),
    "return file": ("", "    http-request return status 200 content-type text/plain file {}", ""),
    "lf-file": ("", "    http-request return status 200 content-type text/plain lf-file {}", ""),
    "map": ("", "    http-request set-header x %[path,map({})]", ""),
    "acl": ("", "    acl a src -f {}", ""),
    "lua-load": ("    lua-load {}", "", ""),
    "lua-load-per-thread": ("    lua-load-per-thread {}", "", ""),
    "crt": ("", "    bind :8443 ssl crt {}", ""),
    "crt-list": ("", "    bind :8443 ssl crt-list {}", ""),
    "ca-file": ("", "    bind :8443 ssl crt /etc/haproxy/x.pem ca-file {} verify required", ""),
    "server ca-file": ("", "", "backend b\n    server s 127.0.0.1:9 ssl verify required ca-file {}"),
    "server crt": ("", "", "backend b\n    server s 127.0.0.1:9 ssl verify none crt {}"),
    "ssl-dh-param-file": ("    ssl-dh-param-file {}", "", ""),
    "issuers-chain-path": ("    issuers-chain-path {}", "", ""),
    "h1-case-adjust-file": ("    h1-case-adjust-file {}", "", ""),
    "spoe": ("", "    filter spoe engine e config {}", ""),
    "server-state-file": ("    server-state-file {}", "    default_backend b", "backend b\n    load-server-state-from-file global\n    server s 127.0.0.1:9"),
    "pidfile": ("    pidfile {}", "", ""),
    "log": ("    log {} local0", "", ""),
}  # fmt: skip


def reading(how: str, path: str) -> dict[str, str]:
    globals_, frontend, more = (part.format(path) for part in READS[how])
    config = page("reads", PORT, globals_).replace("    http-request", f"{frontend}\n    http-request")
    return {FILE: f"{config}\n{more}\n"}


#: of the ways above, those that tell the contents of a file which haproxy may read
QUOTE = ("acl", "crt-list", "spoe", "return file", "lf-file")


def test_haproxy_does_quote_and_serve_what_it_may_read(lab: Lab) -> None:
    """The control for the test below: with a file of its own, secrets would be told."""
    for how in QUOTE:
        report = send_proposal(lab, {**reading(how, "/etc/haproxy/canary"), "canary": "canary47:wr$ong:1:2:3:4\n"})
        assert "canary47" in report["check"]["output"] + get(lab), how


@pytest.mark.all(but=["return file", "acl", "lua-load", "crt", "log"])
@pytest.mark.parametrize("how", READS)
def test_no_directive_makes_haproxy_tell_a_secret(lab: Lab, how: str) -> None:
    for path in ("/etc/shadow", "/etc/wui/tls.pem"):
        report = send_proposal(lab, reading(how, path))
        assert [line for line in hostile_node.secrets(lab) if line in words_of(report) + get(lab)] == [], path


#: where haproxy can be told to write or to connect: lines for the section global, for the frontend, and after it
WRITES = {
    "pidfile of /etc": ("    pidfile /etc/config.rc", "", ""),
    "pidfile of its own directory": ("    pidfile /etc/haproxy/own/x.pid", "", ""),
    "pidfile of the supervisor": ("    pidfile /run/firmware/scan/haproxy/run", "", ""),
    "stats socket": ("    stats socket /run/firmware/planted.sock level admin mode 666", "", ""),
    "stats socket in /etc": ("    stats socket /etc/haproxy/own/planted.sock level admin mode 666", "", ""),
    "bind": ("", "    bind unix@/run/planted.sock user root mode 777", ""),
    "unix-bind": ("    unix-bind prefix /etc/ user root group root mode 777", "    bind unix@/planted", ""),
    "log socket": ("    log /run/firmware/csyncd.sock local0", "", ""),
    "log file": ("    log /etc/config.rc local0", "", ""),
    "server-state-base": ("    server-state-base /etc/csyncd\n    server-state-file id_ed25519", "", ""),
    "crt-base": ("    crt-base /etc/csyncd\n    ca-base /etc/wui", "    bind :8443 ssl crt id_ed25519 ca-file tls.pem verify required", ""),
    "localpeer": ("    localpeer ../../etc/planted", "", "peers p\n    peer ../../etc/planted 127.0.0.1:10000"),
    "insecure": ("    insecure-setuid-wanted\n    insecure-fork-wanted\n    set-dumpable", "", ""),
    "setenv": ("    setenv PATH /etc/haproxy/own\n    presetenv LD_PRELOAD /etc/haproxy/x.so\n    setenv HOME /root", "", ""),
}  # fmt: skip


@pytest.mark.all(but=["pidfile of /etc", "stats socket in /etc", "unix-bind", "setenv"])
@pytest.mark.parametrize("how", WRITES)
def test_no_directive_makes_haproxy_write_elsewhere(lab: Lab, how: str) -> None:
    """The fixture compares all of the node with what it was before."""
    globals_, frontend, more = WRITES[how]
    config = page("writes", PORT, globals_).replace("    http-request", f"{frontend}\n    http-request")
    report = send_proposal(lab, {FILE: f"{config}\n{more}\n"}, **OWN_FILES)
    assert report["result"] in ("applied", "failed", "rolled-back"), report
    assert get(lab) == ("writes" if report["result"] == "applied" else "honest")
    for found in (process_status(lab, service_pid(lab, "haproxy", 2)), *process_statuses(lab, "^haproxy ")):
        confined(lab, found)
    # An administrator may have given it the directory; it writes nothing there for all that.
    lab.run(2, "sh", "-c", "if cd /etc/haproxy/own; then chown haproxy . && chmod 777 . && find . >/run/before; fi")
    lab.run(2, "service", "haproxy", "restart", check=False)
    lab.run(2, "sh", "-ec", "cd /etc/haproxy/own || exit 0; find . | cmp - /run/before; rm /run/before")


@pytest.mark.all(but=["/run/firmware/csyncd.sock"])
@pytest.mark.parametrize(
    "socket", ["/run/firmware/csyncd.sock", "/run/firmware/csyncd/link.sock", "/run/firmware/peer/node-1.sock"]
)
def test_haproxy_is_no_door_to_the_sockets_of_csyncd(lab: Lab, socket: str) -> None:
    door = page("door", PORT).replace("http-request return", "default_backend b\n    #")
    report = send_proposal(lab, {FILE: f"{door}backend b\n    server s unix@{socket}\n"})
    assert report["result"] == "applied", report
    answer = lab.run(1, "curl", "-s", "-m", "20", "-d", "{}", f"http://10.32.0.12:{PORT}/status").stdout
    assert "503 Service Unavailable" in answer


def test_what_leaves_its_process_group_ends_with_the_daemon(lab: Lab) -> None:
    program = "program one\n    command /bin/sh /etc/haproxy/program.sh\n"
    hidden = "#!/bin/sh\nsetsid sh -c 'trap \"\" TERM HUP; sleep 7774; :' &\nexec sleep 7775\n"
    assert send_proposal(lab, {FILE: page("hidden", PORT) + program, "program.sh": hidden})["result"] == "applied"
    assert eventually(lambda: len(processes(lab, "^sleep 777[45]")) == 2)
    lab.run(2, "service", "haproxy", "restart")
    assert eventually(lambda: len(processes(lab, "^sleep 777[45]")) == 2), "the new daemon starts its own"
    lab.run(2, "service", "haproxy", "stop")
    assert processes(lab, "sleep 777[45]") == []
    lab.run(2, "service", "haproxy", "start")


PUSHABLE = ("haproxy", "syslogd", "snmpd", "ipvsd", "firewall", "dataplaneapi")
OWN = ("system", "network", "vrrp", "wg", "ntp", "sshd", "csyncd", "wui")
EVERYWHERE = ("bin /bin/sh", "cmdline /bin/sh -c id", "pidfile /etc/config.rc", "procname sh")
SOMEWHERE = ("modprobe dummy", "sysctl kernel.core_pattern=x", "notify /bin/sh", "load /bin/sh", "unload /bin/sh")


@pytest.mark.all(but=["haproxy", "snmpd"])
@pytest.mark.parametrize("service", PUSHABLE)
def test_directives_that_name_programs_are_refused_by_the_receiver(lab: Lab, service: str) -> None:
    before = hostile_node.everything(lab)
    for line in (*EVERYWHERE, *SOMEWHERE, "no bin", "'bin' /bin/sh", "bin\t/bin/sh"):
        report = send_proposal(lab, {}, service=service, block=f"service {service}\n\t{line}\n")
        assert report["result"] == "refused", (line, report)
        known = line not in SOMEWHERE or (service, line) == ("firewall", "modprobe dummy")
        assert ("a peer may not set" if known else "unknown directive") in report["message"]
    assert hostile_node.everything(lab) == before


@pytest.mark.all(but=["system", "sshd"])
@pytest.mark.parametrize("service", OWN)
def test_services_of_the_node_itself_are_refused_by_the_receiver(lab: Lab, service: str) -> None:
    before = hostile_node.everything(lab)
    for line in (*EVERYWHERE, *SOMEWHERE, "autostart"):
        report = send_proposal(lab, {}, service=service, block=f"service {service}\n\t{line}\n")
        assert (report["result"], "this node's own" in report["message"]) == ("refused", True)
    assert hostile_node.everything(lab) == before


@pytest.mark.all(but=["bin /bin/sh"])
@pytest.mark.parametrize("line", EVERYWHERE)
def test_directives_that_name_programs_are_refused_by_the_pusher(stage: Stage, lab: Lab, line: str) -> None:
    key, *values = line.split()
    before = hostile_node.everything(lab)
    stage.on(1, "config", "add", "haproxy", key, *values)
    try:
        told = stage.on(1, "csync", "push", "haproxy", expect=3)
        assert f"a peer may not set {key!r}" in told and "hint: config del haproxy" in told
    finally:
        stage.on(1, "config", "del", "haproxy", key)
    assert hostile_node.everything(lab) == before


@pytest.mark.all(but=["csyncd", "../../etc/planted"])
@pytest.mark.parametrize("name", ["csyncd", "wtmp", "messages.d", "../../etc/planted", ".hidden", "a/b"])
def test_no_log_of_a_pushed_syslogd_takes_a_name_of_others(lab: Lab, name: str) -> None:
    before = hostile_node.everything(lab)
    report = send_proposal(
        lab, {"syslog.conf": f"*.* /var/log/{name}\n"}, service="syslogd", block="service syslogd\n", group="syslog"
    )
    assert (report["result"], report["message"]) == ("failed", "the checker says no"), report
    assert hostile_node.everything(lab) == before


def test_a_push_to_a_service_without_a_daemon_puts_files_in_their_place_and_nothing_else(lab: Lab) -> None:
    for service in ("snmpd", "dataplaneapi"):
        config = lab.read(2, "/etc/config.rc")
        report = send_proposal(lab, {"x.sh": SCRIPT}, service=service, block=f"service {service}\n", group="root")
        assert report["result"] == "applied" and (report["check"] or {"status": 0})["status"] == 0, report
        assert lab.run(2, "stat", "-c", "%U:%G", f"/etc/{service}/x.sh").stdout == "root:root\n"
        assert (
            send_proposal(lab, {}, service=service, block=f"service {service}\n", group="root")["result"] == "applied"
        )
        lab.run(2, "sh", "-c", 'cd /run/firmware; rm -rf "/etc/$0" "applied/$0" "synced/$0" "lock/$0"', service)
        lab.write(2, "/etc/config.rc", config)


@pytest.mark.all
def test_all_services_together_are_bounded_and_what_no_save_takes_is_named(stage: Stage) -> None:
    """160 MiB may be pushed to a node by all services together; of that a save takes 64, and names what is too much."""
    lab, large = stage.lab, "x" * (8 * 2**20)
    stage.on(2, "mkdir", "-p", "/etc/snmpd")
    for number in range(3):
        stage.on(2, "truncate", "-s", "49M", f"/etc/snmpd/large{number}")
    for files, result in (({"one": large, "two": large}, "refused"), ({"one": large[: 7 * 2**20]}, "applied")):
        report = send_proposal(lab, files, service="dataplaneapi", block="service dataplaneapi\n", group="root")
        assert report["result"] == result, report
        assert result == "applied" or "all that is pushed to one node would be 163." in report["message"]
    assert "at most 32768 paths, 64 MiB; the largest is /etc/snmpd/large" in stage.on(2, "config", "save", expect=1)
    stage.on(2, "rm", "-r", "/etc/snmpd")
    stage.on(2, "config", "save")
    for service in ("snmpd", "dataplaneapi"):
        report = send_proposal(lab, {}, service=service, block=f"service {service}\n", group="root")
        assert report["result"] == "applied", report
