"""The addresses of this node's interfaces (netifaces)."""

import netifaces


def local_addresses() -> dict[str, str]:
    """Every IPv4 and IPv6 address of this node, with the interface that has it."""
    addresses: dict[str, str] = {}
    for interface in netifaces.interfaces():
        known = netifaces.ifaddresses(interface)
        for family in (netifaces.AF_INET, netifaces.AF_INET6):
            for entry in known.get(family, ()):
                addresses[entry["addr"].split("%")[0]] = interface
    return addresses


def is_local(address: str) -> bool:
    """Does an interface of this node have this address?"""
    return address in local_addresses()
