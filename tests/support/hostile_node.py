"""A hostile node: what one could send past its own commands, and what a node has to lose."""

import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from lab_driver import Lab
from service_helpers import PYTHON

#: sends a proposal through the link of the node that it runs on, as somebody with its keys could; reads JSON, prints JSON
_SEND = """
import base64, http.client, json, socket, sys
from firmware import native
told = json.load(sys.stdin)

class Link(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(180)
        self.sock.connect("/run/firmware/csyncd/link.sock")

def entry(path, kind, mode, owner, data=b""):
    digest = native.bytes_digest(data) if kind == "file" else ""
    return dict(path=path, kind=kind, mode=mode, owner=owner, group=told["group"], size=len(data), digest=digest)

def ask(**more):
    link = Link("peer")
    link.request("POST", "/v1/push", json.dumps({**proposal, **more}))
    answer = link.getresponse()
    return {"http": answer.status, **json.loads(answer.read())}

entries = [entry(path, "dir", mode, owner) for path, (mode, owner) in told["directories"].items()]
contents = {}
for path, (mode, owner, text) in told["files"].items():
    data = text.encode()
    entries.append(entry(path, "file", mode, owner, data))
    contents[native.bytes_digest(data)] = base64.b64encode(data).decode()
proposal = dict(service=told["service"], block=told["block"], entries=entries, contents=contents, expect="", dry=False)
state = ask(dry=True).get("state", "")
print(json.dumps(ask(expect=state)))
"""


def send_proposal(
    lab: Lab,
    files: dict[str, str],
    *,
    service: str = "haproxy",
    block: str = "service haproxy\n",
    group: str = "haproxy",
    directories: dict[str, tuple[str, str]] | None = None,
    given: Sequence[str] = (),
) -> dict[str, Any]:
    """Node 1 sends node 2 a proposal that may overwrite everything; returns the answer. Scripts are executable, and the empty
    files `given` belong to haproxy."""
    sent = {
        name: ("0750" if PurePosixPath(name).suffix == ".sh" else "0640", "root", text) for name, text in files.items()
    }
    sent |= {name: ("0666", "haproxy", "") for name in given}
    told = {
        "service": service, "block": block, "group": group, "directories": directories or {},
        "files": sent,
    }  # fmt: skip
    return dict(json.loads(lab.run(1, PYTHON, "-c", _SEND, stdin=json.dumps(told), timeout=200).stdout))


#: what nobody but root may read
KEYS = (
    "/etc/csyncd/ssh_host_ed25519_key", "/etc/csyncd/id_ed25519", "/etc/ssh/ssh_host_ed25519_key", "/etc/wui/tls.pem", "/etc/shadow",
    "/run/firmware/applied/csyncd/files/id_ed25519", "/run/firmware/applied/wui/files/tls.pem", "/flash/config/000001.tar",
    "/proc/1/environ", "/run/firmware/log/csyncd/current", "/var/log/csyncd/audit.log",
)  # fmt: skip
#: where nobody but root may write, or where what is written must not be seen by the node
PLACES = (
    "/etc/planted", "/etc/passwd", "/etc/config.rc", "/etc/csyncd/csyncd_authorized", "/etc/csyncd/planted", "/etc/haproxy/planted",
    "/etc/haproxy/haproxy.cfg", "/etc/haproxy/own/planted", "/etc/.staging/planted", "/tmp/planted", "/var/tmp/planted",
    "/dev/shm/planted", "/run/planted", "/run/lock/planted", "/run/firmware/planted", "/run/firmware/scan/haproxy/run",
    "/var/log/planted", "/var/log/messages.d/current", "/usr/bin/planted", "/usr/bin/busybox", "/root/planted", "/flash/planted",
    "/planted", "/dev/planted", "/proc/sys/kernel/core_pattern", "/proc/sys/net/ipv4/ip_forward", "/proc/sysrq-trigger",
)  # fmt: skip
#: of these, the ones that are its own to see, and vanish with it
PRIVATE = ("/tmp/planted", "/var/tmp/planted", "/dev/shm/planted", "/run/lock/planted")


@cache
def secrets(lab: Lab, node: int = 2) -> list[str]:
    """Lines of the node's private keys and password hashes by which they are known, wherever they turn up."""
    lines = lab.run(node, "sh", "-c", f"cat {' '.join(KEYS[:5])}").stdout.splitlines()
    found = [line for line in lines if len(line) > 50 and " " not in line]
    assert len(found) >= 10 and any("$6$" in line for line in found)
    return found


def surroundings(lab: Lab, node: int = 2) -> str:
    """All of the node that no push of haproxy has to do with: names, modes and owners, and what stands in /etc."""
    return lab.run(node, "sh", "-c", _SURROUNDINGS).stdout + "\n".join(_root_changes(lab.state / str(node) / "changes"))


