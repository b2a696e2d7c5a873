"""The name servers that DHCP servers have lent, in /etc/resolv.conf: where neither `service system` nor an operator names any,
and only for as long as the lease lasts. What we have written there has a mark.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from firmware import files
from firmware.locks import hold, service_lock
from firmware.rc.values import HOST
from firmware.services.declared.network import lease
from firmware.services.declared.network.lease import Lease

RESOLVER = Path("/etc/resolv.conf")
FACTORY = Path("/usr/share/factory/etc/resolv.conf")

_MARK = "# lent by DHCP; service system may name others (nameserver, search)\n"


def refresh(*, path: Path = RESOLVER, factory: Path = FACTORY, leases: Sequence[Lease] | None = None) -> None:
    """Bring the file to what is lent now, unless somebody else says what stands in it."""
    with hold(service_lock("name servers")):
        now = _read(path)
        if now and not now.startswith(_MARK) and now != _read(factory):
            return
        text = _text(lease.all_leases() if leases is None else leases) or _read(factory)
        if text != now:
            files.write(path, text.encode(), mode=0o644)


def _text(leases: Iterable[Lease]) -> str:
    """ "" where none has name servers."""
    found = list(leases)
    servers = dict.fromkeys(address for one in found for address in one.servers)
    domains = dict.fromkeys(word for one in found for word in one.domain.split() if not HOST.problem((word,)))
    lines = [f"nameserver {address}\n" for address in servers]
    return "".join([_MARK, *lines, *([f"search {' '.join(domains)}\n"] if domains else [])]) if lines else ""


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return ""


if __name__ == "__main__":
    refresh()
