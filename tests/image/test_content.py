"""What is in the image, and what a running unit shows to the outside: rights, libraries, programs, ports, accounts."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import disk_image
import pytest
from lab_driver import Lab, eventually
from pexpect import TIMEOUT
from serial_console import console, console_text

pytestmark = pytest.mark.usefixtures("image")
WALKER = (Path(__file__).parents[1] / "support" / "unit_inventory.py").read_text()


#: imports everything; prints how many modules the firmware has
IMPORT = """
import importlib, pkgutil
import firmware, _cffi_backend, h11, netifaces, psutil, pyinotify, serial.tools.list_ports, tornado.websocket
names = [module.name for module in pkgutil.walk_packages(firmware.__path__, "firmware.")]
for name in names:
    importlib.import_module(name)
print(len(names))
"""

#: what haproxy is built with in both images; docs/image.md has what differs
HAPROXY = (
    "ACCEPT4 BACKTRACE CPU_AFFINITY CRYPT_H DL EPOLL GETADDRINFO LIBCRYPT LINUX_SPLICE LINUX_TPROXY LUA "
    "NETFILTER NS OPENSSL PCRE2 PCRE2_JIT POLL PRCTL PROMEX RT TFO THREAD THREAD_DUMP TPROXY"
)


@pytest.fixture(scope="module")
def root(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What slot A holds, unpacked on the host."""
    place = tmp_path_factory.mktemp("slot") / "root"
    disk_image.unpack("slot-a", place)
    yield place
    shutil.rmtree(place)


def chrooted(root: Path, *argv: str) -> str:
    """What a slot's program prints that this machine runs."""
    inside = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"',
        str(root),
        *argv,
    ]
    done = subprocess.run(inside, capture_output=True, text=True, env={"PATH": "/usr/bin:/usr/sbin:/bin:/sbin"})
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout


def test_every_module_and_library_of_a_slot_is_there(root: Path) -> None:
    """As on a unit, where test-all looks, and in a hundredth of the time."""
    assert int(chrooted(root, "/usr/bin/python3", "-c", IMPORT)) > 80
    assert json.loads(chrooted(root, "/usr/bin/python3", "-c", WALKER, "libraries")) == []


@pytest.mark.parametrize("program", ["s6-ipcserver-socketbinder", "s6-ipcserverd", "env", "python3"])
def test_what_starts_the_root_half_of_the_web_ui_is_there(root: Path, program: str) -> None:
    assert chrooted(root, "/bin/sh", "-c", f"command -v {program}").strip() == f"/usr/bin/{program}"


def test_haproxy_can_do_what_configurations_use(root: Path) -> None:
    """Neither image has more: a configuration moves between the two."""
    told = chrooted(root, "/usr/sbin/haproxy", "-vv")
    (features,) = re.findall(r"^Feature list : (.*)$", told, re.M)
    said = {name[1:] for name in features.split() if name[0] == "+"}
    assert len(said & {"SLZ", "ZLIB"}) == 1
    assert said - {"SLZ", "ZLIB", "OT", "SYSTEMD"} == set(HAPROXY.split())
    assert {"deflate", "gzip", "identity"} <= set(re.findall(r'(\w+)\("', told))


def walked(units: Lab, what: str) -> list[str]:
    """What unit_inventory.py finds on a unit."""
    found: list[str] = json.loads(units.run(1, "/usr/bin/python3", "-c", WALKER, what, timeout=600).stdout)
    return found


@pytest.mark.parametrize("slot", disk_image.SLOTS)
def test_nothing_in_a_slot_is_for_everybody_to_write_or_gives_rights(slot: str) -> None:
    entries = disk_image.listing(slot)
    assert len(entries) > 1000
    assert not [entry for entry in entries if entry.mode[0] != "l" and entry.mode[8] == "w"]
    assert not [entry for entry in entries if "s" in entry.mode[1:].lower()]


