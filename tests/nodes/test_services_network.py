"""Services without a process: system and network set up what their blocks say, and take away only that."""

import json
from collections.abc import Iterator

import pytest
from lab_driver import Lab, eventually
from service_helpers import PYTHON, append, run_service, service_row

RC = "/etc/config.rc"


@pytest.fixture
def lab(module_lab: Lab) -> Iterator[Lab]:
    """A node with a spare interface."""
    module_lab.run(1, "ip", "link", "add", "spare", "type", "veth", "peer", "name", "other", check=False)
    yield module_lab
    module_lab.run(1, "service", "network.spare", "stop", check=False)
    module_lab.run(1, "cp", f"/usr/share/factory{RC}", RC)
    module_lab.run(1, "ip", "link", "del", "spare", check=False)


def addresses(lab: Lab, name: str) -> set[str]:
    (found,) = json.loads(lab.run(1, "ip", "-j", "address", "show", "dev", name).stdout)
    return {f"{one['local']}/{one['prefixlen']}" for one in found["addr_info"] if one["scope"] == "global"}


BLOCK = """
service network spare
	mtu 1400
	lladdr 02:00:00:00:00:77
	ip address 192.0.2.1/24
	ip address 192.0.2.129/255.255.255.128
	ip6 address 2001:db8::1/64
	ip route 198.51.100.0/24 192.0.2.7
	ip route 203.0.113.0/24 192.0.2.8 table 77
	ip rule from 192.0.2.0/24 table 77
"""


def test_an_interface_gets_what_its_block_says_and_loses_just_that(lab: Lab) -> None:
    append(lab, RC, BLOCK)
    lab.run(1, "ip", "address", "add", "192.0.2.99/32", "dev", "spare")
    run_service(lab, "network.spare", "start")
    assert addresses(lab, "spare") == {"192.0.2.1/24", "192.0.2.129/25", "2001:db8::1/64", "192.0.2.99/32"}
    link = lab.run(1, "ip", "link", "show", "dev", "spare").stdout
    assert "mtu 1400" in link and "02:00:00:00:00:77" in link and "UP" in link
    assert "198.51.100.0/24 via 192.0.2.7 dev spare" in lab.run(1, "ip", "route").stdout
    assert "203.0.113.0/24 via 192.0.2.8 dev spare" in lab.run(1, "ip", "route", "show", "table", "77").stdout
    assert lab.run(1, "ip", "rule").stdout.count("from 192.0.2.0/24 lookup 77") == 1
    found = service_row(lab, "network.spare")
    assert (found["state"], found["pid"], found["needs_apply"]) == ("running", None, False)
    run_service(lab, "network.spare", "restart")
    assert lab.run(1, "ip", "rule").stdout.count("from 192.0.2.0/24 lookup 77") == 1
    run_service(lab, "network.spare", "stop")
    assert addresses(lab, "spare") == {"192.0.2.99/32"}
    assert "192.0.2.0/24 lookup 77" not in lab.run(1, "ip", "rule").stdout
    assert service_row(lab, "network.spare")["state"] == "stopped"


def test_apply_takes_away_what_the_block_no_longer_says(lab: Lab) -> None:
    append(lab, RC, BLOCK)
    run_service(lab, "network.spare", "start")
    lab.run(1, "config", "del", "network.spare", "ip", "address", "192.0.2.129/255.255.255.128")
    lab.run(1, "config", "add", "network.spare", "ip", "address", "192.0.2.3/24")
    run_service(lab, "network.spare", "apply")
    assert addresses(lab, "spare") == {"192.0.2.1/24", "192.0.2.3/24", "2001:db8::1/64"}
    assert not service_row(lab, "network.spare")["needs_apply"]


def test_what_fails_does_not_keep_the_rest_from_being_set_up(lab: Lab) -> None:
    append(lab, RC, BLOCK.replace("mtu 1400", "mtu 65536"))
    error = run_service(lab, "network.spare", "start", status=1).stderr
    assert "not all of it is set up: " in error
    assert f"{RC}:20: ip link set dev spare mtu 65536: mtu greater than device maximum" in error
    assert "192.0.2.1/24" in addresses(lab, "spare")
    assert "from 192.0.2.0/24 lookup 77" in lab.run(1, "ip", "rule").stdout
    assert "mtu 65536" in run_service(lab, "network.spare", "status", status=1).stdout
    assert service_row(lab, "network.spare")["needs_apply"]


