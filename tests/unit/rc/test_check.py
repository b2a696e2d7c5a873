"""What config.rc may say: every directive that is documented passes, everything else is reported at once, with its line."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.rc import check, values
from firmware.rc.document import parse
from firmware.rc.values import ValueKind
from firmware.services import catalog
from firmware.services.declared.network import wireguard
from firmware.services.definition import Directive, Service

#: the seed document's blocks, as they stand there
SEED = """\
service network
service network wg0
type wg
ip address 192.0.2.11/24 # ALOHA1 WireGuard IP address
wg listen_port 51820 # WireGuard's port
wg private_key /etc/wg/ALOHA1.private.key
service vrrp
service wg
interface wg0 # the name of the network service created in the previous step
public_key OGhxS8Wp0IMcksodOLaowKLnd2wqKDlnskwq93DoeYx # ALOHA2's wg public key
endpoint 198.51.100.10:51820 # ALOHA2's eth0 IP address with wg network service's listen_port
allowed_ips 192.0.2.0/24
keepalive 5
service wg other
interface wg0 # the name of the network service created in the previous step
public_key Kw/i827kdstWTiogkdaRKWnkdsalKkEW2o/284lWas= # ALOHA1's wg public key
endpoint 192.0.2.10:51820 # ALOHA1's eth0 IP address with wg network service's listen_port
allowed_ips 198.51.100.0/24
keepalive 5
service csyncd
no autostart
"""

REAL_KEY = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="

#: what a config.rc of the product's forebear may look like
FOREBEAR = b"""\
\xef\xbb\xbf# configuration d'usine, g\xe9n\xe9r\xe9e \xe0 la main
hostname lb1
modprobe bonding \\
\tmax_bonds=2

no service apache
\tconfdir /etc/httpd

no service network eth1
\tip unheard of

service network eth0
\tip-address 192.168.0.200/24\t# r\xe9seau
\tip addr 10.0.0.1/255.255.255.0 \\
\t\tsecondary
\tno ip-address 10.0.0.2/24

service system
\tvt_consoles 2
"""

FRAMEWORK = """\
autostart
no autostart
autostart on
bin /usr/sbin/other
cmdline /usr/sbin/other -f "a b"
pidfile /run/other.pid
procname other
check_interval 10
cpumask 0x3
"""

#: the directives that are known of the product, by service
KNOWN = {
    "system": """
hostname lb1
modprobe bonding max_bonds=2
sysctl net.ipv4.ip_forward=1
sysctl net.ipv4.tcp_rmem="4096 87380 6291456"
rtc utc
vt_consoles 2
extra_consoles ttyS0:9600:vt100
""",
    "network eth0": """
auto on
speed 1000
duplex full
mtu 1500
lladdr 02:00:5e:10:00:01
arp on
multicast off
ip address 192.168.0.200/24
ip address 192.168.0.201/255.255.255.0
ip address 192.168.0.202/24 secondary
ip route default 192.168.0.1
ip route 10.0.0.0/8 192.168.0.2 table 10
ip rule from 10.0.0.0/8 table 10
ip dhcp
ip6 address 2001:db8::1/64
ip6 route default 2001:db8::ff
ip6 rule from 2001:db8::/64 table 10
ip6 autoconfig
vrrp address 192.168.0.210
vrrp prio 101
vrrp id 51
vrrp garp 10
modprobe e1000
load ip link set eth0 txqueuelen 1000
unload ip link set eth0 txqueuelen 500
sysctl net.ipv4.conf.eth0.rp_filter=0
""",
    "network bond0": """
type bonding
bonding mode active-backup
bonding primary eth1
bonding miimon 100
slave eth1 eth2
""",
    "network eth0.100": "ip address 192.168.1.200/24",
    "network br0": "type bridge",
    "network tun0": "type tun",
    "network tap0": "type tap",
    "network wg0": """
type wg
wg listen_port 51820
wg fwmark 0x10
wg private_key /etc/wg/key
""",
    "vrrp": """
