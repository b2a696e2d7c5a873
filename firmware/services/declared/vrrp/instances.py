"""keepalived's VRRP instances, made of the lines `vrrp …` of the network blocks and of the block of service vrrp."""

from collections.abc import Iterator

from firmware.errors import Invalid
from firmware.rc.block import Block
from firmware.rc.document import Document
from firmware.services import states
from firmware.services.definition import Context

PRIORITY = "100"
#: what each dead service of the administration takes from the priority
MANAGEMENT_WEIGHT = 10

#: the types whose interfaces answer nobody who asks for an address of theirs (ARP)
_WITHOUT_ARP = ("dummy", "tun", "wg")

_LOST = "service vrrp: its configuration is invalid"


def text(context: Context) -> str:
    """The part of keepalived's file that follows global_defs. Invalid, with FILE:LINE, for what does not fit together."""
    if found := problems(context.block, context.document):
        raise Invalid(_LOST, problems=[f"{context.document.path}:{number}: {what}" for number, what in found])
    scripts = "".join(_script(service, weight) for service, weight in _tracked_services(context))
    instances = "".join(_instance(context, block) for block in context.reads["network vrrp"] if _addresses(block))
    groups = "".join(
        # all instances lose the same for a dead service, and a group may therefore follow weights
        f"vrrp_sync_group group{number} {{\n    group {{ {' '.join(words)} }}\n    sync_group_tracking_weight\n}}\n"
        for number, words in enumerate(context.block.values("group"), 1)
    )
    return scripts + instances + groups


def _instance(context: Context, block: Block) -> str:
    name = block.instance
    lines = [
        "state BACKUP",
        f"interface {name}",
        f"virtual_router_id {block.value('vrrp id')}",
        f"priority {block.value('vrrp prio') or PRIORITY}",
        "advert_int 1",
        *([f"garp_master_refresh {garp}"] if (garp := block.value("vrrp garp")) else []),
        *([f'notify "{notify}"'] if (notify := context.block.value("notify")) else []),
        *_address_lines(_addresses(block)),
    ]
    if tracked := [service for service, _ in _tracked_services(context)]:
        # one on each line: a further word of a line is an option of the first one
        lines.append("track_script {\n" + "".join(f"        {service}\n" for service in tracked) + "    }")
    return f"vrrp_instance {name} {{\n" + "".join(f"    {line}\n" for line in lines) + "}\n"


def _address_lines(addresses: list[str]) -> Iterator[str]:
    """One family is announced; addresses of the other go along with it, as keepalived wants it."""
    first = [one for one in addresses if (":" in one) == (":" in addresses[0])]
    other = [one for one in addresses if one not in first]
    for keyword, some in (("virtual_ipaddress", first), ("virtual_ipaddress_excluded", other)):
        if some:
            yield f"{keyword} {{\n" + "".join(f"        {address}\n" for address in some) + "    }"


def _script(service: str, weight: int) -> str:
    """The supervisor's own word: is it up? Two misses in a row count, so that a quick restart moves nothing."""
    lines = [
        f'script "/usr/bin/s6-svwait -u -t 100 {states.SCAN}/{service}"',
        "interval 1",
        "timeout 2",
        "fall 2",
        "rise 2",
    ]
    lines += [f"weight {weight}"] if weight else []
    return f"vrrp_script {service} {{\n" + "".join(f"    {line}\n" for line in lines) + "}\n"


def _tracked_services(context: Context) -> list[tuple[str, int]]:
    """Each tracked service, and what it takes from the priority; 0: this node gives up its addresses."""
    found = dict.fromkeys((word for words in context.block.values("track_mgt") for word in words), -MANAGEMENT_WEIGHT)
    found |= dict.fromkeys((word for words in context.block.values("track_svc") for word in words), 0)
    return list(found.items())


def _addresses(block: Block) -> list[str]:
    return [word for words in block.values("vrrp address") for word in words]


def problems(block: Block, document: Document) -> list[tuple[int, str]]:
    """What does not fit together in the block of service vrrp and the lines `vrrp …` of the network blocks: lines and texts."""
    networks = network_blocks(document)
    if not networks:
        return list(_tracking_problems(block))
    return [
        *_file_problems(block),
        *_instance_problems(networks),
        *_group_problems(block, {one.instance for one in networks}),
        *_tracking_problems(block),
    ]


def warnings(block: Block, document: Document) -> list[tuple[int, str]]:
    """Lines that say something of virtual addresses in network blocks, where there are none."""
    if network_blocks(document):
        return []
    return [
        (
            one.line.number,
            f"'{key}' has no effect: no network block has vrrp lines, and keepalived's own file says it all",
        )
        for key in ("group", "notify", "track_svc", "track_mgt")
        for one in block.standing(key)
    ]


def network_blocks(document: Document) -> list[Block]:
    """The network blocks that have lines `vrrp …`."""
    return [
        block
        for block in document.first_blocks
        if block.name == "network" and block.enabled and block.occurrences("vrrp")
    ]


def _file_problems(block: Block) -> Iterator[tuple[int, str]]:
    if lines := block.occurrences("config"):
        yield lines[-1].line.number, "'config': the network blocks have vrrp lines; take these or this away"


def _instance_problems(networks: list[Block]) -> Iterator[tuple[int, str]]:
    holders: dict[str, str] = {}
    for block in networks:
        lines = block.occurrences("vrrp address") or block.occurrences("vrrp")
        number = lines[0].line.number
        if not _addresses(block):
            yield number, f"interface {block.instance} has no 'vrrp address'"
        elif not block.value("vrrp id"):
            yield number, f"interface {block.instance} has no 'vrrp id': both nodes give the same, 1 to 255"
        elif block.value("type") in _WITHOUT_ARP:
            yield (
                number,
                f"{block.instance} is of 'type {block.value('type')}', which has no ARP: nobody could be told of it",
            )
        elif ":" not in _addresses(block)[0] and not (block.values("ip address") or block.flag("ip dhcp", False)):
            yield (
                number,
                f"interface {block.instance} has no 'ip address' of its own, from which keepalived would speak",
            )
        for one in block.occurrences("vrrp address"):
            for address in (word.partition("/")[0] for word in one.values if not one.negated):
                if (holder := holders.setdefault(address, block.instance)) != block.instance:
                    yield one.line.number, f"{address} is a virtual address of {holder} already"


def _group_problems(block: Block, known: set[str]) -> Iterator[tuple[int, str]]:
    for one in block.occurrences("group"):
        if len(set(one.values)) == 1 and not one.negated:
            yield one.line.number, f"'group': {one.values[0]} alone is no group: name two interfaces or more"
        for word in one.values if not one.negated else ():
            if word not in known:
                yield one.line.number, f"'group': network {word} has no vrrp lines"


def _tracking_problems(block: Block) -> Iterator[tuple[int, str]]:
    from firmware.services import catalog

    for key in ("track_svc", "track_mgt"):
        for one in block.occurrences(key):
            for word in one.values if not one.negated else ():
                service = catalog.find(word)
                if service is None or service.daemon is None:
                    what = "there is no such service" if service is None else "it has no process"
                    yield one.line.number, f"'{key}': {word}: {what}"
