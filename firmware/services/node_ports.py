"""The ports by which a node is administered and reached by its peer: nothing that comes from elsewhere may bind them."""

from firmware.rc.document import Document
from firmware.services import catalog
from firmware.services.definition import Argv, Context


def words(document: Document) -> Argv:
    """SERVICE=ADDRESS:PORT for each, for checkers; the address is "" where it is every one."""
    found = []
    for block in document.first_blocks:
        service = catalog.find(block.name)
        if service is not None and service.ports is not None and block.enabled:
            ports = service.ports(Context.of(service, block, document))
            found += [f"{block.title}={address}:{port}" for address, port in ports]
    return found