def test_only_the_factorys_secrets_are_not_roots() -> None:
    others = {entry.path.split("/")[-1] for entry in disk_image.listing("slot-a") if entry.owner != "0/0"}
    assert others == {"haproxy", "haproxy.cfg", "syslogd", "syslog.conf", "firewall", "rules.nft"}


def test_both_slots_hold_the_same() -> None:
    first, second = (disk_image.listing(slot) for slot in disk_image.SLOTS)
    assert first == second


@pytest.mark.all
def test_nothing_on_a_running_unit_is_for_everybody_to_write_or_gives_rights(units: Lab) -> None:
    assert walked(units, "rights") == []


def test_the_root_is_read_only_and_etc_is_ram(units: Lab) -> None:
    types = dict(line.split()[1:3] for line in units.read(1, "/proc/mounts").splitlines())
    assert types["/"] == "squashfs"
    assert {types[place] for place in ("/etc", "/run", "/var", "/tmp", "/root")} == {"tmpfs"}
    assert "/flash" not in types and "/identity" not in types, "mounted only while needed"
    assert "Read-only" in units.run(1, "touch", "/usr/new", check=False).stderr
    assert not [entry for entry in disk_image.listing("slot-a") if entry.path.startswith("/etc/")]


def test_programs_reach_what_they_were_given_by_its_names_below_dev(units: Lab) -> None:
    """nft opens /dev/stdin for the rules, as the account of the service."""
    script = "echo one | cat /dev/stdin; echo two | cat /dev/fd/0; echo three >/dev/stdout"
    assert units.run(1, "sh", "-c", script).stdout == "one\ntwo\nthree\n"


def listening(units: Lab) -> set[tuple[str, str, int]]:
    """Protocol, address and port of every socket that takes what comes from outside; addresses as the kernel has them."""
    found = set()
    for protocol, state in (
        ("tcp", "0A"),
        ("tcp6", "0A"),
        ("udp", "07"),
        ("udp6", "07"),
        ("raw", "07"),
        ("raw6", "07"),
    ):
        for line in units.read(1, f"/proc/net/{protocol}").splitlines()[1:]:
            address, port = line.split()[1].split(":")
            if line.split()[3] == state:
                found.add((protocol, address, int(port, 16)))
    return found


def test_nothing_listens_that_is_not_meant(units: Lab) -> None:
    """sshd, haproxy, the web UI; and the harness's own sshd, on the address that only the host reaches."""
    everywhere, everywhere6, host = "0" * 8, "0" * 32, "0F02000A"
    assert listening(units) == {
        ("tcp", everywhere, 22), ("tcp6", everywhere6, 22), ("tcp", everywhere, 80), ("tcp", everywhere, 4444),
        ("tcp6", everywhere6, 4444), ("tcp", host, 2222),
    }  # fmt: skip
    assert len(units.read(1, "/proc/net/packet").splitlines()) == 1, "nobody listens to whole frames"


def main_pid(units: Lab, service: str) -> int:
    rows = json.loads(units.run(1, "service", "list", "--json").stdout)
    return next(row["pid"] or 0 for row in rows if row["name"] == service)


@pytest.mark.parametrize(("service", "account"), [("haproxy", "401"), ("syslogd", "402"), ("wui", "404")])
def test_what_need_not_be_root_is_not(units: Lab, service: str, account: str) -> None:
    """Nor any process that it has started, nor can it become root again."""
    status = units.read(1, f"/proc/{main_pid(units, service)}/status")
    assert re.findall(r"^[UG]id:\t(.*)", status, re.M) == ["\t".join([account] * 4)] * 2
    assert "NoNewPrivs:\t1" in status


