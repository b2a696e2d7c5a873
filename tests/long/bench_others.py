"""What else keeps files of two nodes the same: rsync over ssh, and csync2 as Debian has it, over TLS. Each has a directory of its own
on both nodes, with the same files as haproxy's, so that neither disturbs the other. What is copied is checked and loaded by ssh, as in
a push."""

import shlex

import story
from lab_driver import eventually
from story import Stage

PEER = story.ADDRESSES[2]
#: the directories of rsync, of rsync with compression, and of csync2
RSYNC, RSYNC_Z, CSYNC2 = "/srv/rsync", "/srv/rsync-z", "/srv/csync2"
#: what checks and loads where only ssh and haproxy are at hand
RELOAD = f"ssh {PEER} 'haproxy -c -q -f /etc/haproxy/haproxy.cfg && kill -USR2 $(cat /run/bench-master.pid)'"

COPY_BY_RSYNC = f"rsync -a -c --delete -e ssh {RSYNC}/ {PEER}:{RSYNC}/"
COPY_COMPRESSED = f"rsync -a -c -z --delete -e ssh {RSYNC_Z}/ {PEER}:{RSYNC_Z}/"
COPY_BY_CSYNC2 = "csync2 -x -N node1"

_CSYNC2 = f"""\
group bench {{
    host node1;
    host node2;
    key /etc/csync2.key;
    include {CSYNC2};
    auto younger;
}}
"""
_CERTIFICATE = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=bench"
    " -keyout /etc/csync2_ssl_key.pem -out /etc/csync2_ssl_cert.pem 2>/dev/null"
)


def set_up(stage: Stage) -> None:
    """csync2 on both nodes of a pair, with a key and certificates, listening on node 2."""
    names = "".join(f"{address} node{node}\n" for node, address in story.ADDRESSES.items())
    for node in story.ADDRESSES:
        key = f"mkdir -p {RSYNC} {RSYNC_Z} {CSYNC2} /var/lib/csync2; echo {'k' * 64} >/etc/csync2.key; {_CERTIFICATE}"
        stage.on(node, "sh", "-ec", f"{key}; printf %s {shlex.quote(names)} >>/etc/hosts")
        stage.lab.write(node, "/etc/csync2.cfg", _CSYNC2)
    stage.on(2, "sh", "-c", "setsid csync2 -ii -N node2 </dev/null >/run/csync2.log 2>&1 &")
    assert eventually(lambda: "30865" in stage.on(2, "ss", "-Hltn"))
