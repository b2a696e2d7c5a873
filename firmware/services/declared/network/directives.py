"""The directives of a network: what may stand in the block of an interface, with help and examples."""

from firmware.rc.values import (
    FLAG,
    INTERFACE,
    MAC,
    MARK,
    MODULE,
    PATH,
    PORT,
    SYSCTL,
    TEXT,
    VIRTUAL_ADDRESS,
    ValueKind,
    any_of,
    list_of,
    number,
    one_of,
)
from firmware.services.declared.network.commands import COMMAND
from firmware.services.declared.network.grammar import kind, parse_address, parse_neighbour, parse_route, parse_rule
from firmware.services.definition import Directive

#: as the bonding driver names them, in the order of its numbers
BONDING_MODES = ("balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb")
#: the options of the driver that are words; it takes their numbers, too
_BONDING_WORDS = {
    "ad_select": ("stable", "bandwidth", "count", "actor_port_prio"),
    "all_slaves_active": ("dropped", "delivered"),
    "arp_all_targets": ("any", "all"),
    "arp_validate": ("none", "active", "backup", "all", "filter", "filter_active", "filter_backup"),
    "fail_over_mac": ("none", "active", "follow"),
    "lacp_active": ("off", "on"),
    "lacp_rate": ("slow", "fast"),
    "primary_reselect": ("always", "better", "failure"),
    "tlb_dynamic_lb": ("off", "on"),
    "use_carrier": ("off", "on"),
    "xmit_hash_policy": ("layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4", "vlan+srcmac"),
}
#: further options of the bonding driver, as the kernel names them, with an example
_BONDING = {
    "ad_actor_sys_prio": "65535", "ad_actor_system": "02:00:5e:10:00:01", "ad_select": "bandwidth",
    "ad_user_port_key": "1", "all_slaves_active": "1", "arp_all_targets": "any", "arp_interval": "1000",
    "arp_ip_target": "192.0.2.254", "arp_validate": "active", "downdelay": "200", "fail_over_mac": "active",
    "lacp_active": "on", "lacp_rate": "fast", "lp_interval": "1", "miimon": "100", "min_links": "1", "num_grat_arp": "2",
    "num_unsol_na": "2", "packets_per_slave": "1", "peer_notif_delay": "0", "primary_reselect": "better",
    "resend_igmp": "1", "tlb_dynamic_lb": "0", "updelay": "200", "use_carrier": "1", "xmit_hash_policy": "layer3+4",
}  # fmt: skip


def _bonding_kind(option: str) -> ValueKind:
    """What the driver takes for an option: a word or its number, an address, or a number."""
    if words := _BONDING_WORDS.get(option):
        return any_of(one_of(*words), number(0, len(words) - 1))
    return {"ad_actor_system": MAC, "arp_ip_target": TEXT}.get(option) or number(0, 2**31 - 1)


ADDRESS4 = kind("ADDRESS[/PREFIX|/MASK] [secondary] [brd +|ADDRESS] [label NAME]", parse_address, 4)
ADDRESS6 = kind("ADDRESS[/PREFIX] [secondary]", parse_address, 6)
_ROUTE = "default|NETWORK GATEWAY|- [table N] [metric N] [src ADDRESS] [onlink]"
_RULE = "[from NETWORK] [to NETWORK] [fwmark MARK[/MASK]] [iif INTERFACE] table N [pref N]"

_LINK = (
    Directive(
        "type",
        one_of("bonding", "bridge", "tun", "tap", "wg", "dummy"),
        "make this interface, of that kind",
        example="type bridge",
    ),
    Directive("shutdown", FLAG, "keep the interface down", default="off", example="shutdown"),
    Directive("auto", FLAG, "negotiate speed and duplex", default="on", example="auto off"),
    Directive("speed", any_of(one_of("auto"), number(1, 1000000)), "in Mbit/s", default="auto", example="speed 1000"),
    Directive("duplex", one_of("full", "half", "auto"), "duplex mode", default="auto", example="duplex full"),
    Directive(
        "media",
        TEXT,
        "the connector or medium to use",
        example="media auto",
        not_supported="today's drivers choose the connector themselves",
    ),
    Directive("mtu", number(68, 65536), "the largest packet, in bytes", default="the driver's", example="mtu 9000"),
    Directive("lladdr", MAC, "the link-layer address", default="the card's", example="lladdr 02:00:5e:10:00:01"),
    Directive("arp", FLAG, "answer ARP", default="on", example="arp off"),
    Directive("multicast", FLAG, "take part in multicast", default="on", example="multicast off"),
)

