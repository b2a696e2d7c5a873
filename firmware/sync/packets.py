"""Which packets reach the peer. Where small ones do and large ones do not, it is the MTU on the way and not the cable."""

from firmware.run import run

#: bytes of data in a small packet and in a large one, to which the kernel adds 28, or 48 with IPv6
SMALL, LARGE = 56, 1352
REMEDY = (
    "look for a smaller MTU on the way: tunnels, and firewalls that drop large packets or ICMP; until then `mtu` in the block "
    "of the interface (service network.eth0) on both nodes"
)


def mtu_problem(address: str) -> str:
    """What is wrong with large packets to that address, "" if nothing is, or if no packet gets there at all."""
    if not _passes(address, SMALL) or any(_passes(address, LARGE) for _ in range(2)):
        return ""
    return f"packets of 1,400 bytes do not reach {address}, small ones do"


def _passes(address: str, size: int) -> bool:
    return not run(["ping", "-c", "1", "-W", "1", "-s", str(size), address], timeout=5, check=False).status
