"""Packet filter rules (nftables) and the table of connections.

The rules may come from the other node. nft runs as an account of its own that may set up the network and nothing else, gets
the rules through its standard input, and reads no other file. They take the place of the earlier ones in one step.
"""

import os
from pathlib import Path

from firmware.rc.block import Block
from firmware.rc.values import FLAG, MODULE, ValueKind, number, path_below
from firmware.services.declared.firewall import rules
from firmware.services.definition import Account, Confirmable, Context, Directive, Package, Service

#: what may be set of the table of connections, as the kernel calls it, and up to which number
CONNECTIONS = {
    "max": 100_000_000, "buckets": 100_000_000, "tcp_timeout_established": 2_000_000, "tcp_timeout_time_wait": 86_400,
    "tcp_timeout_syn_sent": 86_400, "tcp_timeout_close_wait": 86_400, "tcp_timeout_fin_wait": 86_400, "udp_timeout": 86_400,
    "udp_timeout_stream": 86_400, "icmp_timeout": 86_400, "generic_timeout": 86_400,
}  # fmt: skip
#: how many bytes the kernel takes for each, and which part of the node's memory they may take together
_MEMORY = {"max": (384, 2), "buckets": (8, 64)}


def _connection_problem(words: tuple[str, ...]) -> str:
    if len(words) != 2 or words[0] not in CONNECTIONS:
        return f"it is NAME NUMBER, and NAME one of {', '.join(CONNECTIONS)}"
    return number(1, _highest(words[0])).problem(words[1:])


def _highest(name: str) -> int:
    """The kernel takes that memory from all, and a peer may ask for it."""
    bytes_each, part = _MEMORY.get(name, (0, 0))
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(CONNECTIONS[name], memory // part // bytes_each) if bytes_each else CONNECTIONS[name]


def _set_up(context: Context) -> str:
    """Load the rules and the settings; returns what went wrong."""
    from firmware.services.declared.firewall import load

    return load.set_up(context)


def _check(context: Context) -> list[str]:
    """The checker's argv: the file, and the ports of the node that it may name."""
    from firmware.services import node_ports

    ports = map(str, node_ports.numbers(context.document))
    return ["/usr/bin/python3", "-I", rules.__file__, rules.file_of(context.block), *ports]


def _blocks() -> dict[str, Block]:
    """The block whose rules are loaded."""
    from firmware.services.declared.firewall import load

    return load.blocks()


def _put_back(block: Block, directory: Path) -> str:
    """Load the rules that were kept; returns what went wrong."""
    from firmware.services.declared.firewall import load

    return load.put_back(block, directory)


def _keep(directory: Path) -> None:
    """Keep the rules that are loaded."""
    from firmware.services.declared.firewall import load

    load.keep(directory)


def _take_down(title: str) -> str:
    """Take away the rules that were loaded, and put settings back; returns what went wrong."""
    from firmware.services.declared.firewall import load

    return load.take_down(title)


SERVICE = Service(
    name="firewall",
    summary="packet filter",
    owns="/etc/firewall",
    consent="from_peer",
    account=Account("firewall", ("net_admin",), on_request=("net_admin",)),
    packages=(Package("nftables", "NFTABLES"),),
    reads=("sshd port", "sshd listen", "sshd config", "wui port"),
    check=_check,
    checks_alone=True,
    reconcile=_set_up,
    take_down=_take_down,
    confirmable=Confirmable(_blocks, _put_back, _keep, by_new_session=True),
    directives=(
        Directive(
            "config",
            path_below("/etc/firewall"),
            "the file with the rules, in nft's words",
            default=rules.FILE,
            example="config /etc/firewall/other.nft",
        ),
        Directive(
            "conntrack",
            ValueKind("NAME NUMBER", _connection_problem),
            "a setting of the table of connections",
            many=True,
            example="conntrack max 65536",
        ),
        Directive(
            "from_peer",
            FLAG,
            "take rules from the other node, which may close this one to everybody",
            local=True,
            default="off",
            example="from_peer on",
        ),
        Directive(
            "forward",
            FLAG,
            "let packets pass from one interface to another",
            local=True,
            default="off",
            example="forward on",
        ),
        Directive(
            "confdir",
            path_below("/etc/firewall"),
            "a directory with rules",
            not_supported="all rules stand in one file, which 'config' names",
            example="confdir /etc/firewall/rules",
        ),
        Directive(
            "stateful",
            FLAG,
            "follow connections",
            not_supported="rules say it: ct state established,related accept",
            example="stateful on",
        ),
        Directive(
            "nat", FLAG, "translate addresses", not_supported="rules say it: masquerade, snat, dnat", example="nat on"
        ),
        Directive(
            "hashsize",
            number(1, 100_000_000),
            "of the table of connections",
            not_supported="'conntrack buckets'",
            example="hashsize 4096",
        ),
        Directive(
            "modprobe", MODULE, "a module", not_supported="the kernel loads what rules need", example="modprobe nf_nat"
        ),
    ),
)