def test_a_vlan_is_made_and_removed(lab: Lab) -> None:
    append(lab, RC, "service network spare.9\n\tip address 192.0.2.65/26\n")
    done = lab.run(1, "service", "network.spare.9", "start", check=False)
    if "Unknown device type" in done.stderr or "not supported" in done.stderr:
        assert done.status == 1  # a kernel without VLANs: said, not hidden
        return
    assert addresses(lab, "spare.9") == {"192.0.2.65/26"}
    run_service(lab, "network.spare.9", "stop")
    assert lab.run(1, "ip", "link", "show", "spare.9", check=False).status != 0


def test_system_names_the_node_and_sets_the_kernel(lab: Lab) -> None:
    before = lab.run(1, "hostname").stdout.strip()
    lab.run(1, "sed", "-i", "s/^service system/&\\n\\thostname lb7\\n\\tsysctl net.ipv4.ip_default_ttl=63/", RC)
    run_service(lab, "system", "apply")
    assert lab.run(1, "hostname").stdout == "lb7\n"
    assert lab.read(1, "/proc/sys/net/ipv4/ip_default_ttl") == "63\n"
    lab.run(1, "sed", "-i", "s/sysctl .*/sysctl net.ipv4.no_such_thing=1/", RC)
    error = run_service(lab, "system", "apply", status=1).stderr
    assert "no_such_thing" in error
    lab.run(1, "hostname", before)


WHOLE = """
service network spare
	mtu 1400
	ip address 192.0.2.1/24 brd + label spare:one
	ip address 192.0.2.2/24 secondary
	ip address 192.0.2.77
	ip6 address 2001:db8::1/64
	ip route 198.51.100.0/24 192.0.2.7 metric 5 src 192.0.2.2
	ip route 198.51.101.0/24 -
	ip6 route default 2001:db8::7
	ip rule from 192.0.2.0/24 to 203.0.113.0/24 table 77 pref 1000
	ip6 rule fwmark 0x10/0xff table 77
	ip neigh 192.0.2.9 02:00:00:00:00:09
	sysctl rp_filter=2
	sysctl6 accept_ra=0
"""


def test_a_reload_of_what_has_not_changed_makes_no_event_and_loses_no_ping(lab: Lab) -> None:
    append(lab, RC, WHOLE)
    run_service(lab, "network.spare", "start")
    watch = """
    : >/tmp/events; ip monitor all >>/tmp/events & monitor=$!
    ping -q -i 0.005 -c 400 192.0.2.1 >/tmp/pings & ping=$!
    until grep -q marker /tmp/events; do ip tuntap add dev marker mode tap; ip tuntap del dev marker mode tap; done
    before=$(wc -l </tmp/events)
    service network.spare reload 2>/dev/null && service network.spare apply && service network.spare restart; echo status $?
    wait $ping
    kill $monitor
    tail -n +$((before + 1)) /tmp/events; cat /tmp/pings
    """
    said = lab.run(1, "sh", "-c", watch).stdout
    assert "status 0" in said and "400 packets transmitted, 400 " in said and " 0% packet loss" in said
    lines = [line for line in said.splitlines() if "marker" not in line]  # its last event may come late
    assert [line for line in lines if "spare" in line or "Deleted" in line or "192.0.2" in line] == [
        line for line in lines if line.startswith(("PING", "--- 192"))
    ]


def test_settings_are_put_back_when_nobody_wants_them_any_more(lab: Lab) -> None:
    path = "/proc/sys/net/ipv4/conf/spare/rp_filter"
    before = lab.read(1, path)
    append(lab, RC, WHOLE)
    run_service(lab, "network.spare", "start")
    assert (lab.read(1, path), lab.read(1, "/proc/sys/net/ipv6/conf/spare/accept_ra")) == ("2\n", "0\n")
    lab.run(1, "config", "del", "network.spare", "sysctl", "rp_filter=2")
    run_service(lab, "network.spare", "apply")
    assert lab.read(1, path) == before