group eth0 eth1
notify /etc/vrrp/notify.sh
track_svc haproxy ipvsd
track_mgt sshd wui
""",
    "sshd": "config /etc/ssh/sshd_config\nport 22\nlisten 192.168.0.200",
    "firewall": "config /etc/firewall/rules.nft\nconntrack max 65536\nforward on",
    "ntp": "server 192.0.2.123",
    "syslogd": "config /etc/syslogd/syslog.conf\nremote 192.0.2.5:514\nsize 200\nrotate 2\nbuffer 64\nlevel 8",
    "haproxy": "config /etc/haproxy/haproxy.cfg",
    "ipvsd": "config /etc/ipvsd/ipvsd.cfg",
    "wui": "port 4444\nlisten 192.168.0.200\ntls off",
    "csyncd": "autostart",
    "dataplaneapi": "config /etc/dataplaneapi/dataplaneapi.yml",
}


@pytest.fixture(autouse=True)
def key_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys have been made before, as the document has it."""
    monkeypatch.setattr(wireguard, "read_key", lambda path: (REAL_KEY, ""))


def problems(text: str, path: str = "/etc/config.rc") -> list[str]:
    return check.text_problems(text, path, catalog.find, catalog.names())


def service(name: str) -> Service:
    found = catalog.find(name)
    assert found is not None
    return found


def test_the_seed_documents_blocks_are_right_but_for_its_keys() -> None:
    assert [problem.partition(" is not a key: ")[2] for problem in problems(SEED)] == [
        "a WireGuard key has 44 characters, this has 43"
    ] * 2
    keys = ("OGhxS8Wp0IMcksodOLaowKLnd2wqKDlnskwq93DoeYx", "Kw/i827kdstWTiogkdaRKWnkdsalKkEW2o/284lWas=")
    with_real_keys = SEED.replace(keys[0], REAL_KEY).replace(keys[1], REAL_KEY)
    assert problems(with_real_keys) == []


def test_a_port_beyond_65535_does_not_reach_wg() -> None:
    assert problems("service network wg0\n type wg\n wg listen_port 70000\n") == [
        "/etc/config.rc:3: 'wg listen_port' in service network.wg0: '70000' is not a port from 1 to 65535"
    ]


def test_a_file_as_the_products_forebear_writes_them_is_right() -> None:
    assert check.text_problems(FOREBEAR.decode("utf-8", "surrogateescape"), "F", catalog.find, catalog.names()) == []


def test_what_is_switched_off_is_read_by_nobody() -> None:
    assert problems("no service apache one\n\tconfdir /x\n\nno service haproxy x\n\tnothing at all\n") == []
    assert len(problems("service apache one\n\tconfdir /x\n\nservice haproxy x\n\tnothing at all\n")) == 3


@pytest.mark.parametrize("header", KNOWN)
def test_every_known_directive_is_right(header: str) -> None:
    assert problems(f"service {header}\n{KNOWN[header]}\n") == []


@pytest.mark.parametrize("header", KNOWN)
def test_a_directive_is_right_only_where_it_is_declared(header: str) -> None:
    declared = {directive.key.split()[0] for directive in service(header.split()[0]).directives}
    elsewhere = [
        line for text in KNOWN.values() for line in text.splitlines() if line and line.split()[0] not in declared
    ]
    assert elsewhere
    found = problems("\n".join([f"service {header}", *elsewhere]))
    for number, (line, problem) in enumerate(zip(elsewhere, found, strict=True), 2):
        assert problem.startswith(f"/etc/config.rc:{number}: unknown directive {line.split()[0]!r} in service ")


@pytest.mark.parametrize("line", ["media 1000baseT", "ip autoconfig", "ip6 dhcp", "tunnel_type gre"])
def test_what_is_known_and_not_supported_is_refused_at_its_line_with_a_reason(line: str) -> None:
    (found,) = problems(f"service network eth0\n{line}\n")
    assert found.startswith("/etc/config.rc:2: ") and ": not supported: " in found


@pytest.mark.parametrize(
    "line", ["network 192.168.0.0/24", "network default", "community public", "listen 192.168.0.200", "port 161"]
)
def test_snmpd_is_refused_at_each_line_and_its_block_is_said_to_do_nothing(line: str) -> None:
    (found,) = problems(f"service snmpd\n{line}\n")
    assert found.startswith("/etc/config.rc:2: ") and ": not supported: this firmware has no agent of SNMP" in found
    assert problems("service snmpd\n") == []
    assert check.text_notes("service snmpd\n", "F", catalog.find) == [
        "F:1: service snmpd: this firmware has nothing to run for it"
    ]


