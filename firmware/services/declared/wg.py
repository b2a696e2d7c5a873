"""A peer of a WireGuard interface, which `service network wg0` sets up."""

from firmware.rc.values import ENDPOINT, INTERFACE, KEY, NETWORKS, any_of, number, one_of
from firmware.services.definition import Directive, Package, Service

SERVICE = Service(
    name="wg",
    summary="a WireGuard peer",
    instances="optional",
    owns="/etc/wg",
    packages=(Package("wireguard-tools", "WIREGUARD_TOOLS"),),
    node_specific="its keys belong to this node",
    directives=(
        Directive("interface", INTERFACE, "the network service of type wg that it belongs to", example="interface wg0"),
        Directive(
            "public_key",
            KEY,
            "the peer's public key",
            example="public_key hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=",
        ),
        Directive("endpoint", ENDPOINT, "where the peer listens", example="endpoint 198.51.100.10:51820"),
        Directive(
            "allowed_ips", NETWORKS, "the networks behind the peer", many=True, example="allowed_ips 10.10.0.2/32"
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
