"""/etc/resolv.conf as DHCP servers have it: only where nobody else says what stands there, and only for as long as they lend."""

from pathlib import Path

import pytest

from firmware.services.declared.network import resolver
from firmware.services.declared.network.lease import Lease

FACTORY = "# none yet\n"


def lent(*servers: str, domain: str = "") -> Lease:
    return Lease("10.32.0.50/24", (), servers, domain, 60.0)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    factory, path = tmp_path / "factory", tmp_path / "resolv.conf"
    factory.write_text(FACTORY)
    path.write_text(FACTORY)
    monkeypatch.setattr(resolver, "service_lock", lambda name: tmp_path / "lock")
    monkeypatch.setitem(resolver.refresh.__kwdefaults__, "factory", factory)  # type: ignore[arg-type]
    monkeypatch.setitem(resolver.refresh.__kwdefaults__, "path", path)  # type: ignore[arg-type]
    return path


def test_what_several_servers_lend_stands_there_once_and_goes_with_the_leases(place: Path) -> None:
    both = [lent("10.32.0.3", "10.32.0.4", domain="a.example"), lent("10.32.0.4", domain="b.example a.example")]
    resolver.refresh(leases=both)
    wanted = ["nameserver 10.32.0.3", "nameserver 10.32.0.4", "search a.example b.example"]
    assert place.read_text().splitlines()[1:] == wanted
    resolver.refresh(leases=[lent()])
    assert place.read_text() == FACTORY


def test_what_others_say_stays(place: Path) -> None:
    place.write_text("nameserver 192.0.2.53\n")
    resolver.refresh(leases=[lent("10.32.0.3")])
    assert place.read_text() == "nameserver 192.0.2.53\n"


def test_a_domain_that_is_none_is_left_out(place: Path) -> None:
    resolver.refresh(leases=[lent("10.32.0.3", domain="x\noptions edns0 -bad good.example")])
    assert place.read_text().splitlines()[1:] == ["nameserver 10.32.0.3", "search x options edns0 good.example"]