def test_what_others_have_added_is_left_alone_and_what_goes_takes_nothing_along(lab: Lab) -> None:
    append(lab, RC, WHOLE)
    run_service(lab, "network.spare", "start")
    lab.run(1, "ip", "address", "add", "192.0.2.50/24", "dev", "spare")
    lab.run(1, "ip", "route", "add", "203.0.113.0/24", "via", "192.0.2.8", "dev", "spare")
    for directive in ("ip address 192.0.2.1/24 brd + label spare:one", "ip neigh", "mtu"):
        lab.run(1, "config", "del", "network.spare", *directive.split())
    run_service(lab, "network.spare", "apply")
    assert addresses(lab, "spare") == {"192.0.2.2/24", "192.0.2.77/32", "192.0.2.50/24", "2001:db8::1/64"}
    routes = lab.run(1, "ip", "route", "show", "dev", "spare").stdout
    assert (
        "203.0.113.0/24 via 192.0.2.8" in routes and "198.51.100.0/24 via 192.0.2.7 proto 151 src 192.0.2.2" in routes
    )
    run_service(lab, "network.spare", "stop")
    assert addresses(lab, "spare") == {"192.0.2.50/24"}


def test_an_interface_that_is_not_there_is_said_and_set_up_when_it_comes(lab: Lab) -> None:
    append(lab, RC, "\nservice network late\n\tip address 192.0.2.65/26\n\tip route 198.51.100.0/24 192.0.2.66\n")
    said = run_service(lab, "network.late", "start", status=1).stderr
    assert "the interface late is not there; what needs it is set up when it comes" in said
    assert "late is not there" in run_service(lab, "network.late", "status", status=1).stdout
    lab.run(1, "ip", "link", "add", "late", "type", "veth", "peer", "name", "late2")
    assert eventually(lambda: service_row(lab, "network.late")["state"] == "running")
    assert addresses(lab, "late") == {"192.0.2.65/26"} and not service_row(lab, "network.late")["needs_apply"]
    run_service(lab, "network.late", "stop")
    assert addresses(lab, "late") == set()
    lab.run(1, "ip", "link", "del", "late")


def test_an_interface_that_goes_later_is_said_and_what_needs_it_is_back_when_that_is(lab: Lab) -> None:
    append(lab, RC, "\nservice network spare\n\tip address 192.0.2.65/26\n\tip route 198.51.100.0/24 192.0.2.66\n")
    run_service(lab, "network.spare", "start")
    for _ in range(2):
        lab.run(1, "ip", "link", "del", "spare")
        assert eventually(lambda: service_row(lab, "network.spare")["state"] == "failed")
        assert "the interface spare is not there" in run_service(lab, "network.spare", "status", status=1).stdout
        lab.run(1, "ip", "link", "add", "spare", "type", "veth", "peer", "name", "other")
        assert eventually(lambda: service_row(lab, "network.spare")["state"] == "running")
        assert addresses(lab, "spare") == {"192.0.2.65/26"}
    made = "ip link del spare; ip link add spare type veth peer name other"
    lab.run(1, "sh", "-ec", made)
    assert eventually(lambda: addresses(lab, "spare") == {"192.0.2.65/26"}), "one that was made anew at once"
    run_service(lab, "network.spare", "stop")
    lab.run(1, "sh", "-ec", made)
    assert "network.spare" not in lab.run(1, "ls", "/run/firmware/network/interfaces").stdout.splitlines()


def test_a_bridge_is_made_of_what_is_there_and_released(lab: Lab) -> None:
    append(lab, RC, "\nservice network br0\n\ttype bridge\n\tbridge_stp on\n\tslave spare\n\tip address 192.0.2.1/24\n")
    run_service(lab, "network.br0", "start")
    (found,) = json.loads(lab.run(1, "ip", "-j", "-d", "link", "show", "br0").stdout)
    assert found["linkinfo"]["info_data"]["stp_state"] == 1
    assert "master br0" in lab.run(1, "ip", "link", "show", "spare").stdout
    lab.run(1, "config", "set", "network.br0", "bridge_stp", "off")
    run_service(lab, "network.br0", "apply")
    (found,) = json.loads(lab.run(1, "ip", "-j", "-d", "link", "show", "br0").stdout)
    assert found["linkinfo"]["info_data"]["stp_state"] == 0
    run_service(lab, "network.br0", "stop")
    assert "master" not in lab.run(1, "ip", "link", "show", "spare").stdout
    assert lab.run(1, "ip", "link", "show", "br0", check=False).status != 0


