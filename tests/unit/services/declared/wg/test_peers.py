"""A block that makes no peer is refused by the check of config.rc: it would not start."""

import pytest

from firmware.rc import check, document
from firmware.services import catalog

FITTING = """\
service network wg0
    type wg
    ip address 10.10.0.1/32
service wg
    interface wg0
    public_key hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=
    allowed_ips 10.10.0.2/32
"""


def problems(text: str) -> list[str]:
    return check.document_problems(document.parse(text), catalog.find)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("interface wg0", "interface wg0", []),
        ("    interface wg0\n", "", ["/etc/config.rc:4: service wg has no 'interface'"]),
        ("    public_key", "    #", ["/etc/config.rc:4: service wg has no 'public_key'"]),
        ("    allowed_ips", "    #", ["/etc/config.rc:4: service wg has no 'allowed_ips'"]),
        ("    interface wg0", "    interface wg9", ["/etc/config.rc:5: no 'service network wg9' has 'type wg'"]),
        ("type wg", "type tun", ["/etc/config.rc:5: no 'service network wg0' has 'type wg'"]),
        ("service network", "no service network", ["/etc/config.rc:5: no 'service network wg0' has 'type wg'"]),
    ],
)
def test_a_block_without_a_peer(old: str, new: str, said: list[str]) -> None:
    assert old in FITTING
    assert problems(FITTING.replace(old, new)) == said
