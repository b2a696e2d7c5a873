"""Options of the bonding driver: settings as any other, but that they lie below /sys, and some want the bond down and empty."""

from collections.abc import Iterator

from firmware.rc.block import Block
from firmware.services.declared.network.kernel import Change
from firmware.services.declared.network.settings import Setting, differs
from firmware.services.declared.network.state import KernelNetwork

#: the driver takes these only from a bond that is down and has no slave
_WANT_IT_EMPTY = (
    "mode", "fail_over_mac", "packets_per_slave", "lacp_rate", "lacp_active", "ad_select", "ad_actor_sys_prio", "ad_actor_system",
    "ad_user_port_key", "tlb_dynamic_lb",
)  # fmt: skip


def block_options(block: Block) -> Iterator[Setting]:
    """What the lines `bonding …` set, the mode first: it decides which others there are."""
    lines = {
        line.words[1]: line
        for line in block.directives
        if line.words[0] == "bonding" and len(line.words) > 2 and block.value(f"bonding {line.words[1]}")
    }
    for option in sorted(lines, key=lambda option: (option != "mode", option)):
        path = f"/sys/class/net/{block.instance}/bonding/{option}"
        yield Setting(path, block.value(f"bonding {option}"), f"bonding {option}", lines[option].number)


def emptying(name: str, wanted: tuple[Setting, ...], actual: KernelNetwork) -> list[Change]:
    """What makes a bond take its options; its slaves come back, and it goes up again, with all else that is wanted."""
    strict = [one for one in wanted if one.path.endswith(tuple(f"/bonding/{option}" for option in _WANT_IT_EMPTY))]
    if name not in actual.links or not any(differs(one) for one in strict):
        return []
    slaves = [link.name for link in actual.links.values() if link.master == name]
    down = [Change(("link", "set", "dev", name, "down"))] if actual.links[name].is_up else []
    return [*(Change(("link", "set", "dev", slave, "nomaster")) for slave in slaves), *down]
