"""haproxy's checker on a real node executes Lua: what that can use up, and what it leaves, is bounded."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from lab_driver import Lab, eventually
from service_helpers import PYTHON, page, run_service

CONFIG = "/etc/haproxy/haproxy.cfg"
MIB = 1 << 20

#: checks haproxy as it lies on disk, with this time limit in seconds; tells how that went and the most memory that it took us
CHECK = """
import json, resource, sys
from firmware.rc.title import Title
from firmware.errors import Failure
from firmware.rc import document
from firmware.services import catalog, checker, permissions
from firmware.services.definition import Context
haproxy, config = catalog.find("haproxy"), document.read()
context = Context.of(haproxy, config.find(Title("haproxy")), config)
permissions.grant_read_access(haproxy)
try:
    done = checker.run_checker(haproxy, haproxy.check(context), seconds=float(sys.argv[1]))
    told = {"status": done.status, "words": done.output}
except Failure as error:
    told = {"failure": str(error)}
print(json.dumps({**told, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
"""


@pytest.fixture
def lab(module_lab: Lab) -> Iterator[Lab]:
    """A node where nothing of a checker is left afterwards."""
    yield module_lab
    left = ("pgrep", "-f", "haproxy -W -c|sleep 666")
    assert eventually(lambda: module_lab.run(1, *left, check=False).stdout == ""), "what was killed is gone in a moment"
    module_lab.run(1, "sh", "-c", f"rm -rf /etc/haproxy/*; cp /usr/share/factory{CONFIG} {CONFIG}")


def check(lab: Lab, lua: str = "", *, seconds: float = 50, more: str = "") -> dict[str, Any]:
    lab.write(1, "/etc/haproxy/probe.lua", lua)
    lab.write(1, CONFIG, page("lua", more="    lua-load /etc/haproxy/probe.lua") + more)
    return dict(json.loads(lab.run(1, PYTHON, "-c", CHECK, str(seconds), timeout=100).stdout))


def test_it_gets_memory_but_not_all_of_it(lab: Lab) -> None:
    lua = """
    local function take(size) return io.popen("python3 -c 'print(len(bytearray(" .. size .. ")))' 2>&1"):read("a") end
    error("some: " .. take(64 << 20) .. "much: " .. take(5 << 30))
    """
    words = check(lab, lua)["words"]
    assert "some: 67108864" in words and "MemoryError" in words.partition("much: ")[2]


def test_where_memory_runs_out_it_is_the_first_to_go(lab: Lab) -> None:
    lua = 'os.execute("echo 0 >/proc/self/oom_score_adj"); error("score " .. io.open("/proc/self/oom_score_adj"):read("a"))'
    assert "score 1000" in check(lab, lua)["words"]


@pytest.mark.alone
def test_it_cannot_start_processes_without_end_and_none_of_them_is_left(lab: Lab) -> None:
    lua = """
    local begun = io.popen("i=0; while [ $i -lt 1500 ]; do setsid sleep 666 >/dev/null & i=$((i+1)); echo $i; done"):read("a")
    error("begun: " .. begun:match("(%d+)%s*$"))
    """
    words = check(lab, lua)["words"]
    (begun,) = [int(line.split("begun: ")[1]) for line in words.splitlines() if "begun: " in line]
    assert 100 < begun < 1100
    # What is left, the fixture finds.


def test_it_does_not_run_for_ever_and_what_it_started_ends_with_it(lab: Lab) -> None:
    told = check(lab, 'os.execute("setsid sleep 666 &"); while true do end', seconds=2)
    assert "its checker: " in told["failure"] and "no end after 2 s" in told["failure"]


def test_no_process_of_it_takes_more_time_than_the_whole_has(lab: Lab) -> None:
    words = check(lab, 'error(io.open("/proc/self/limits"):read("a"))', seconds=17)["words"]
    limits = {line[:25].strip(): line[25:].split()[:2] for line in words.splitlines()}
    assert limits["Max cpu time"] == ["17", "17"]
    assert limits["Max file size"] == [str(16 * MIB)] * 2
    assert limits["Max processes"] == ["1024", "1024"] and limits["Max address space"] == [str(4 << 30)] * 2


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_it_cannot_drown_us_in_words(lab: Lab, stream: str) -> None:
    told = check(lab, f'for _ = 1, 300 do io.{stream}:write(string.rep("x", 1 << 20)) end')
    assert len(told["words"]) <= 65536
    assert told["peak"] < 100 * MIB


def room_taken(lab: Lab) -> list[int]:
    """KiB that lie in each of the places in memory."""
    said = lab.run(1, "df", "--output=used", "/tmp", "/var/tmp", "/dev/shm", "/run").stdout
    return [int(word) for word in said.split()[1:]]


def test_it_fills_no_disk(lab: Lab) -> None:
    lua = """
    local block, out = string.rep("x", 1 << 20), {}
    for _, name in ipairs({"/tmp/", "/var/tmp/", "/dev/shm/", "/run/lock/", "/run/haproxy/"}) do
      for number = 1, 8 do
        local file = io.open(name .. number, "w")
        for _ = 1, 64 do file:write(block) end
        file:close()
      end
      table.insert(out, "used " .. io.popen("du -sm " .. name):read("a"))
    end
    error(table.concat(out))
    """
    before = room_taken(lab)
    words = check(lab, lua)["words"]
    used = [int(line.split()[-2]) for line in words.splitlines() if "used " in line]
    assert len(used) == 5 and all(8 <= one <= 16 for one in used), words
    assert all(now < then + 1024 for then, now in zip(before, room_taken(lab), strict=True)), "KiB, as of a log"


def test_it_has_no_terminal_to_type_into(lab: Lab) -> None:
    """An operator checks what came from a peer at a terminal of root's."""
    lab.write(
        1, "/etc/haproxy/probe.lua", 'error("TTY " .. io.popen("exec 2>&1; echo x >/dev/tty && echo open"):read("a"))'
    )
    lab.write(1, CONFIG, page("lua", more="    lua-load /etc/haproxy/probe.lua"))
    at_terminal = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"
    control = lab.run(1, PYTHON, "-c", at_terminal, "sh", "-c", "echo x >/dev/tty && echo open")
    assert "open" in control.stdout
    said = lab.run(1, PYTHON, "-c", at_terminal, "service", "haproxy", "check", check=False)
    assert said.status == 4 and "TTY " in said.stdout and "/dev/tty: No such device" in said.stdout


def test_a_killed_check_leaves_nothing(lab: Lab) -> None:
    lab.write(1, "/etc/haproxy/probe.lua", 'os.execute("setsid sleep 666 & echo >/dev/log; sleep 666")')
    lab.write(1, CONFIG, page("lua", more="    lua-load /etc/haproxy/probe.lua"))
    run = lab.start(1, "service", "haproxy", "check")
    lab.run(1, "sh", "-c", "until pgrep -f '^sleep 666'; do sleep 0.1; done")
    run.kill()
    run.communicate()
    lab.run(1, "sh", "-c", "while pgrep -f '^sleep 666'; do sleep 0.1; done")


def test_a_large_configuration_with_certificates_passes(lab: Lab) -> None:
    lab.run(1, "sh", "-ec", MANY, timeout=100)
    bind = "    bind :8443 ssl crt /etc/haproxy/certs/\n    http-request set-header x %[path,map(/etc/haproxy/large.map)]\n"
    backends = "".join(
        f"backend b{number}\n    server s 127.0.0.1:{20000 + number} check\n    stick-table type ip size 1m expire 1h\n"
        for number in range(300)
    )
    told = check(lab, "", more=bind + backends)
    assert told["status"] == 0, told
    run_service(lab, "haproxy", "check")


MANY = """
cd /etc/haproxy; mkdir certs; cd certs
for kind in rsa:2048 ec; do
  openssl req -x509 -newkey $kind -pkeyopt ${kind%%:*}_$([ $kind = ec ] && echo paramgen_curve:prime256v1 || echo keygen_bits:2048) \
    -nodes -days 9 -subj /CN=x -keyout /tmp/k -out /tmp/c 2>/dev/null
  cat /tmp/k /tmp/c >/tmp/pem
  for number in $(seq 1000); do cp /tmp/pem ${kind%%:*}$number.pem; done
done
seq 100000 | sed 's,.*,/path/to/number/& value-&,' >/etc/haproxy/large.map
rm /tmp/k /tmp/c /tmp/pem
"""
