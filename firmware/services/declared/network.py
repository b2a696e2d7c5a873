"""An interface and its addresses; the instance is its name (eth0, eth0.100, wg0)."""

from firmware.rc.block import Block
from firmware.rc.values import (
    ADDRESS6_WITH_PREFIX,
    ADDRESS_WITH_PREFIX,
    COMMAND,
    FLAG,
    INTERFACE,
    MAC,
    MARK,
    MODULE,
    PATH,
    PORT,
    ROUTE,
    RULE,
    SYSCTL,
    TEXT,
    VIRTUAL_ADDRESS,
    any_of,
    list_of,
    number,
    one_of,
)
from firmware.services.declared.system import modules, settings
from firmware.services.definition import Argv, Context, Directive, Package, Service

#: further options of the bonding driver, as the kernel names them
_BONDING = (
    "active_slave", "ad_actor_sys_prio", "ad_actor_system", "ad_select", "ad_user_port_key", "all_slaves_active",
    "arp_all_targets", "arp_interval", "arp_ip_target", "arp_validate", "downdelay", "fail_over_mac", "lacp_active",
    "lacp_rate", "lp_interval", "miimon", "min_links", "num_grat_arp", "num_unsol_na", "packets_per_slave",
    "peer_notif_delay", "primary_reselect", "resend_igmp", "tlb_dynamic_lb", "updelay", "use_carrier",
    "xmit_hash_policy",
)  # fmt: skip


def setup(context: Context) -> list[Argv]:
    """The interface up with its addresses, then what needs them; each command may be run again."""
    block, name = context.block, context.block.instance
    if not name:
        return [*modules(block), *settings(block)]
    commands = [*modules(block), *_vlan_commands(name), *_link_commands(block)]
    commands += [["ip", "address", "replace", address, "dev", name] for _, address in _addresses(block)]
    commands += [["ip", *family, "route", "replace", *words, "dev", name] for family, words in _routes(block)]
    for family, words in _rules(block):  # the kernel takes a rule twice
        commands += [["-", "ip", *family, "rule", "del", *words], ["ip", *family, "rule", "add", *words]]
    return [*commands, *settings(block), *(list(words) for words in block.values("load"))]


def teardown(context: Context) -> list[Argv]:
    """Only what the block had set up goes: rules, routes, addresses, and an interface that was made for it."""
    block, name = context.block, context.block.instance
    commands = [list(words) for words in block.values("unload")]
    if not name:
        return commands
    commands += [["ip", *family, "rule", "del", *words] for family, words in _rules(block)]
    commands += [["ip", *family, "route", "del", *words, "dev", name] for family, words in _routes(block)]
    commands += [["ip", "address", "del", address, "dev", name] for _, address in _addresses(block)]
    return [*commands, *([["ip", "link", "del", name]] if _vlan_commands(name) else [])]


def _vlan_commands(name: str) -> list[Argv]:
    """A VLAN is made on its interface: eth0.100 is number 100 on eth0."""
    parent, _, number = name.rpartition(".")
    if not parent or not number.isdigit():
        return []
    return [["ip", "link", "add", "link", parent, "name", name, "type", "vlan", "id", number]]


def _link_commands(block: Block) -> list[Argv]:
    command = ["ip", "link", "set", "dev", block.instance]
    options = [(key, block.value(key)) for key in ("mtu",) if block.value(key)]
    if lladdr := block.value("lladdr"):
        options.append(("address", lladdr))
    options += [
        (key, "on" if block.flag(key, True) else "off") for key in ("arp", "multicast") if block.occurrences(key)
    ]
    return [*([*command, key, value] for key, value in options), [*command, "up"]]


def _addresses(block: Block) -> list[tuple[str, str]]:
    return [(key, words[0]) for key in ("ip", "ip6") for words in block.values(f"{key} address")]


def _routes(block: Block) -> list[tuple[Argv, Argv]]:
    """`NETWORK via GATEWAY [table N]`, with the option for its family."""
    return [
        (family, [words[0], "via", words[1], *words[2:]])
        for key, family in _FAMILIES.items()
        for words in block.values(f"{key} route")
    ]


def _rules(block: Block) -> list[tuple[Argv, Argv]]:
    return [(family, list(words)) for key, family in _FAMILIES.items() for words in block.values(f"{key} rule")]


_FAMILIES: dict[str, Argv] = {"ip": ["-4"], "ip6": ["-6"]}

SERVICE = Service(
    name="network",
    packages=(Package("iproute2", "IPROUTE2"),),
    summary="a network interface and its addresses",
    instances="optional",
    node_specific="its addresses belong to this node",
    setup=setup,
    teardown=teardown,
    directives=(
        Directive("type", one_of("bonding", "bridge", "tun", "tap", "wg"), "the kind of a virtual interface"),
        Directive("auto", FLAG, "negotiate speed and duplex"),
        Directive("speed", any_of(one_of("auto"), number(1, 1000000)), "in Mbit/s"),
        Directive("duplex", one_of("full", "half", "auto"), "duplex mode"),
        Directive("media", TEXT, "the connector or medium to use"),
        Directive("mtu", number(68, 65536), "the largest packet, in bytes"),
        Directive("lladdr", MAC, "the link-layer address"),
        Directive("arp", FLAG, "answer ARP"),
        Directive("multicast", FLAG, "take part in multicast"),
        Directive("ip address", ADDRESS_WITH_PREFIX, "an IPv4 address with its prefix or mask", many=True),
        Directive("ip route", ROUTE, "an IPv4 route", many=True),
        Directive("ip rule", RULE, "a rule that chooses a routing table", many=True),
        Directive("ip autoconfig", FLAG, "take an address from the link"),
        Directive("ip dhcp", FLAG, "ask a DHCP server for the address"),
        Directive("ip6 address", ADDRESS6_WITH_PREFIX, "an IPv6 address with its prefix", many=True),
        Directive("ip6 route", ROUTE, "an IPv6 route", many=True),
        Directive("ip6 rule", RULE, "a rule that chooses a routing table", many=True),
        Directive("ip6 autoconfig", FLAG, "take an address from router advertisements"),
        Directive("ip6 dhcp", FLAG, "ask a DHCPv6 server for the address"),
        Directive(
            "vrrp address", list_of(VIRTUAL_ADDRESS), "addresses that the active node of the pair holds", many=True
        ),
        Directive("vrrp prio", number(1, 254), "the priority of this node; the highest is active"),
        Directive("vrrp id", number(1, 255), "the virtual router's number on this network"),
        Directive("vrrp garp", number(0, 86400), "seconds between gratuitous ARPs of the active node"),
        Directive("slave", list_of(INTERFACE), "the interfaces below a bond or a bridge", many=True),
        Directive("bonding mode", TEXT, "how the slaves share the load (active-backup, 802.3ad, …)"),
        Directive("bonding primary", INTERFACE, "the slave that is used when it can be"),
        *(Directive(f"bonding {option}", TEXT, "an option of the bonding driver") for option in _BONDING),
        Directive("wg listen_port", PORT, "the UDP port of a WireGuard interface"),
        Directive("wg fwmark", MARK, "the mark of its outgoing packets"),
        Directive("wg private_key", PATH, "the file with its private key"),
        Directive("modprobe", MODULE, "a kernel module to load first, with its options", many=True),
        Directive("sysctl", SYSCTL, "a kernel setting", many=True),
        Directive("load", COMMAND, "a command to run when the interface is up", many=True),
        Directive("unload", COMMAND, "a command to run before it goes down", many=True),
    ),
)
