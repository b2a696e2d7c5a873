"""Which of a pair of nodes holds the virtual addresses."""

from firmware.rc.values import COMMAND, INTERFACE, NAME, list_of
from firmware.services.definition import Directive, Service

SERVICE = Service(
    name="vrrp",
    summary="virtual addresses that move between the nodes",
    instances="optional",
    owns="/etc/vrrp",
    reads=("network vrrp",),
    node_specific="its priorities and interfaces belong to this node",
    directives=(
        Directive(
            "group",
            list_of(INTERFACE),
            "interfaces whose addresses move together",
            many=True,
            example="group eth0 eth1",
        ),
        Directive("notify", COMMAND, "a program to run when the state changes", example="notify /etc/vrrp/notify"),
        Directive(
            "track_svc",
            list_of(NAME),
            "services without which this node gives up its addresses",
            many=True,
            example="track_svc haproxy ipvsd",
        ),
        Directive(
            "track_mgt",
            list_of(NAME),
            "services of the administration that are watched",
            many=True,
            example="track_mgt sshd wui",
        ),
    ),
)
