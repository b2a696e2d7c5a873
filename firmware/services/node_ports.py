"""The ports by which a node is administered and reached by its peer: nothing that comes from elsewhere may bind them."""

from firmware.rc.document import Document
from firmware.services import catalog
from firmware.services.definition import Argv, Context

#: of sshd, wui and csyncd
FACTORY = (22, 4444, 30022)


def words(document: Document) -> Argv:
    """SERVICE=ADDRESS:PORT for each, for checkers; the address is "" where it is every one."""
    return [f"{title}={address}:{port}" for title, address, port in _ports(document)]


def numbers(document: Document) -> list[int]:
    """The ports alone, of services that are switched on; as the factory has them where none is."""
    return sorted({port for _, _, port in _ports(document)}) or list(FACTORY)


def _ports(document: Document) -> list[tuple[str, str, int]]:
    found = []
    for block in document.first_blocks:
        service = catalog.find(block.name)
        if service is not None and service.ports is not None and block.enabled:
            ports = service.ports(Context.of(service, block, document))
            found += [(block.title, address, port) for address, port in ports]
    return found