#: what a block has to say besides
NEEDED = {
    "ntp": "server 192.0.2.123\n",
    "wg": f"interface wg0\npublic_key {REAL_KEY}\nallowed_ips 10.0.0.2/32\n",
}
#: the block that another one needs
NEEDED_BLOCK = {"wg": "service network wg0\ntype wg\n"}


@pytest.mark.parametrize("name", catalog.names())
def test_every_service_understands_the_framework(name: str) -> None:
    """Or refuses what is about a process, where it has none."""
    text = f"service {name}\n{FRAMEWORK}\n{NEEDED.get(name, '')}\n{NEEDED_BLOCK.get(name, '')}"
    has_process = service(name).daemon is not None or not service(name).is_runnable
    lines = [] if has_process else [line for line in FRAMEWORK.strip().splitlines() if "autostart" not in line]
    assert [problem.partition(": ")[2] for problem in problems(text)] == [
        f"{line.split()[0]!r} in service {name}: not supported: service {name} has no process" for line in lines
    ]


def test_all_errors_come_at_once_with_line_and_nearest_word() -> None:
    text = """\
hostnam one
service csyncd
    no autostrat
service hproxy
    anything goes
service haproxy
    config haproxy.cfg

service network eth0
    ip adress 10.0.0.1/24
    ip address 10.0.0.300/24 # too much
    no mtu
    no
    speed 'a
    vrrp pri 5
    duplex both
service haproxy
service sshd two
    port 70000
"""
    assert problems(text) == [
        "/etc/config.rc:1: unknown directive 'hostnam' in service system (did you mean 'hostname'?)",
        "/etc/config.rc:3: unknown directive 'autostrat' in service csyncd (did you mean 'autostart'?)",
        "/etc/config.rc:4: unknown service 'hproxy' (did you mean 'haproxy'?)",
        "/etc/config.rc:7: 'config' in service haproxy: 'haproxy.cfg' is not a path below /etc/haproxy",
        "/etc/config.rc:10: unknown directive 'ip adress' in service network.eth0 (did you mean 'ip address'?)",
        "/etc/config.rc:11: 'ip address' in service network.eth0: "
        "'10.0.0.300/24' is not an address with its prefix such as 192.0.2.1/24",
        "/etc/config.rc:13: a directive is missing after 'no' in service network.eth0",
        "/etc/config.rc:14: the quote ' is opened and not closed",
        "/etc/config.rc:15: unknown directive 'vrrp pri' in service network.eth0 (did you mean 'vrrp prio'?)",
        "/etc/config.rc:16: 'duplex' in service network.eth0: 'both' is not one of full, half, auto",
        "/etc/config.rc:17: service haproxy stands here again (first in line 6)",
        "/etc/config.rc:18: service sshd has no instances, but 'two' is given",
        "/etc/config.rc:19: 'port' in service sshd.two: '70000' is not a port from 1 to 65535",
    ]


def test_a_document_is_checked_like_its_text() -> None:
    text = "service haproxy\n x\n y\nservice nothing\n"
    assert check.document_problems(parse(text, "F"), catalog.find, catalog.names()) == problems(text, "F") != []


def test_a_value_may_be_missing_only_after_no() -> None:
    assert problems("service network eth0\n no mtu\n mtu\n arp\n") == [
        "/etc/config.rc:3: 'mtu' in service network.eth0: a value is missing: a number from 68 to 65536"
    ]


def test_what_no_takes_back_is_checked_if_it_is_there() -> None:
    assert problems("service network eth0\n no ip address\n no ip address 10.0.0.1/24\n") == []
    assert len(problems("service network eth0\n no ip address 10.0.0.1/99\n no ip addres\n")) == 2


def test_one_title_may_stand_once_even_switched_off_or_implicit() -> None:
    assert problems("hostname a\nservice system\nservice system\n") == [
        "/etc/config.rc:3: service system stands here again (first in line 1)"
    ]
    assert problems("service haproxy\nno service haproxy\n") == [
        "/etc/config.rc:2: service haproxy stands here again (first in line 1)"
    ]
    assert problems("service network eth0\nservice network eth1\nservice network\n") == []


