"""haproxy on a real node: reloads that nobody notices, that fail and leave what runs, that are proven by a new worker."""

import ast
import re
from collections.abc import Iterator

import pytest
from lab_driver import Lab, eventually
from service_helpers import CLIENT, HOLD, PYTHON, answer, page, run_service, service_pid, service_row

CONFIG = "/etc/haproxy/haproxy.cfg"
#: prints what the worker answers
ASK = """
import socket, sys
client = socket.socket(socket.AF_UNIX)
client.connect("/run/haproxy/master.sock")
client.sendall(f"@1 {sys.argv[1]}\\n".encode())
client.shutdown(socket.SHUT_WR)
print(b"".join(iter(lambda: client.recv(65536), b"")).decode())
"""


@pytest.fixture
def lab(module_lab: Lab) -> Iterator[Lab]:
    """A node on which haproxy runs, and answers "before"."""
    module_lab.run(1, "sh", "-c", "rm -rf /etc/haproxy/*")
    module_lab.write(1, CONFIG, page("before"))
    run_service(module_lab, "haproxy", "restart")
    yield module_lab


def asked(lab: Lab, command: str) -> str:
    """What haproxy's worker answers to a command."""
    return lab.run(1, PYTHON, "-c", ASK, command).stdout


class Clients:
    """Connects to port 80 of the node all the time; afterwards, what came back how often."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        lab.run(1, "rm", "-f", "/tmp/enough")
        self.run = lab.start(1, PYTHON, "-c", CLIENT, "/tmp/enough")
        assert self.run.stdout and self.run.stdout.readline() == b"asking\n"

    def seen(self) -> dict[str, int]:
        self.lab.run(1, "touch", "/tmp/enough")
        output, _ = self.run.communicate(timeout=200)
        return dict(ast.literal_eval(output.decode()))


def test_reloads_refuse_no_connection_and_load_what_was_written(lab: Lab) -> None:
    clients, master = Clients(lab), service_pid(lab, "haproxy")
    for number in range(8):
        lab.write(1, CONFIG, page(f"number {number}"))
        said = run_service(lab, "haproxy", "reload").stderr
        assert "a new worker serves" in said
        assert answer(lab) == f"number {number}"
    seen = clients.seen()
    assert set(seen) == {"200"} and seen["200"] > 200, seen
    assert service_pid(lab, "haproxy") == master
    assert not service_row(lab, "haproxy")["needs_apply"]


def test_a_restart_is_noticed(lab: Lab) -> None:
    """The control for the test above: its clients do see when a connection is refused."""
    clients = Clients(lab)
    for _ in range(4):
        run_service(lab, "haproxy", "restart")
    assert set(clients.seen()) - {"200"}


def test_a_port_that_somebody_else_has_is_found_before_the_reload_and_no_client_notices(lab: Lab) -> None:
    holder = lab.start(1, PYTHON, "-c", HOLD, "8099")
    assert holder.stdout and holder.stdout.readline()
    try:
        clients = Clients(lab)
        lab.write(1, CONFIG, page("after", 80) + "    bind :8099\n")
        for verb in ("check", "reload", "apply"):
            error = run_service(lab, "haproxy", verb, status=4).stderr
            assert error.startswith(f"{CONFIG}:12: cannot bind 0.0.0.0:8099: Address already in use")
        assert set(clients.seen()) == {"200"}
    finally:
        holder.kill()
    assert answer(lab) == "before" and service_row(lab, "haproxy")["needs_apply"]
    run_service(lab, "haproxy", "revert")
    assert lab.read(1, CONFIG) == page("before") and not service_row(lab, "haproxy")["needs_apply"]


@pytest.mark.parametrize("version, address", ((4, "192.0.2.77"), (6, "[2001:db8::77]")))
def test_a_virtual_address_that_the_other_node_holds_is_bound(lab: Lab, version: int, address: str) -> None:
    setting = f"net.ipv{version}.ip_nonlocal_bind"
    lab.write(1, CONFIG, page("after") + f"    bind {address}:80\n")
    lab.run(1, "sysctl", "-q", "-w", f"{setting}=0")
    try:
        error = run_service(lab, "haproxy", "apply", status=1).stderr
    finally:
        lab.run(1, "sysctl", "-q", "-w", f"{setting}=1")
    assert f"not loaded: {CONFIG}:12: " in error and f"config add system sysctl {setting}=1" in error
    run_service(lab, "haproxy", "apply")
    assert answer(lab) == "after"


def test_authorities_are_where_stock_files_look_for_them(lab: Lab) -> None:
    """As the system's, and by the path that everybody knows; a file that is not there is the control."""
    servers = "".join(
        f"    server s{number} 127.0.0.1:443 ssl verify required ca-file {file}\n"
        for number, file in enumerate(("@system-ca", "/etc/ssl/certs/ca-certificates.crt"))
    )
    lab.write(1, CONFIG, page("after") + f"backend secure\n{servers}")
    run_service(lab, "haproxy", "apply")
    counts = re.findall(
        r"^(@system-ca|/etc/ssl/certs/ca-certificates.crt) - (\d+) cert", asked(lab, "show ssl ca-file"), re.M
    )
    assert len(counts) == 2 and all(int(count) > 100 for _, count in counts)
    assert answer(lab) == "after"
    lab.write(1, CONFIG, page("after") + f"backend secure\n{servers.replace('ca-cert', 'no-cert')}")
    assert "no-certificates.crt" in run_service(lab, "haproxy", "apply", status=4).stderr