@pytest.mark.all(but=["haproxy"])
@pytest.mark.parametrize("service", ["haproxy", "sshd", "syslogd"])
def test_a_service_that_crashes_is_back(units: Lab, service: str) -> None:
    """And no other notices."""
    rows = {row["name"]: row["pid"] for row in json.loads(units.run(1, "service", "list", "--json").stdout)}
    units.run(1, "kill", "-9", str(rows[service]))
    assert eventually(lambda: main_pid(units, service) not in (0, rows[service]))
    assert eventually(lambda: units.run(1, "service", service, "status", check=False).status == 0)
    after = {row["name"]: row["pid"] for row in json.loads(units.run(1, "service", "list", "--json").stdout)}
    assert {name for name in rows if rows[name] != after[name]} == {service}


@pytest.mark.all
def test_what_is_logged_can_be_read(units: Lab) -> None:
    """In files in RAM, sorted and bounded, or in a ring in memory; `logread` reads either."""
    units.run(1, "logger", "-t", "mark", "in a file")
    assert eventually(lambda: "mark: in a file" in units.read(1, "/var/log/messages"))
    assert "mark: in a file" in units.run(1, "logread").stdout
    assert "tmpfs" in units.run(1, "df", "-T", "/var/log/messages").stdout
    units.run(1, "config", "add", "syslogd", "buffer", "64")
    units.run(1, "service", "syslogd", "restart")
    units.run(1, "logger", "-t", "mark", "in the ring")
    assert eventually(lambda: "mark: in the ring" in units.run(1, "logread").stdout)
    units.run(1, "config", "del", "syslogd", "buffer")
    units.run(1, "service", "syslogd", "restart")


def as_haproxy(units: Lab, *command: str) -> tuple[int, str]:
    account = ("setpriv", "--reuid=haproxy", "--regid=haproxy", "--clear-groups", "--no-new-privs", "--")
    done = units.run(1, *account, *command, check=False)
    return done.status, done.stderr


def test_nobody_gets_capabilities_from_a_namespace_of_users(units: Lab) -> None:
    """Root makes all the other kinds, as confinement and checkers need them."""
    status, said = as_haproxy(units, "unshare", "--user", "--map-root-user", "true")
    assert status != 0 and "unshare" in said
    assert units.run(1, "unshare", "--mount", "--pid", "--fork", "--ipc", "--net", "true").status == 0


#: looks into the memory of a process of account haproxy, as haproxy and as root, and prints both exit statuses
LOOK = """
as_haproxy="setpriv --reuid=haproxy --regid=haproxy --clear-groups --"
$as_haproxy sleep 600 >/dev/null 2>&1 &
until [ "$(stat -c %U /proc/$!)" = haproxy ] && grep -qx sleep /proc/$!/comm; do :; done
for who in "$as_haproxy" ""; do $who dd if=/proc/$!/mem bs=1 count=0 2>/dev/null; echo $?; done
kill $!
"""


def test_no_account_reads_another_process_of_its_own(units: Lab) -> None:
    assert units.run(1, "sh", "-c", LOOK).stdout == "1\n0\n"


def test_a_daemon_that_is_not_root_is_bounded_with_all_that_it_starts(units: Lab) -> None:
    group = "/sys/fs/cgroup/haproxy"
    members = set(units.read(1, f"{group}/cgroup.procs").split())
    assert members == set(units.run(1, "pgrep", "-u", "haproxy").stdout.split()) and len(members) >= 2
    memory, processes = (int(units.read(1, f"{group}/{name}.max")) for name in ("memory", "pids"))
    total = int(re.findall(r"MemTotal: *(\d+) kB", units.read(1, "/proc/meminfo"))[0]) << 10
    assert total * 0.7 < memory <= total * 0.76
    assert 100 < processes <= int(units.read(1, "/proc/sys/kernel/threads-max")) / 2


def oom_scores(units: Lab, pattern: str) -> set[int]:
    pids = units.run(1, "pgrep", "-f", pattern).stdout.split()
    return {int(units.read(1, f"/proc/{pid}/oom_score_adj")) for pid in pids}


