"""An API to configure haproxy."""

from firmware.rc.values import path_below
from firmware.services.definition import Directive, Service

SERVICE = Service(
    name="dataplaneapi",
    summary="API to configure the layer 7 load balancer",
    owns="/etc/dataplaneapi",
    directives=(
        Directive(
            "config",
            path_below("/etc/dataplaneapi"),
            "its configuration file",
            example="config /etc/dataplaneapi/dataplaneapi.yml",
        ),
    ),
)