def test_a_master_that_dies_before_it_was_asked_and_cannot_come_back_is_not_waited_for(lab: Lab) -> None:
    master = str(service_pid(lab, "haproxy"))
    lab.write(1, CONFIG, page("taken", 8099))
    lab.run(1, "kill", "-STOP", master)
    applying = lab.start(1, "timeout", "150", "service", "haproxy", "apply")
    # It has been checked once the reload asks the master.
    waits = r"until ss -Hxl | awk '/master.sock/ && $3 > 0 { found = 1 } END { exit !found }'; do sleep 0.1; done"
    lab.run(1, "sh", "-c", waits)
    holder = lab.start(1, PYTHON, "-c", HOLD, "8099")
    assert holder.stdout and holder.stdout.readline() == b"held\n"
    try:
        lab.run(1, "kill", "-KILL", master)
        _, said = applying.communicate(timeout=200)
        assert applying.returncode == 1 and b"not loaded" in said
    finally:
        holder.kill()


def test_a_reload_that_haproxy_itself_refuses_is_a_failure_with_its_words(lab: Lab) -> None:
    """The check lets it pass, for it has a directory of its own: something is in the place of the socket."""
    lab.write(1, CONFIG, page("after").replace("bind :80", "bind :80\n    bind /run/haproxy/at.sock"))
    lab.run(1, "mkdir", "/run/haproxy/at.sock")
    before = service_pid(lab, "haproxy")
    run_service(lab, "haproxy", "check")
    error = run_service(lab, "haproxy", "reload", status=1).stderr
    lab.run(1, "rmdir", "/run/haproxy/at.sock")
    assert f"not loaded: {CONFIG}:11: " in error and "[/run/haproxy/at.sock]" in error and "[ALERT]" not in error
    assert answer(lab) == "before" and service_pid(lab, "haproxy") == before
    assert service_row(lab, "haproxy")["needs_apply"]
    lab.write(1, CONFIG, page("mended"))
    run_service(lab, "haproxy", "apply")
    assert answer(lab) == "mended" and not service_row(lab, "haproxy")["needs_apply"]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("bimd :81", "unknown keyword 'bimd' in 'frontend' section"),
        ("acl known src -f /etc/haproxy/no.lst", "failed to open pattern file </etc/haproxy/no.lst>."),
        ("bind :81 ssl crt /etc/haproxy/no.pem", "unable to stat SSL certificate from file '/etc/haproxy/no.pem'"),
        ("bind :81 ssl", "Proxy 'www': no SSL certificate specified for bind ':81'"),
        ("option http-tunnel", "option 'http-tunnel' is not supported any more"),
    ],
)
def test_what_haproxy_finds_wrong_begins_with_its_place(lab: Lab, line: str, error: str) -> None:
    lab.write(1, CONFIG, page("after") + f"    {line}\n")
    said = run_service(lab, "haproxy", "check", status=4).stderr
    assert said.startswith(f"{CONFIG}:12: ") and error in said.splitlines()[0], said
    assert "NOTICE" not in said