def test_where_memory_runs_out_what_brings_others_back_goes_last(units: Lab) -> None:
    """sshd sees to that itself, and gives its sessions the value that it began with."""
    for last in ("^/usr/bin/s6-svscan", "^s6-supervise ", "^s6-log ", "^sshd: /usr/sbin/sshd"):
        assert oom_scores(units, last) == {-1000}, last
    assert units.read(1, "/proc/self/oom_score_adj") == "0\n"
    assert oom_scores(units, "^haproxy ") == {500}
    assert units.read(1, f"/proc/{main_pid(units, 'wui')}/oom_score_adj") == "500\n"
    path = f"/proc/{main_pid(units, 'haproxy')}/oom_score_adj"
    assert as_haproxy(units, "sh", "-c", f"echo 0 >{path}")[0] != 0 and units.read(1, path) == "500\n"


def test_a_neighbour_changes_no_route_and_gives_no_address(units: Lab) -> None:
    names = ("ipv4/conf/eth0/accept_redirects", "ipv4/conf/eth0/send_redirects", "ipv4/conf/eth0/rp_filter")
    names6 = ("ipv6/conf/eth0/accept_redirects", "ipv6/conf/eth0/accept_ra")
    assert [units.read(1, f"/proc/sys/net/{name}").strip() for name in (*names, *names6)] == ["0", "0", "2", "0", "0"]


def test_the_console_shows_the_setup_code_of_the_web_ui(units: Lab) -> None:
    code = units.run(1, "account", "code").stdout.strip()
    assert eventually(lambda: f"Its setup code is {code}" in console_text(units, 1))


def test_the_second_serial_line_is_the_factorys_until_it_is_locked(units: Lab) -> None:
    """The agent alone has it open, and a person who types there gets no answer."""
    holders = units.run(
        1,
        "sh",
        "-c",
        "for p in /proc/[0-9]*; do ls -l $p/fd 2>/dev/null | grep -q ttyS1 && cat $p/cmdline; done",
        check=False,
    )
    assert set(re.findall(r"firmware\0provisioning", holders.stdout)) == {"firmware\0provisioning"}
    with console(units, 1, "ttyS1") as line:
        line.type("")
        with pytest.raises(TIMEOUT):
            line.read(".", 2)


@pytest.mark.all(but=["setpriv"])
@pytest.mark.parametrize("program", ["setpriv", "unshare", "mount"])
def test_a_shell_prefers_the_programs_of_util_linux(units: Lab, program: str) -> None:
    """busybox has applets of these names, which know less; a service could not start with them."""
    assert "util-linux" in units.run(1, "sh", "-c", f"{program} --version").stdout


def test_busybox_has_what_the_web_ui_calls(units: Lab) -> None:
    assert {"ping", "ping6", "traceroute", "logread"} <= {*units.run(1, "busybox", "--list").stdout.split()}


@pytest.mark.all
def test_busybox_finds_differences(units: Lab) -> None:
    """What a push changes is shown with it, by this very call."""
    call = "printf 'a\\nb' >/tmp/a; printf 'a\\nc\\n' >/tmp/b; prlimit --as=41943040 busybox diff -a -U 3 /tmp/a /tmp/b"
    done = units.run(1, "sh", "-c", call, check=False)
    assert done.status == 1
    assert done.stdout.splitlines()[2:] == ["@@ -1,2 +1,2 @@", " a", "-b", "\\ No newline at end of file", "+c"]


@pytest.mark.all
def test_every_module_of_ours_and_of_others_can_be_imported(units: Lab) -> None:
    done = units.run(1, "/usr/bin/python3", "-c", IMPORT, timeout=120)
    assert int(done.stdout) > 80 and done.stderr == ""


@pytest.mark.all
def test_every_program_and_library_finds_its_libraries(units: Lab) -> None:
    assert walked(units, "libraries") == []


@pytest.mark.all
def test_every_program_starts(fresh_units: Lab) -> None:
    """On units of its own: who knows what they do."""
    assert walked(fresh_units, "programs") == []