def test_an_instance_may_be_required() -> None:
    only = Service(name="only", summary="", instances="required")
    assert check.document_problems(parse("service only\nservice only a\n"), {"only": only}.get) == [
        "/etc/config.rc:1: service only needs an instance"
    ]


def test_a_block_is_checked_alone() -> None:
    block = parse("\n\nservice haproxy x\n config y\n").blocks[0]
    assert check.block_problems(block, service("haproxy"), "F") == [
        "F:3: service haproxy has no instances, but 'x' is given",
        "F:4: 'config' in service haproxy.x: 'y' is not a path below /etc/haproxy",
    ]


@pytest.mark.parametrize(
    ("name", "line", "key"),
    [
        *[(name, line, line.split()[0]) for name in catalog.names() for line in FRAMEWORK.splitlines()[3:7]],
        *[("network", line, line.split()[0]) for line in ("load reboot", "unload reboot", "modprobe x", "sysctl a=b")],
        ("system", "modprobe x", "modprobe"),
        ("system", "sysctl kernel.core_pattern=|/tmp/x", "sysctl"),
        ("vrrp", "notify /tmp/x", "notify"),
    ],
)
def test_a_peer_may_not_set_what_names_programs(name: str, line: str, key: str) -> None:
    for words in (line, f"no {key}", f"'{key}' x"):
        block = parse(f"service {name}\n autostart\n {words}\n").blocks[0]
        assert check.peer_problems(block, service(name), "F") == [f"F:3: a peer may not set {key!r} in service {name}"]


def test_a_peer_may_set_the_rest() -> None:
    for header in ("haproxy", "syslogd", "ipvsd", "dataplaneapi", "firewall"):
        text = f"service {header}\n{KNOWN[header]}\nunknown\nno autostart\ncheck_interval 5\ncpumask 0x1\n"
        assert check.peer_problems(parse(text).blocks[0], service(header)) == []


def test_what_is_each_nodes_own_is_neither_set_nor_changed_nor_removed_by_a_peer() -> None:
    here = parse("service syslogd\n remote 192.0.2.5\n size 100\n").blocks[0].statements

    def said(text: str, here: check.Statements = here) -> list[str]:
        return check.local_problems(parse(f"service syslogd\n{text}").blocks[0].statements, here, service("syslogd"))

    assert said(" size 100\n config /etc/syslogd/other\n remote 192.0.2.5\n") == []
    assert said(" remote 198.51.100.66\n size 100\n") == [
        "'remote' is each node's own, and no push changes it: here it is 'remote 192.0.2.5'"
    ]
    assert said(" remote 192.0.2.5\n remote 198.51.100.66\n size 100\n") != []
    assert len(said(" no remote\n rotate 9\n level 1\n buffer 9\n")) == 5
    assert said(" level 1\n", ()) == ["'level' is each node's own, and no push changes it: here there is none"]
    assert said("", ()) == [], "which a node without a block has nothing against"


@pytest.mark.parametrize(
    "text",
    [
        "service haproxy # \x1b]0;x\x07\n",
        "service haproxy\n # \u009b2J\n autostart\n",
        "service haproxy\n#\rx\n autostart\n",
    ],
)
def test_a_peer_sends_nothing_that_a_terminal_obeys(text: str) -> None:
    (said,) = check.peer_problems(parse(text).blocks[0], service("haproxy"), "F")
    assert "a peer may not send control characters" in said and said.isprintable()


def test_tabs_other_letters_and_ends_of_lines_are_no_control_characters() -> None:
    assert check.peer_problems(parse("service haproxy\r\n\tautostart # \u00e9\r\n").blocks[0], service("haproxy")) == []


#: free words that no program of ours takes for a path, a program or a module
FREE = {("snmpd", "community"), ("firewall", "conntrack")}


@pytest.mark.parametrize("one", [one for one in catalog.services() if not one.node_specific], ids=lambda one: one.name)
def test_nothing_that_a_peer_may_set_can_be_a_program_or_a_path_outside_the_services_own(one: Service) -> None:
    for item in one.directives:
        if (
            item.value.from_peer and not item.not_supported and (one.name, item.key) not in FREE
        ):  # or refused with any value
            for words in (
                ("/bin/sh",),
                ("/bin/sh", "-c", "id"),
                ("sh", "-c", "id"),
                ("a=b",),
                ("dummy", "numdummies=1"),
            ):
                assert item.value.problem(words), item.key
            assert item.value.problem(("/etc/shadow",)) and item.value.problem((f"{one.owns}/../shadow",)), item.key