def test_programs_of_its_own_are_checked_as_they_are_run(lab: Lab) -> None:
    """Only with workers are they allowed, and workers it has, whatever the file says."""
    lab.write(1, CONFIG, page("programs") + "program one\n    command /bin/sleep 600\n")
    run_service(lab, "haproxy", "restart")
    assert answer(lab) == "programs"


def test_its_own_account_may_be_named(lab: Lab) -> None:
    lab.write(1, CONFIG, page("named", more="    user haproxy\n    group haproxy\n    daemon"))
    run_service(lab, "haproxy", "restart")
    run_service(lab, "haproxy", "reload")
    assert answer(lab) == "named"


def test_another_file_named_by_the_block_restarts_it(lab: Lab) -> None:
    lab.write(1, "/etc/haproxy/other.cfg", page("other"))
    run_service(lab, "haproxy", "apply")
    before = service_pid(lab, "haproxy")
    lab.run(1, "config", "add", "haproxy", "config", "/etc/haproxy/other.cfg")
    try:
        assert service_row(lab, "haproxy")["needs_apply"]
        run_service(lab, "haproxy", "apply")
        assert answer(lab) == "other" and service_pid(lab, "haproxy") != before
    finally:
        lab.run(1, "config", "del", "haproxy", "config")
        run_service(lab, "haproxy", "apply")


def test_a_certificate_of_root_alone_can_be_read_by_haproxy_and_never_by_all(lab: Lab) -> None:
    lab.run(1, "sh", "-c", MAKE_CERTIFICATE)
    lab.write(1, CONFIG, page("tls").replace("bind :80", "bind :80\n    bind :8443 ssl crt /etc/haproxy/certs/"))
    run_service(lab, "haproxy", "apply")
    assert lab.run(1, "curl", "-sk", "https://127.0.0.1:8443/").stdout == "tls"
    modes = lab.run(1, "stat", "-c", "%a %U:%G", "/etc/haproxy/certs", "/etc/haproxy/certs/site.pem").stdout
    assert modes == "750 root:haproxy\n640 root:haproxy\n"
    assert lab.run(1, "stat", "-c", "%a %U:%G", "/etc/firmware/secret").stdout == "600 root:root\n"
    assert lab.run(1, "stat", "-c", "%a %U:%G", "/etc/shadow").stdout.split()[1] == "root:root"
    assert not service_row(lab, "haproxy")["needs_apply"]


MAKE_CERTIFICATE = """
umask 077
mkdir /etc/haproxy/certs
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9 -subj /CN=x -keyout /tmp/k -out /tmp/c 2>/dev/null
cat /tmp/k /tmp/c >/etc/haproxy/certs/site.pem
echo secret >/etc/firmware/secret
ln /etc/firmware/secret /etc/haproxy/hard
ln -s /etc/shadow /etc/haproxy/soft
"""


def test_apply_and_revert_bring_back_exactly_what_was(lab: Lab) -> None:
    def everything() -> str:
        return lab.run(1, "sh", "-c", LISTING).stdout

    lab.run(
        1,
        "sh",
        "-c",
        "mkdir -p /etc/haproxy/errors; echo 400 >/etc/haproxy/errors/400.http; chmod 600 /etc/haproxy/errors/*",
    )
    lab.run(1, "config", "add", "haproxy", "cpumask", "0")
    try:
        run_service(lab, "haproxy", "apply")
        before = everything()
        lab.run(
            1,
            "sh",
            "-c",
            "rm /etc/haproxy/errors/400.http; rmdir /etc/haproxy/errors; echo '# x' >>/etc/haproxy/haproxy.cfg",
        )
        lab.run(1, "sh", "-c", "ln -s x /etc/haproxy/l; chown nobody /etc/haproxy/haproxy.cfg; chmod 0700 /etc/haproxy")
        lab.run(1, "config", "set", "haproxy", "cpumask", "1")
        assert service_row(lab, "haproxy")["needs_apply"] and everything() != before
        master = service_pid(lab, "haproxy")
        run_service(lab, "haproxy", "revert")
        assert everything() == before
        assert not service_row(lab, "haproxy")["needs_apply"] and service_pid(lab, "haproxy") == master
    finally:
        lab.run(1, "config", "del", "haproxy", "cpumask", check=False)