def test_a_wireguard_interface_has_its_port_and_key_and_loses_no_peer_when_it_is_applied(lab: Lab) -> None:
    append(
        lab,
        RC,
        "\nservice network wg0\n\ttype wg\n\tip address 192.0.2.11/24\n\twg listen_port 51820\n\twg private_key /etc/wg/key\n",
    )
    assert "/etc/wg/key: No such file" in run_service(lab, "network.wg0", "start", status=4).stderr
    lab.run(1, "sh", "-c", "umask 077; mkdir -p /etc/wg; wg genkey >/etc/wg/key; wg genkey | wg pubkey >/etc/wg/peer")
    run_service(lab, "network.wg0", "start")
    public = lab.run(1, "sh", "-c", "wg pubkey </etc/wg/key").stdout
    assert lab.run(1, "wg", "show", "wg0", "public-key").stdout == public
    assert lab.run(1, "wg", "show", "wg0", "listen-port").stdout == "51820\n"
    peer = lab.read(1, "/etc/wg/peer").strip()
    lab.run(1, "wg", "set", "wg0", "peer", peer)
    lab.run(1, "config", "add", "network.wg0", "wg", "fwmark", "0x10")
    run_service(lab, "network.wg0", "apply")
    assert lab.run(1, "wg", "show", "wg0", "fwmark").stdout == "0x10\n"
    assert lab.run(1, "wg", "show", "wg0", "peers").stdout.strip() == peer
    run_service(lab, "network.wg0", "stop")
    assert lab.run(1, "ip", "link", "show", "wg0", check=False).status != 0
    lab.run(1, "rm", "-r", "/etc/wg")


DHCPD = """\
start 10.32.0.50
end 10.32.0.50
interface eth0
lease_file /run/udhcpd.leases
pidfile /run/udhcpd.pid
option subnet 255.255.255.0
option router 10.32.0.12
option dns 10.32.0.53
option domain lan.example
"""


def test_an_address_is_asked_for_until_a_server_answers_and_stays_when_the_client_starts_again(lab: Lab) -> None:
    lab.run(1, "sed", "-i", "s|ip address 192.168.0.200/24|ip dhcp|", RC)
    said = run_service(lab, "network.eth0", "apply", status=1).stderr
    assert "no DHCP server has answered on eth0 so far" in said
    lab.write(2, "/run/udhcpd.conf", DHCPD)
    lab.run(2, "sh", "-c", ": >/run/udhcpd.leases; setsid busybox udhcpd /run/udhcpd.conf >/dev/null 2>&1 &")
    assert eventually(lambda: service_row(lab, "network.eth0")["state"] == "running")
    assert "10.32.0.50/24" in addresses(lab, "eth0")
    assert "default via 10.32.0.12 dev eth0 proto 151" in lab.run(1, "ip", "route").stdout
    resolver = lab.read(1, "/etc/resolv.conf")
    assert "\nnameserver 10.32.0.53\nsearch lan.example\n" in resolver
    restart = """
    ip monitor address >/tmp/events & monitor=$!
    before=$(s6-svstat -o pid /run/firmware/scan/network.eth0~dhcp)
    s6-svc -k /run/firmware/scan/network.eth0~dhcp
    until s6-svdt /run/firmware/scan/network.eth0~dhcp | grep -q . && grep -q 'lease of' /run/firmware/log/network.eth0~dhcp/current; do :; done
    kill $monitor; cat /tmp/events
    """
    assert lab.run(1, "sh", "-c", restart).stdout == ""
    lab.run(1, "config", "add", "system", "nameserver", "192.0.2.53")
    run_service(lab, "system", "apply")
    lab.run(1, "env", "interface=eth0", "/usr/bin/python3", "-m", "firmware.services.declared.network.resolver")
    assert lab.read(1, "/etc/resolv.conf") == "nameserver 192.0.2.53\n"
    lab.run(1, "config", "del", "system", "nameserver")
    run_service(lab, "system", "apply")
    assert lab.read(1, "/etc/resolv.conf") == resolver, "what is lent is asked again"
    lab.run(1, "sed", "-i", "s|ip dhcp|ip address 192.168.0.200/24|", RC)
    run_service(lab, "network.eth0", "apply")
    assert "10.32.0.50/24" not in addresses(lab, "eth0") and "default" not in lab.run(1, "ip", "route").stdout
    assert lab.read(1, "/etc/resolv.conf") == lab.read(1, "/usr/share/factory/etc/resolv.conf")
    lab.run(2, "sh", "-c", "kill $(cat /run/udhcpd.pid)")


