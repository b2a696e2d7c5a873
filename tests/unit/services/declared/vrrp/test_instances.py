"""What does not fit together between service vrrp and the network blocks is said by the check of config.rc, with its line."""

import pytest

from firmware.rc import check, document
from firmware.services import catalog
from firmware.services.declared.vrrp import instances
from firmware.services.definition import Context

FITTING = """\
service network eth0
    ip address 192.0.2.1/24
    vrrp address 192.0.2.100/24
    vrrp id 7
service network eth1
    ip address 198.51.100.1/24
    vrrp address 198.51.100.100/24
    vrrp id 8
service vrrp
    track_svc haproxy
    track_mgt sshd
    group eth0 eth1
"""


def problems(text: str) -> list[str]:
    return check.document_problems(document.parse(text), catalog.find)


def test_what_fits_together_has_no_problems() -> None:
    assert problems(FITTING) == []


@pytest.mark.parametrize(
    ("old", "new", "number", "words"),
    [
        ("    vrrp id 7\n", "", 3, "interface eth0 has no 'vrrp id'"),
        ("    vrrp address 192.0.2.100/24\n", "", 3, "interface eth0 has no 'vrrp address'"),
        ("    vrrp id 8\n", "    vrrp id 8\n    type dummy\n", 7, "eth1 is of 'type dummy', which has no ARP"),
        ("    ip address 192.0.2.1/24\n", "", 2, "interface eth0 has no 'ip address' of its own"),
        ("vrrp address 198.51.100.100/24", "vrrp address 192.0.2.100", 7, "192.0.2.100 is a virtual address of eth0 already"),
        ("group eth0 eth1", "group eth0 eth9", 12, "'group': network eth9 has no vrrp lines"),
        ("group eth0 eth1", "group eth0", 12, "'group': eth0 alone is no group: name two interfaces or more"),
        ("track_svc haproxy", "track_svc nosuch", 10, "'track_svc': nosuch: there is no such service"),
        ("track_mgt sshd", "track_mgt system", 11, "'track_mgt': system: it has no process"),
        ("track_mgt sshd", "config /etc/vrrp/own.conf", 11, "'config': the network blocks have vrrp lines"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_with_its_line(old: str, new: str, number: int, words: str) -> None:
    assert old in FITTING
    (said,) = problems(FITTING.replace(old, new))
    assert said.startswith(f"/etc/config.rc:{number}: {words}")


def test_each_tracked_service_has_a_line_of_its_own() -> None:
    parsed = document.parse(FITTING)
    service = catalog.find("vrrp")
    assert service is not None
    text = instances.text(Context.of(service, parsed.blocks[-1], parsed))
    assert text.count("track_script {\n        sshd\n        haproxy\n    }\n") == 2
    assert "    group { eth0 eth1 }\n    sync_group_tracking_weight\n" in text


def test_what_has_no_effect_beside_an_operators_own_file_is_said() -> None:
    said = check.text_notes("service vrrp\n    track_svc haproxy\n", "F", catalog.find)
    assert [one.partition(": no network")[0] for one in said] == ["F:2: 'track_svc' has no effect"]


def test_an_operators_own_file_needs_no_network_block() -> None:
    assert problems("service vrrp\n    config /etc/vrrp/own.conf\n    track_svc haproxy\n") == []