LISTING = r"""
cd /etc && find haproxy -printf '%p %y %m %u %g %s %T@ %l\n' | sort
find haproxy -type f -exec md5sum {} + | sort; cat config.rc; ls -A /etc/.staging 2>&1 || true
"""


def test_white_space_and_comments_in_config_rc_need_no_apply(lab: Lab) -> None:
    lab.run(1, "sed", "-i", "s/^service haproxy$/  service   'haproxy' # the main job/", "/etc/config.rc")
    assert not service_row(lab, "haproxy")["needs_apply"]
    lab.run(1, "sed", "-i", "s/^  service   'haproxy'.*/service haproxy/", "/etc/config.rc")
    assert not service_row(lab, "haproxy")["needs_apply"]


@pytest.mark.parametrize("verb", ["apply", "revert", "restart", "reload"])
def test_needs_apply_goes_with(lab: Lab, verb: str) -> None:
    lab.run(1, "sh", "-c", f"echo '# more' >>{CONFIG}")
    assert service_row(lab, "haproxy")["needs_apply"]
    assert "needs apply" in run_service(lab, "haproxy", "status").stdout
    run_service(lab, "haproxy", verb)
    assert not service_row(lab, "haproxy")["needs_apply"]


def test_a_stopped_service_is_applied_by_a_check(lab: Lab) -> None:
    run_service(lab, "haproxy", "stop")
    lab.write(1, CONFIG, page("later"))
    run_service(lab, "haproxy", "reload", status=3)
    assert service_row(lab, "haproxy")["needs_apply"]
    run_service(lab, "haproxy", "apply")
    assert not service_row(lab, "haproxy")["needs_apply"] and service_row(lab, "haproxy")["state"] == "stopped"
    lab.write(1, CONFIG, "nonsense\n")
    run_service(lab, "haproxy", "apply", status=4)
    assert service_row(lab, "haproxy")["needs_apply"]
    run_service(lab, "haproxy", "revert")
    assert lab.read(1, CONFIG) == page("later")
    run_service(lab, "haproxy", "start")
    assert answer(lab) == "later"


def test_after_a_crash_revert_has_the_reverted_files_loaded(lab: Lab) -> None:
    """It came back by itself with what lay on disk, which nobody had applied."""
    before = service_pid(lab, "haproxy")
    lab.write(1, CONFIG, page("not applied"))
    lab.run(1, "kill", "-KILL", str(before))
    assert eventually(lambda: answer(lab) == "not applied")
    assert service_row(lab, "haproxy")["needs_apply"]
    run_service(lab, "haproxy", "revert")
    assert answer(lab) == "before"


STAGED = """
import sys
from pathlib import Path
from firmware.rc import document
from firmware.services import catalog, lifecycle
from firmware.services.definition import Context
config = document.parse(sys.argv[2])
service = catalog.find(config.blocks[0].name)
done = lifecycle.check(service, Context.of(service, config.blocks[0], config), staged=Path(sys.argv[1]))
print(done.status)
print(done.output)
"""


def staged_check(lab: Lab, text: str = "service haproxy\n") -> tuple[int, str]:
    status, _, words = lab.run(1, PYTHON, "-c", STAGED, "/etc/.staging/x/tree", text).stdout.partition("\n")
    return int(status), words