def test_the_name_without_an_instance_stands_for_all_in_the_order_in_which_they_need_each_other(lab: Lab) -> None:
    """A tap below a bridge that stands before it in config.rc."""
    append(
        lab,
        RC,
        "\nservice network br0\n\ttype bridge\n\tslave tap7\n\tip address 192.0.2.1/24\nservice network tap7\n\ttype tap\n",
    )
    run_service(lab, "network", "apply")
    run_service(lab, "network", "start")
    assert "master br0" in lab.run(1, "ip", "link", "show", "tap7").stdout
    states = json.loads(run_service(lab, "network", "status", "--json").stdout)
    assert [(one["instance"], one["state"]) for one in states] == [
        ("eth0", "running"),
        ("tap7", "running"),
        ("br0", "running"),
    ]
    run_service(lab, "network.br0", "stop")
    run_service(lab, "network.tap7", "stop")
    assert lab.run(1, "ip", "link", "show", "tap7", check=False).status != 0


def test_what_others_have_added_is_shown(lab: Lab) -> None:
    append(lab, RC, WHOLE)
    run_service(lab, "network.spare", "start")
    lab.run(1, "ip", "address", "add", "192.0.2.50/24", "dev", "spare")
    lab.run(1, "ip", "route", "add", "203.0.113.0/24", "via", "192.0.2.8", "dev", "spare")
    said = run_service(lab, "network.spare", "status").stdout
    assert [line.strip() for line in said.splitlines()[1:]] == [
        "not from config.rc: address 192.0.2.50/24",
        "not from config.rc: route 203.0.113.0/24 via 192.0.2.8 table 254",
    ]
    lab.run(1, "ip", "address", "del", "192.0.2.50/24", "dev", "spare")


def test_ipv6_that_is_off_is_the_reason_at_its_line_and_the_rest_is_set_up(lab: Lab) -> None:
    append(
        lab,
        RC,
        "\nservice network spare\n\tsysctl6 disable_ipv6=1\n\tip address 192.0.2.1/24\n\tip6 address 2001:db8::1/64\n",
    )
    said = run_service(lab, "network.spare", "start", status=1).stderr
    assert f"{RC}:22: ip address add 2001:db8::1/64 dev spare: " in said
    assert "(IPv6 is off: net.ipv6.conf.spare.disable_ipv6 is 1)" in said
    assert addresses(lab, "spare") == {"192.0.2.1/24"}


def test_after_a_start_an_address_of_ipv6_can_be_bound(lab: Lab) -> None:
    lab.run(1, "ip", "link", "set", "other", "up")
    append(lab, RC, "\nservice network spare\n\tip6 address 2001:db8::1/64\n")
    run_service(lab, "network.spare", "start")
    bind = "import socket; socket.create_server(('2001:db8::1', 8099), family=socket.AF_INET6)"
    assert lab.run(1, PYTHON, "-c", bind, check=False).status == 0


def test_speed_and_duplex_are_set_where_the_card_can_be_told(lab: Lab) -> None:
    append(lab, RC, "\nservice network tap7\n\ttype tap\n\tspeed 1000\n\tduplex full\n")
    run_service(lab, "network.tap7", "start")
    assert "Speed: 1000Mb/s" in lab.run(1, "ethtool", "tap7").stdout
    append(lab, RC, "\nservice network spare\n\tauto off\n\tspeed 100\n")
    assert f"{RC}:26: spare: ethtool: " in run_service(lab, "network.spare", "start", status=1).stderr
    run_service(lab, "network.tap7", "stop")
