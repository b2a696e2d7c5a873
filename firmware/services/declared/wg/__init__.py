"""A peer of a WireGuard interface, which `service network wg0` sets up."""

from firmware.rc.block import Block
from firmware.rc.document import Document
from firmware.rc.values import ENDPOINT, INTERFACE, KEY, NETWORKS, any_of, number, one_of
from firmware.services import wireguard
from firmware.services.definition import Context, Directive, Package, Service


def _set_up(context: Context) -> str:
    """Set the peer up, with its routes; returns what went wrong."""
    from firmware.services.declared.wg import peers

    if missing := peers.missing_directives(context.block):
        return "; ".join(f"{context.document.path}:{number}: {text}" for number, text in missing)
    return wireguard.set_up_peer(context.title, peers.wanted_peer(context.block, context.document))


def _problems(block: Block, document: Document) -> list[tuple[int, str]]:
    """Without what there is no peer."""
    from firmware.services.declared.wg import peers

    return peers.problems(block, document)


def _needs(block: Block, _: Document) -> list[str]:
    """It comes after its interface, wherever that stands."""
    return [f"network.{name}" for (name,) in block.values("interface")[-1:]]


def _warnings(block: Block, document: Document) -> list[tuple[int, str]]:
    """What in the block will not work as it stands."""
    from firmware.services.declared.wg import peers

    return peers.warnings(block, document)


SERVICE = Service(
    name="wg",
    summary="a WireGuard peer",
    instances="optional",
    owns="/etc/wg",
    packages=(Package("wireguard-tools", "WIREGUARD_TOOLS"),),
    reads=("network ip address", "network ip6 address"),
    node_specific="its keys belong to this node",
    reconcile=_set_up,
    take_down=wireguard.take_down_peer,
    problems=_problems,
    needs=_needs,
    warnings=_warnings,
    directives=(
        Directive("interface", INTERFACE, "the network service of type wg that it belongs to", example="interface wg0"),
        Directive(
            "public_key",
            KEY,
            "the peer's public key",
            example="public_key hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=",
        ),
        Directive(
            "endpoint",
            ENDPOINT,
            "where the peer listens; a name is looked up again and again",
            example="endpoint 198.51.100.10:51820",
        ),
        Directive(
            "allowed_ips",
            NETWORKS,
            "the networks behind the peer; a route leads to each of them",
            many=True,
            example="allowed_ips 10.10.0.2/32",
        ),
        Directive(
            "keepalive",
            any_of(one_of("off"), number(0, 65535)),
            "seconds between keep-alives",
            default="off",
            example="keepalive 25",
        ),
    ),
)