def test_a_staged_service_is_checked_whole_at_its_final_paths(lab: Lab) -> None:
    lab.run(
        1,
        "sh",
        "-c",
        "umask 077; rm -rf /etc/.staging; mkdir -p /etc/.staging/x; cp -a /etc/haproxy /etc/.staging/x/tree",
    )
    mapped = page("mapped").replace(
        "    http-request", "    http-request set-header x %[src,map(/etc/haproxy/new.map)]\n    http-request"
    )
    lab.write(1, "/etc/.staging/x/tree/haproxy.cfg", mapped)
    status, words = staged_check(lab)
    assert status and "new.map" in words  # neither here nor there
    lab.write(1, "/etc/haproxy/new.map", "1.2.3.4 x\n")
    status, words = staged_check(lab)
    assert status and "new.map" in words  # what lies here now does not count
    lab.run(1, "mv", "/etc/haproxy/new.map", "/etc/.staging/x/tree/new.map")
    lab.run(1, "chmod", "644", "/etc/.staging/x/tree/new.map")
    assert staged_check(lab)[0] == 0
    assert lab.read(1, CONFIG) == page("before")
    status, words = staged_check(lab, "service haproxy\n\tconfig /etc/haproxy/none.cfg\n")
    assert status and "none.cfg" in words
    status, words = staged_check(lab, "service haproxy\n\tconfg x\n")
    assert status == 4 and "/etc/config.rc:2: unknown directive 'confg'" in words and "did you mean 'config'" in words
    lab.run(1, "rm", "-rf", "/etc/.staging")


def test_what_a_configuration_executes_while_it_is_checked_has_no_rights(lab: Lab) -> None:
    lab.run(1, "sh", "-c", "rm -f /tmp/here; echo secret >/etc/firmware/key; chmod 600 /etc/firmware/key")
    lab.write(1, "/etc/haproxy/probe.lua", PROBE)
    lab.write(1, CONFIG, page("lua", more="    lua-load /etc/haproxy/probe.lua"))
    words = run_service(lab, "haproxy", "check", status=4).stderr
    assert "NoNewPrivs:\t1" in words and "CapEff:\t0000000000000000" in words and "CapBnd:\t0000000000000000" in words
    assert f"Uid:\t{lab.run(1, 'id', '-u', 'haproxy-check').stdout.strip()}\t" in words
    assert "secret" not in words
    for path in ("/etc/firmware/key", "/run/haproxy/master.sock", "/proc/1/environ of init"):
        assert f"cannot read {path}" in words
    for path in ("/etc/haproxy/new", "/etc/new", "/run/firmware/new", "/run/new", "/var/log/new"):
        assert f"cannot write {path}" in words
    assert "wrote /tmp/here" in words and lab.run(1, "ls", "/tmp/here", check=False).status != 0
    assert f"sees process {service_pid(lab, 'haproxy')}" not in words and "sees process 1" in words


PROBE = """
local out = {}
for line in io.lines("/proc/self/status") do table.insert(out, line) end
local key = io.open("/etc/firmware/key")
table.insert(out, key and key:read("a") or "cannot read /etc/firmware/key")
local sock = io.popen("ls /run/haproxy"):read("a")
table.insert(out, sock == "" and "cannot read /run/haproxy/master.sock" or sock)
local init = io.popen("cat /proc/1/comm"):read("a")
table.insert(out, init:find("init") and init or "cannot read /proc/1/environ of init")
for _, name in ipairs({"/tmp/here", "/etc/haproxy/new", "/etc/new", "/run/firmware/new", "/run/new", "/var/log/new"}) do
  local file = io.open(name, "w")
  table.insert(out, (file and "wrote " or "cannot write ") .. name)
end
for name in io.popen("ls /proc"):lines() do
  if tonumber(name) then table.insert(out, "sees process " .. name) end
end
error(table.concat(out, "\\n"))
"""


WITHOUT_HAPROXY = """
set -e
mount -t tmpfs none /mnt
cp -a /usr/sbin/. /mnt/
rm /mnt/haproxy
mount --bind /mnt /usr/sbin
service haproxy stop
service haproxy check || true
service boot || true
service haproxy status || true
"""


@pytest.mark.all
def test_without_its_program_no_configuration_is_called_invalid(lab: Lab) -> None:
    """Not at a check, not at a boot, and not to whoever asks later. The control: with it the same file is good, and it starts."""
    done = lab.run(1, "unshare", "--mount", "sh", "-c", WITHOUT_HAPROXY)
    why = "service haproxy: its checker needs a program that is not on this node: haproxy: No such file or directory"
    assert done.stderr.count(why) == 2 and why in done.stdout and "haproxy: failed" in done.stdout
    assert "invalid" not in done.stdout + done.stderr
    run_service(lab, "haproxy", "start")
    assert answer(lab) == "before"
