"""What belongs to no service of its own: names, time zone, kernel settings, consoles."""

import os
from dataclasses import replace

from firmware.rc.block import Block
from firmware.rc.values import ADDRESS, CONSOLE, FLAG, HOST, MODULE, SYSCTL, list_of, number
from firmware.services.declared.system import clocks, consoles, names
from firmware.services.definition import Argv, Context, Directive, Service
from firmware.services.node_values import VARIABLE

LOCAL_FLAG = replace(FLAG, from_peer=False)
_WRITE_RESOLVER = 'umask 022; printf "%s\\n" "$@" >/etc/.resolv.conf.new; mv -f /etc/.resolv.conf.new /etc/resolv.conf'
#: each has `commands` and `undo`
_PARTS = (names, clocks, consoles)
#: has what DHCP servers have lent asked in their place
_LENT = ["/usr/bin/python3", "-m", "firmware.services.declared.network.resolver"]
_FACTORY_RESOLVER = "/usr/share/factory/etc/resolv.conf"


def setup(context: Context) -> list[Argv]:
    """Modules first, for they bring kernel settings with them."""
    block = context.block
    hostname = block.value("hostname") or names.identity_name()
    named = [["hostname", hostname]] if hostname else []
    others = [command for part in _PARTS for command in part.commands(block)]
    return [*modules(block), *settings(block), *named, *_resolver_commands(block), *others]


def teardown(context: Context) -> list[Argv]:
    """Name servers that were given are asked no more, and so on."""
    resolver = [["cp", _FACTORY_RESOLVER, "/etc/resolv.conf"], _LENT] if _resolver_commands(context.block) else []
    return [*resolver, *(command for part in _PARTS for command in part.undo(context.block))]


def _resolver_commands(block: Block) -> list[Argv]:
    """/etc/resolv.conf, if name servers or domains are given, in one step: programs read it at any time."""
    servers = [
        f"nameserver {address}" for key in ("nameserver", "dns") for words in block.values(key) for address in words
    ]
    domains = [domain for words in block.values("search") for domain in words]
    lines = [*servers, *([f"search {' '.join(domains)}"] if domains else [])]
    return [["sh", "-ec", _WRITE_RESOLVER, "sh", *lines]] if lines else []


def modules(block: Block) -> list[Argv]:
    """Load what is not there yet."""
    wanted = block.values("modprobe")
    return [["modprobe", *words] for words in wanted if not os.path.isdir(f"/sys/module/{words[0].replace('-', '_')}")]


def settings(block: Block) -> list[Argv]:
    """Kernel settings, as `KEY=VALUE`; the value may have several words."""
    pairs = [" ".join(words).partition("=") for words in block.values("sysctl")]
    most = [("fs.file-max", "", number) for number in [block.value("file_max")] if number]
    return [["sysctl", "-q", "-w", f"{key.strip()}={value.strip()}"] for key, _, value in [*most, *pairs]]


SERVICE = Service(
    name="system",
    summary="the node itself: name, kernel settings, consoles",
    node_specific="it names this node",
    setup=setup,
    teardown=teardown,
    makes=("/etc/resolv.conf", "/etc/inittab", "/etc/localtime"),
    directives=(
        Directive(
            "hostname", HOST, "the name of this node", default="the one of its provisioning", example="hostname lb1"
        ),
        Directive(
            "modprobe", MODULE, "a kernel module to load, with its options", many=True, example="modprobe nf_conntrack"
        ),
        Directive("sysctl", SYSCTL, "a kernel setting", many=True, example="sysctl net.core.somaxconn=4096"),
        Directive(
            "nameserver",
            list_of(ADDRESS),
            "a name server to ask; programs ask the first three",
            many=True,
            example="nameserver 192.0.2.53",
        ),
        Directive("dns", list_of(ADDRESS), "another spelling of nameserver", many=True, example="dns 192.0.2.53"),
        Directive(
            "search",
            list_of(HOST),
            "a domain in which short names are looked up",
            many=True,
            example="search example.com",
        ),
        Directive(
            "env",
            VARIABLE,
            "a value of this node for what is pushed: haproxy.cfg may name it",
            many=True,
            example="env VIP1 192.0.2.80",
        ),
        Directive(
            "transparent_source",
            LOCAL_FLAG,
            "let haproxy connect as its clients (usesrc, by CAP_NET_RAW)",
            default="off",
            example="transparent_source on",
        ),
        Directive(
            "file_max",
            number(4096, 2**31 - 1),
            "how many files all programs together may have open",
            default="the kernel's",
            example="file_max 1000000",
        ),
        Directive(
            "host",
            names.ENTRY,
            "names of an address, as in /etc/hosts",
            many=True,
            example="host 192.0.2.7 store.example.com store",
        ),
        Directive(
            "timezone",
            clocks.ZONE,
            "the zone of local time, in logs too; programs take it when they start",
            default="the one of its provisioning, or UTC",
            example="timezone Europe/Paris",
        ),
        Directive("rtc", clocks.CLOCK, "how the hardware clock runs", default="utc", example="rtc utc"),
        Directive("vt_consoles", number(0, 12), "how many virtual consoles have a login", example="vt_consoles 2"),
        Directive(
            "extra_consoles",
            list_of(CONSOLE),
            "serial consoles with a login",
            many=True,
            example="extra_consoles ttyS0:9600:vt100",
        ),
    ),
)