@pytest.mark.parametrize("value", [values.COMMAND, values.PATH, values.SYSCTL, values.MODULE, values.PROCESS])
def test_a_service_cannot_take_a_program_from_a_peer_however_it_declares_the_directive(value: ValueKind) -> None:
    hook = Directive("hook", value, "", many=True)
    mixed = Directive("mixed", values.any_of(values.FLAG, values.list_of(value)), "")
    made = Service(name="made", summary="", directives=(hook, mixed))
    block = parse("service made\n hook /bin/sh\n no mixed\n").blocks[0]
    assert len(check.peer_problems(block, made)) == 2


def test_what_a_peer_may_push_runs_as_an_account_of_its_own() -> None:
    """All that executes what a configuration says: the daemon and its checker. Without either, nothing is run at all."""
    for one in catalog.services():
        if not one.node_specific and (one.daemon or one.check):
            assert one.account.user != "root", one.name
            # LVS and packet filters are parts of the kernel's network; the filter's checker has one of its own.
            in_kernel = one.name in ("ipvsd", "firewall")
            assert set(one.account.capabilities) <= {"net_admin" if in_kernel else "net_bind_service"}, one.name
            assert set(one.account.on_request) <= {"net_admin" if one.checks_alone else "sys_chroot"}, one.name
        if not one.node_specific and one.account.user == "root":
            assert one.setup is None and one.teardown is None, one.name


def test_services_that_may_be_pushed_own_their_files_alone() -> None:
    assert {one.name for one in catalog.services() if one.node_specific} == {
        "system",
        "network",
        "wg",
        "vrrp",
        "ntp",
        "sshd",
        "csyncd",
        "wui",
    }
    owned = [one.owns for one in catalog.services() if one.owns]
    assert len(owned) == len(set(owned))
    assert not any(one != other and other.startswith(f"{one}/") for one in owned for other in owned)
    for one in catalog.services():
        expected = {"sshd": "/etc/ssh", "system": "", "network": ""}.get(one.name, f"/etc/{one.name}")
        assert one.owns == expected
        for item in one.directives:
            if item.key in ("config", "confdir"):
                assert item.value.problem((f"{one.owns}/file",)) == ""
                assert item.value.problem(("/etc/shadow",)) != ""


def test_the_catalog_finds_by_name_only() -> None:
    assert [one.name for one in catalog.services()] == sorted(catalog.names())
    assert catalog.find("nothing") is None
    assert catalog.find("../haproxy") is None
    for one in catalog.services():
        keys = [item.key for item in one.directives]
        assert len(keys) == len(set(keys))
        assert all(item.help and len(key.split()) <= 2 for item, key in zip(one.directives, keys, strict=True))
        assert one.summary


@given(
    st.text()
    | st.lists(st.sampled_from(["service", "no", "haproxy", "ip", "address", "x", "\n", "\n", "'", " "])).map(" ".join)
)
def test_any_text_is_checked(text: str) -> None:
    for problem in problems(text, "F"):
        name, number, what = problem.split(":", 2)
        assert name == "F"
        assert 1 <= int(number) <= text.count("\n") + 1
        assert what.isprintable()


def test_errors_are_short_however_long_the_words() -> None:
    for line in ("x" * 1_000_000, f"config {'x' * 1_000_000}", f"'{'x' * 1_000_000}"):
        assert all(len(problem) < 300 for problem in problems(f"service haproxy\n{line}\nservice {'a' * 1_000_000}\n"))


def test_a_file_of_junk_is_checked_in_linear_time() -> None:
    def seconds(count: int) -> float:
        text = "service network eth0\n" + "".join(f"autostrat{number} x\n" for number in range(count))
        start = time.process_time()
        found = problems(text)
        end = time.process_time()
        assert len(found) == count
        assert sum("did you mean" in problem for problem in found) == check.MAX_SUGGESTIONS
        return end - start

    assert seconds(16_000) < 24 * seconds(2_000)


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n"])
def test_a_file_that_names_no_service_is_not_right(text: str) -> None:
    assert check.text_problems(text, "F", catalog.find) == ["F:1: it names no service: a node starts nothing with it"]