def _root_changes(layer: Path) -> Iterator[str]:
    """What was written over the node's read-only root, wherever that was; below it lies the machine's, which may change at any
    time."""
    for path in sorted(layer.rglob("*")):
        status = path.lstat()
        yield f"{path.relative_to(layer)} {status.st_mode:o} {status.st_uid}:{status.st_gid} {status.st_size}"


def everything(lab: Lab, node: int = 2) -> str:
    """The same, and what the services are whose directories were left out."""
    return surroundings(lab, node) + lab.run(node, "sh", "-c", _SERVICES).stdout


_SERVICES = """
cd /etc && find haproxy config.rc -printf '%p %y %m %u:%g %l\\n' | sort
find haproxy config.rc -type f -print0 | sort -z | xargs -0 sha256sum; cat /run/firmware/scan/*/pid
"""

_SURROUNDINGS = r"""
find /etc /root /tmp /var /dev /run /flash \( -path /etc/haproxy -o -path /run/haproxy -o -path /run/firmware/log \
  -o -path '/run/firmware/scan/*' -o -path '/run/firmware/applied/*haproxy*' -o -path '/var/log/*.d' -o -path /dev/pts \
  -o -path /etc/.staging -o -name '.firmware-*' -o -path /run/firmware/lock -o -path /run/firmware/received -o -path /run/firmware/synced \
  -o -path '/var/log/csyncd/*' \) -prune -o -printf '%p %y %m %u:%g %l\n' | sort
find /etc -path /etc/haproxy -prune -o -path /etc/.staging -prune -o -name ancestors.json -o -type f -print0 | sort -z | xargs -0 sha256sum
cat /proc/sys/kernel/core_pattern /proc/sys/net/ipv4/ip_forward
"""


def all_that_was_said(lab: Lab, node: int = 2) -> str:
    """All that a node has logged, and all that its haproxy wrote where it may."""
    return lab.run(node, "sh", "-c", _SAID, check=False).stdout


_SAID = """
csync log --json; cat /run/firmware/log/*/* /var/log/*.d/* /var/log/csyncd/*
find /run/haproxy /etc/haproxy -type f -exec cat {} +
"""


def process_status(lab: Lab, pid: int | str, node: int = 2) -> dict[str, list[str]]:
    """What /proc/PID/status says, by its keys."""
    return _keys(lab.read(node, f"/proc/{pid}/status"))


def process_statuses(lab: Lab, pattern: str, node: int = 2) -> list[dict[str, list[str]]]:
    """The same of every process whose command line fits; one that ends meanwhile is left out."""
    pids = lab.run(node, "pgrep", "-f", pattern, check=False).stdout.split()
    found = [lab.run(node, "cat", f"/proc/{pid}/status", check=False) for pid in pids]
    return [_keys(result.stdout) for result in found if result.status == 0]


def _keys(text: str) -> dict[str, list[str]]:
    return {key: value.split() for key, _, value in (line.partition(":") for line in text.splitlines())}


#: tries everything that a node has to lose, in Lua and with the programs of the node; the function `tried` tells what worked
LUA = """
local keys, places = { KEYS }, { PLACES }
local function run(command)
  local pipe = io.popen(command .. " 2>&1")
  if not pipe then return "no program" end
  local said = pipe:read("a") or ""
  pipe:close()
  return said
end
function tried()
  local out = {}
  for _, name in ipairs(keys) do
    local file = io.open(name)
    local text = file and file:read("a")
    table.insert(out, (text and "READ " .. name .. "\\n" .. text) or "no read " .. name)
    table.insert(out, run("cat " .. name))
  end
  for _, name in ipairs(places) do
    os.remove(name)
    local file = io.open(name, "a")
    if file then file:write("x"); file:close() end
    table.insert(out, (file and "WROTE " or "no write ") .. name)
    run("ln -sf /etc/shadow " .. name)
    run("chmod 777 " .. name)
  end
  local own = io.open("/run/haproxy/control", "w")
  if own then own:write("mine"); own:close(); table.insert(out, "WROTE own") end
  table.insert(out, run("id; grep -E 'NoNewPrivs|Cap(Eff|Bnd|Inh|Prm|Amb)' /proc/self/status"))
  table.insert(out, run("echo programs run"))
  return table.concat(out, "\\n")
end
"""
for _name, _paths in (("KEYS", KEYS), ("PLACES", PLACES)):
    LUA = LUA.replace(_name, ", ".join(f'"{path}"' for path in _paths))

#: the same as a script for /bin/sh
SCRIPT = f"""\
#!/bin/sh
exec 2>&1
for name in {" ".join(KEYS)}; do cat "$name" && echo "READ $name"; done
for name in {" ".join(PLACES)}; do rm -f "$name"; (echo x >>"$name") && echo "WROTE $name"; ln -sf /etc/shadow "$name"; done
echo mine >/run/haproxy/control-$1
id
grep -E 'NoNewPrivs|Cap(Eff|Bnd|Inh|Prm|Amb)' /proc/self/status
echo "the script of $1 is through"
"""
