"""What only a unit's kernel has: LVS, set up by keepalived for service ipvsd; and nftables with all that rules need."""

from collections.abc import Iterator

import pytest
from lab_driver import Lab, eventually
from service_helpers import append, run_service

FILE = "/etc/ipvsd/ipvsd.conf"
SERVER = """
    real_server 10.32.0.{host} 80 {{
        weight {weight}
        TCP_CHECK {{
            connect_timeout 1
        }}
    }}
"""
GOOD = """\
virtual_server 10.32.0.11 8081 {
    delay_loop 1
    lb_algo wrr
    lb_kind NAT
    protocol TCP
"""


def configuration(first: int, second: int) -> str:
    servers = SERVER.format(host=11, weight=first) + SERVER.format(host=12, weight=second)
    return f"{GOOD}{servers}}}\n"


@pytest.fixture
def lab(units: Lab) -> Iterator[Lab]:
    config = units.read(1, "/etc/config.rc")
    append(units, "/etc/config.rc", "\nservice ipvsd\nservice firewall\n")
    units.run(1, "mkdir", "-p", "/etc/ipvsd")
    yield units
    units.run(1, "sh", "-c", "service ipvsd stop; service firewall stop; rm -rf /etc/ipvsd")
    units.write(1, "/etc/config.rc", config)


def connects(lab: Lab, port: int) -> bool:
    """Does unit 1 answer unit 2 at that port, if only by a refusal?"""
    asked = "import socket, sys; print(socket.socket().connect_ex(('10.32.0.11', int(sys.argv[1]))))"
    done = lab.run(2, "timeout", "4", "/usr/bin/python3", "-c", asked, str(port), check=False)
    return done.status == 0


def table(lab: Lab) -> str:
    return lab.run(1, "cat", "/proc/net/ip_vs").stdout


@pytest.mark.all
def test_layer_4_is_served_by_the_kernel_and_weights_are_taken_up_by_a_reload(lab: Lab) -> None:
    lab.write(1, FILE, configuration(1, 2))
    run_service(lab, "ipvsd", "start")
    pids = lab.run(1, "pidof", "keepalived").stdout
    assert eventually(lambda: "0A20000B:1F91 wrr" in table(lab) and "0A20000C:0050      Masq    2" in table(lab))
    lab.write(1, FILE, configuration(1, 5))
    run_service(lab, "ipvsd", "apply")
    assert (
        eventually(lambda: "0A20000C:0050      Masq    5" in table(lab))
        and lab.run(1, "pidof", "keepalived").stdout == pids
    )
    run_service(lab, "haproxy", "stop", node=2)
    assert eventually(lambda: "0A20000C:0050" not in table(lab)), "the check takes a dead server out"
    run_service(lab, "haproxy", "start", node=2)
    lab.write(1, FILE, configuration(1, 5).replace("wrr", "best"))
    before = table(lab)
    run_service(lab, "ipvsd", "apply", status=4)
    assert table(lab).splitlines()[:2] == before.splitlines()[:2]
    run_service(lab, "ipvsd", "stop")
    assert "0A20000B:1F91" not in table(lab)


@pytest.mark.all
def test_the_factorys_rules_are_loaded_and_every_kind_of_statement_is_there(lab: Lab) -> None:
    run_service(lab, "firewall", "start")
    assert connects(lab, 4444) and connects(lab, 22) and not connects(lab, 8099)
    rules = """\
table inet every {
    chain in {
        type filter hook input priority 10; policy accept;
        ct state invalid drop
        tcp dport 9001 limit rate 5/second log prefix "x: " reject with icmpx admin-prohibited
        tcp dport 9002 ct count over 5 drop
        fib daddr type broadcast accept
    }
    chain out {
        type nat hook postrouting priority srcnat;
        ip saddr 198.51.100.0/24 masquerade
    }
    chain pre {
        type nat hook prerouting priority dstnat;
        tcp dport 9003 redirect to :80
        tcp dport 9004 dnat ip to 10.32.0.12:80
        tcp dport 9005 dnat ip to numgen inc mod 2 map { 0 : 10.32.0.11, 1 : 10.32.0.12 }
    }
}
"""
    lab.write(1, "/etc/firewall/rules.nft", rules)
    run_service(lab, "firewall", "apply")
    assert "table inet every" in lab.run(1, "nft", "list", "tables").stdout
    lab.run(1, "cp", "/usr/share/factory/etc/firewall/rules.nft", "/etc/firewall/rules.nft")
