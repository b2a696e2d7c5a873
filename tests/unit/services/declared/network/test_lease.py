"""What a DHCP server has lent: as udhcpc says it, and when the interface has to be set up anew for it."""

import pytest

from firmware.rc import document
from firmware.services.declared.network import lease
from firmware.services.declared.network.lease import Lease
from firmware.services.declared.network.state import Address, Route
from firmware.services.declared.network.wanted import Wanted, wanted_network

BOUND = {
    "ip": "10.32.0.50",
    "mask": "24",
    "router": "10.32.0.1 10.32.0.2",
    "dns": "10.32.0.3",
    "lease": "60",
    "domain": "example.net",
}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    for function in (lease.read, lease.write, lease.forget):
        monkeypatch.setitem(function.__kwdefaults__, "top", tmp_path)


def want(text: str) -> Wanted:
    return wanted_network(document.parse(f"service network eth0\nip dhcp\n{text}").blocks[0])


def test_what_udhcpc_says() -> None:
    found = lease.from_environment(BOUND, 100.0)
    assert found == Lease("10.32.0.50/24", (("0.0.0.0/0", "10.32.0.1"),), ("10.32.0.3",), "example.net", 160.0)
    routes = lease.from_environment({**BOUND, "staticroutes": "10.0.0.0/8 10.32.0.9 192.0.2.1/32 0.0.0.0"}, 0).routes
    assert routes == (("10.0.0.0/8", "10.32.0.9"), ("192.0.2.1/32", ""))


@pytest.mark.parametrize(
    "wrong",
    [{"ip": "x"}, {"router": "; reboot"}, {"mask": "99"}, {"dns": "a b"}, {"staticroutes": "x y"}, {"lease": "x"}],
)
def test_what_no_server_can_mean_is_no_lease(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        lease.from_environment({**BOUND, **wrong}, 0)


def test_a_lease_is_a_part_of_what_is_wanted_and_the_blocks_own_route_counts() -> None:
    lent = lease.from_environment(BOUND, 0)
    found = lease.with_lease(want("ip address 192.0.2.1/24\n"), lent)
    assert found.addresses == (Address("192.0.2.1", 24), Address("10.32.0.50", 24, "10.32.0.255"))
    assert found.routes == (Route("0.0.0.0/0", "10.32.0.1"),)
    own = lease.with_lease(want("ip address 192.0.2.1/24\nip route default 192.0.2.7\n"), lent)
    assert own.routes == (Route("0.0.0.0/0", "192.0.2.7"),)


def test_the_client_that_starts_again_takes_nothing_away_that_has_not_run_out() -> None:
    assert lease.take_event("bound", "eth0", BOUND, now=0.0)
    assert not lease.take_event("deconfig", "eth0", {}, now=30.0)
    assert not lease.take_event("renew", "eth0", BOUND, now=30.0), "nothing but the time is another"
    assert lease.take_event("renew", "eth0", {**BOUND, "ip": "10.32.0.51"}, now=40.0)
    assert lease.take_event("deconfig", "eth0", {}, now=100.5) and lease.read("eth0") is None
    assert not lease.take_event("deconfig", "eth0", {}, now=101.0)


def test_what_the_server_takes_back_goes_at_once() -> None:
    lease.take_event("bound", "eth0", BOUND, now=0.0)
    assert not lease.take_event("leasefail", "eth0", {}, now=1.0)
    assert lease.take_event("nak", "eth0", {}, now=1.0) and lease.read("eth0") is None
