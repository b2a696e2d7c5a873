"""haproxy.cfg as other distributions ship it, and one that fits both nodes: what such files say works, or is told."""

import re

import pytest
from lab_driver import Lab, eventually
from push_helpers import digest, make_agreeing_pair, push
from service_helpers import answer, run_service, service_pid
from story import CONFIG, Stage

DEBIAN = """\
global
    log /dev/log local0
    chroot /var/lib/haproxy
    stats socket /run/haproxy/admin.sock mode 660 level admin
    stats timeout 30s
    user haproxy
    group haproxy
    daemon
    ca-base /etc/ssl/certs
    crt-base /etc/ssl/private
    pidfile /var/run/haproxy.pid
defaults
    log global
    mode http
    timeout connect 5000
    timeout client 50000
    timeout server 50000
frontend www
    bind :80
    http-request return status 200 content-type text/plain string "{text}"
"""
CAPABILITIES = "for pid in $(pidof haproxy); do grep CapPrm /proc/$pid/status; done | sort -u"
BIND_LOW, CHROOT, RAW = 1 << 10, 1 << 18, 1 << 13


def has(lab: Lab, capabilities: int) -> bool:
    """Whether every process of haproxy has these, once those of before are gone."""
    wanted = [f"CapPrm:\t{capabilities:016x}"]
    return eventually(lambda: lab.run(1, "sh", "-c", CAPABILITIES).stdout.splitlines() == wanted)


def write(lab: Lab, text: str) -> None:
    lab.write(1, CONFIG, text)


@pytest.fixture(scope="module")
def stage(module_lab: Lab) -> Stage:
    """Two nodes that are paired and agree."""
    return make_agreeing_pair(module_lab, "before")


def test_a_stock_file_works_and_what_happens_instead_is_told(stage: Stage) -> None:
    lab = stage.lab
    assert has(lab, BIND_LOW)
    write(lab, DEBIAN.format(text="stock"))
    warned = run_service(lab, "haproxy", "check").stderr
    assert f"{CONFIG}:3: warning: 'chroot /var/lib/haproxy' is passed over" in warned
    run_service(lab, "haproxy", "apply")
    assert answer(lab) == "stock" and has(lab, BIND_LOW | CHROOT)
    status, report, _ = push(stage)
    assert status == 0 and report["result"] == "applied" and answer(lab, 2) == "stock"


@pytest.mark.all
def test_accounts_of_elsewhere_are_passed_over_by_a_reload(stage: Stage) -> None:
    """One more line `chroot`, or none any more, needs no restart either."""
    lab = stage.lab
    write(lab, DEBIAN.format(text="one"))
    run_service(lab, "haproxy", "apply")
    master = service_pid(lab, "haproxy")
    other = (
        DEBIAN.replace("user haproxy", "user nobody").replace("group haproxy", "gid 99").replace("    chroot", "    # ")
    )
    write(lab, other.format(text="two"))
    run_service(lab, "haproxy", "apply")
    assert answer(lab) == "two" and service_pid(lab, "haproxy") == master
    users = lab.run(1, "sh", "-c", "for pid in $(pidof haproxy); do stat -c %U /proc/$pid; done").stdout.split()
    assert set(users) == {"haproxy"}


@pytest.mark.all
def test_what_is_left_behind_by_a_push_is_told(stage: Stage) -> None:
    lab = stage.lab
    lab.run(1, "sh", "-ec", "mkdir -p /etc/ssl/private; openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -days 9 "
            "-keyout /tmp/key -out /tmp/crt 2>/dev/null; cat /tmp/crt /tmp/key >/etc/ssl/private/x.pem")  # fmt: skip
    write(lab, DEBIAN.format(text="x") + "    bind :443 ssl crt x.pem\n")
    assert (
        f"{CONFIG}:21: warning: /etc/ssl/private/x.pem is not below /etc/haproxy"
        in run_service(lab, "haproxy", "check").stderr
    )