_ADDRESSES = (
    Directive(
        "ip address", ADDRESS4, "an IPv4 address; /32 without a prefix", many=True, example="ip address 192.0.2.1/24"
    ),
    Directive(
        "ip route",
        kind(_ROUTE, parse_route, 4),
        "a route; '-': without a gateway",
        many=True,
        example="ip route default 192.0.2.254",
    ),
    Directive(
        "ip rule",
        kind(_RULE, parse_rule, 4),
        "a rule that chooses a routing table",
        many=True,
        example="ip rule from 192.0.2.0/24 table 100 pref 1000",
    ),
    Directive(
        "ip neigh",
        kind("ADDRESS MAC", parse_neighbour, 4),
        "the link-layer address of a neighbour",
        many=True,
        example="ip neigh 192.0.2.7 02:00:5e:10:00:07",
    ),
    Directive(
        "ip arp",
        kind("ADDRESS MAC", parse_neighbour, 4),
        "another spelling of ip neigh",
        many=True,
        example="ip arp 192.0.2.7 02:00:5e:10:00:07",
    ),
    Directive(
        "ip autoconfig",
        FLAG,
        "take an address from the link",
        default="off",
        example="ip autoconfig",
        not_supported="IPv4 has none that leads anywhere: use ip dhcp, or ip address",
    ),
    Directive(
        "ip dhcp", FLAG, "ask a DHCP server for address, routes and name servers", default="off", example="ip dhcp"
    ),
    Directive(
        "ip6 address",
        ADDRESS6,
        "an IPv6 address; /128 without a prefix",
        many=True,
        example="ip6 address 2001:db8::1/64",
    ),
    Directive(
        "ip6 route",
        kind(_ROUTE, parse_route, 6),
        "a route; '-': without a gateway",
        many=True,
        example="ip6 route default 2001:db8::fe",
    ),
    Directive(
        "ip6 rule",
        kind(_RULE, parse_rule, 6),
        "a rule that chooses a routing table",
        many=True,
        example="ip6 rule from 2001:db8::/64 table 100 pref 1000",
    ),
    Directive(
        "ip6 neigh",
        kind("ADDRESS MAC", parse_neighbour, 6),
        "the link-layer address of a neighbour",
        many=True,
        example="ip6 neigh 2001:db8::7 02:00:5e:10:00:07",
    ),
    Directive(
        "ip6 autoconfig",
        FLAG,
        "take addresses from router advertisements",
        default="the kernel's",
        example="ip6 autoconfig",
    ),
    Directive(
        "ip6 dhcp",
        FLAG,
        "ask a DHCPv6 server for the address",
        default="off",
        example="ip6 dhcp",
        not_supported="this firmware has no DHCPv6 client: use ip6 autoconfig, or ip6 address",
    ),
)

_VRRP = (
    Directive(
        "vrrp address",
        list_of(VIRTUAL_ADDRESS),
        "addresses that the active node of the pair holds",
        many=True,
        example="vrrp address 192.0.2.100",
        read_by="vrrp",
    ),
    Directive(
        "vrrp prio",
        number(1, 254),
        "the priority of this node; the highest is active",
        default="100",
        example="vrrp prio 150",
        read_by="vrrp",
    ),
    Directive(
        "vrrp id",
        number(1, 255),
        "the virtual router's number on this network",
        example="vrrp id 51",
        read_by="vrrp",
    ),
    Directive(
        "vrrp garp",
        number(0, 86400),
        "seconds between gratuitous ARPs of the active node",
        default="0",
        example="vrrp garp 60",
        read_by="vrrp",
    ),
)

_KINDS = (
    Directive(
        "slave", list_of(INTERFACE), "the interfaces below a bond or a bridge", many=True, example="slave eth1 eth2"
    ),
    Directive(
        "bridge", list_of(INTERFACE), "another spelling of slave, for bridges", many=True, example="bridge eth1 eth2"
    ),
    Directive(
        "tunnel_type",
        TEXT,
        "the kind of a tunnel",
        example="tunnel_type gre",
        not_supported="'type tun' and 'type tap' make such interfaces, and 'load ip tunnel add …' others",
    ),
    Directive(
        "bridge_stp", FLAG, "have a bridge speak the spanning tree protocol", default="off", example="bridge_stp on"
    ),
    Directive(
        "bonding mode",
        any_of(one_of(*BONDING_MODES), number(0, len(BONDING_MODES) - 1)),
        "how the slaves share the load",
        default="balance-rr",
        example="bonding mode active-backup",
    ),
    Directive("bonding primary", INTERFACE, "the slave that is used when it can be", example="bonding primary eth1"),
    Directive(
        "bonding active_slave",
        INTERFACE,
        "the slave that is used now",
        example="bonding active_slave eth1",
        not_supported="it says what is so at one moment; 'bonding primary' says which slave is to be used",
    ),
    *(
        Directive(
            f"bonding {option}",
            _bonding_kind(option),
            "an option of the bonding driver",
            default="the driver's",
            example=f"bonding {option} {value}",
        )
        for option, value in _BONDING.items()
    ),
    Directive(
        "wg listen_port", PORT, "the UDP port of a WireGuard interface", default="any", example="wg listen_port 51820"
    ),
    Directive("wg fwmark", MARK, "the mark of its outgoing packets", default="off", example="wg fwmark 0x10"),
    Directive(
        "wg private_key", PATH, "the file with its private key", example="wg private_key /etc/wg/node1.private.key"
    ),
)

_REST = (
    Directive(
        "modprobe", MODULE, "a kernel module to load first, with its options", many=True, example="modprobe ixgbe"
    ),
    Directive(
        "sysctl",
        SYSCTL,
        "a kernel setting; rp_filter=0 is the interface's own",
        many=True,
        example="sysctl rp_filter=0",
    ),
    Directive("sysctl6", SYSCTL, "the same, of IPv6", many=True, example="sysctl6 accept_ra=0"),
    Directive(
        "load",
        COMMAND,
        "a command to run before addresses are set",
        many=True,
        example="load ip tunnel add gre1 mode gre remote 198.51.100.7 local 192.0.2.1",
    ),
    Directive(
        "unload",
        COMMAND,
        "a command to run before the rest is taken away",
        many=True,
        example="unload ip tunnel del gre1",
    ),
)

DIRECTIVES = (*_LINK, *_ADDRESSES, *_VRRP, *_KINDS, *_REST)
