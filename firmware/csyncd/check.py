"""csyncd's checker: is csyncd.cfg complete, does it fit this node, and can peers come in at the ports that it names?"""

from firmware import addresses, log
from firmware.errors import Failure, report
from firmware.sync import keys, peer_ports, settings


def main(argv: list[str]) -> int:
    """Say everything that is wrong with it."""
    try:
        found = settings.read(local_addresses=addresses.local_addresses())
        peer_ports.require_ports(found)
        keys.require_private_host_key()
    except Failure as error:
        log.line(report("csyncd", error))
        return error.status
    return 0