def test_one_file_fits_both_nodes(stage: Stage) -> None:
    """Each has values of its own in `service system`; one that is missing is told by its name, before anything changes."""
    lab = stage.lab
    text = DEBIAN.format(text="${PLACE} ${NODE} ${LOCAL_IP}").replace("bind :80", 'bind "${VIP1}:80"')
    write(lab, text)
    error = run_service(lab, "haproxy", "apply", status=4).stderr
    assert f"{CONFIG}:19: this node does not know the variable VIP1: config add system env VIP1 VALUE" in error
    for node in (1, 2):
        lab.run(node, "config", "add", "system", "env", "VIP1", f"127.0.0.{node}")
    lab.run(1, "config", "add", "system", "env", "PLACE", "it's \\ $HOME")
    run_service(lab, "haproxy", "apply")
    assert lab.run(1, "curl", "-s", "http://127.0.0.1/").stdout == "it's \\ $HOME 1 10.32.0.11"
    before, serving = digest(stage, 2), service_pid(lab, "haproxy", 2)
    status, report, said = push(stage)
    assert (status, report["result"]) == (4, "failed")
    assert "does not know the variable PLACE" in said + report["check"]["output"] and digest(stage, 2) == before
    assert service_pid(lab, "haproxy", 2) == serving
    lab.run(2, "config", "add", "system", "env", "PLACE", "there")
    assert push(stage)[0] == 0
    assert lab.run(2, "curl", "-s", "http://127.0.0.2/").stdout == "there 2 10.32.0.12"
    assert "env" in lab.run(2, "config", "show", "system").stdout


@pytest.mark.all
def test_another_value_takes_an_apply_and_no_restart(stage: Stage) -> None:
    lab = stage.lab
    write(lab, DEBIAN.format(text="${PLACE}"))
    lab.run(1, "sh", "-c", "config del system env; config add system env PLACE one")
    run_service(lab, "haproxy", "apply")
    master = service_pid(lab, "haproxy")
    lab.run(1, "config", "set", "system", "env", "PLACE", "two")
    assert "needs apply" in run_service(lab, "haproxy", "status").stdout and answer(lab) == "one"
    run_service(lab, "haproxy", "apply")
    assert answer(lab) == "two" and service_pid(lab, "haproxy") == master


def test_haproxy_speaks_for_its_clients_only_where_an_operator_allows_it(stage: Stage) -> None:
    """A client on 127.0.0.9 is seen by the server as itself. A peer that does not allow it refuses the push."""
    lab = stage.lab
    text = (
        DEBIAN.format(text="%[src]")
        .replace("    user haproxy\n    group haproxy\n", "")
        .replace(" string ", " lf-string ")
    )
    text += "frontend near\n    bind :81\n    default_backend far\n"
    text += "backend far\n    source 0.0.0.0 usesrc clientip\n    server self 127.0.0.1:80\n"
    write(lab, text)
    assert f"{CONFIG}:23: 'usesrc' is not allowed on this node" in run_service(lab, "haproxy", "apply", status=4).stderr
    lab.run(1, "config", "set", "system", "transparent_source", "on")
    run_service(lab, "haproxy", "apply")
    assert lab.run(1, "curl", "-s", "--interface", "127.0.0.9", "http://127.0.0.1:81/").stdout == "127.0.0.9"
    assert has(lab, BIND_LOW | CHROOT | RAW)
    status, _, said = push(stage)
    assert status == 4 and "'usesrc' is not allowed on this node" in said
    lab.run(1, "config", "set", "system", "transparent_source", "off")
    assert run_service(lab, "haproxy", "check", status=4).stderr
    write(lab, DEBIAN.format(text="end"))
    run_service(lab, "haproxy", "apply")
    assert has(lab, BIND_LOW | CHROOT)


def test_name_servers_of_the_system_are_what_haproxy_finds(stage: Stage) -> None:
    lab = stage.lab
    resolvers = "resolvers here\n    parse-resolv-conf\n"
    write(lab, resolvers + DEBIAN.format(text="resolved"))
    assert "no nameservers configured" in run_service(lab, "haproxy", "check").stderr
    lab.run(1, "sh", "-c", "config add system nameserver 192.0.2.53 2001:db8::53; config add system search example.com")
    run_service(lab, "system", "apply")
    assert lab.read(1, "/etc/resolv.conf") == "nameserver 192.0.2.53\nnameserver 2001:db8::53\nsearch example.com\n"
    assert "nameservers" not in run_service(lab, "haproxy", "check").stderr
    lab.run(1, "sh", "-c", "config del system nameserver; config del system search")
    run_service(lab, "system", "apply")
    assert "nameserver " not in re.sub("#.*", "", lab.read(1, "/etc/resolv.conf"))
