"""What is wrong with the lines of a network together: each said at its line, before anything starts."""

import pytest

from firmware.rc import check
from firmware.services import catalog


def problems(text: str) -> list[str]:
    return check.text_problems(text, "F", catalog.find, catalog.names())


ADDRESS = "ip address 192.0.2.1/24"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"service network eth0\n{ADDRESS}\nip address 192.0.2.1/25\n", "F:3: 192.0.2.1 stands there twice: in line 2, for eth0, too"),
        (f"service network eth0\n{ADDRESS}\nservice network eth1\n{ADDRESS}\n", "F:4: 192.0.2.1 stands there twice: in line 2, for eth0, too"),
        (f"service network eth0\n{ADDRESS}\nip route default 203.0.113.7\n", "F:3: the gateway 203.0.113.7 is outside of every network of eth0"),
        (f"service network eth0\n{ADDRESS}\nip route default 192.0.2.1\n", "F:3: the gateway 192.0.2.1 is this node itself"),
        (f"service network eth0\n{ADDRESS}\nip route 10.0.0.0/8 - src 192.0.2.9\n", "F:3: src 192.0.2.9: no block has that address"),
        (
            f"service network eth0\n{ADDRESS}\nip route default -\nservice network eth1\nip route default -\n",
            "F:5: a route to 0.0.0.0/0 stands in line 3, for eth0, too: give one of them a metric",
        ),
        ("service network eth0\nmtu 1000\nip6 address 2001:db8::1/64\n", "F:2: mtu 1000: IPv6 needs 1280 at least"),
        ("service network eth0\nlladdr 01:00:00:00:00:01\n", "F:2: 01:00:00:00:00:01: no interface can have that address"),
        (f"service network eth0\n{ADDRESS} label other\n", "F:2: the label 'other' does not begin with eth0"),
        ("service network tun0\ntype tun\nip arp 192.0.2.9 02:00:00:00:00:09\n", "F:3: 'ip arp': an interface of 'type tun' has no link-layer addresses"),
        ("service network eth0\nslave eth1\n", "F:2: 'slave eth1' is for an interface of 'type bonding | bridge'"),
        ("service network eth0\nwg listen_port 7\n", "F:2: 'wg listen_port' is for an interface of 'type wg'"),
        (f"service network\n{ADDRESS}\n", "F:2: 'ip address' needs an interface: service network INTERFACE"),
        ("service network eth0.5000\n", "F:1: 'eth0.5000': the number of a VLAN is one from 1 to 4094"),
        ("service network an-interface-name\n", "F:1: 'an-interface-name' is not the name of an interface"),
        ("service network br0\ntype bridge\nslave br0\n", "F:3: br0 lies below itself: br0 → br0"),
        (
            "service network br0\ntype bridge\nslave eth1.5\nservice network eth1.5\nservice network eth1\ntype bonding\nslave br0\n",
            "F:3: br0 lies below itself: br0 → eth1.5 → eth1 → br0",
        ),
        ("service network br0\ntype bridge\nslave br1\nservice network br1\ntype bridge\n", "F:3: br1 cannot be below br0: bridge"),
        (
            "service network br0\ntype bridge\nslave eth1\nservice network br1\ntype bridge\nslave eth1\n",
            "F:6: eth1 is below br0 already (line 3)",
        ),
        ("service network eth0\nload no-such-program at all\n", "F:2: 'no-such-program': the program is not on this node"),
        ("service network eth0\nload true && true\n", "F:2: 'load' in service network.eth0: '&&' means something only to a shell"),
        ("service network eth0\nsysctl no_such_setting=1\n", "F:2: no_such_setting: this kernel has no setting"),
        ("service network\nsysctl core.no_such_setting=1\n", "F:2: core.no_such_setting: this kernel has no setting"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_at_its_line(text: str, said: str) -> None:
    found = problems(text)
    assert [one for one in found if one.startswith(said)], found


@pytest.mark.parametrize(
    "text",
    [
        f"service network eth0\n{ADDRESS}\nip route default 203.0.113.7 onlink\n",
        f"service network eth0\n{ADDRESS}\nip route 203.0.113.7 -\nip route default 203.0.113.7\n",
        "service network eth0\nip dhcp\nip route 10.0.0.0/8 203.0.113.7 src 203.0.113.8\n",
        "service network eth0\nip6 route default fe80::1\n",
        f"service network eth0\n{ADDRESS}\nno service network eth1\n{ADDRESS}\n",
        "service network eth0\nload 'true && true'\nload true\nunload true\n",
        "service network eth0\nsysctl rp_filter=0\nsysctl net.ipv4.conf.eth0.rp_filter=0\nsysctl6 accept_ra=0\n",
        "service network\nsysctl core.somaxconn=1024\nmodprobe nothing\n",
        "service network bond0.5\nservice network bond0\ntype bonding\nslave eth1 eth2\n",
        "service network bond0\ntype bonding\nslave eth1\nservice network br0\ntype bridge\nslave bond0\n",
    ],
)
def test_what_can_be_is_no_error(text: str) -> None:
    assert problems(text) == []


def test_another_block_with_errors_of_its_own_hides_nothing() -> None:
    found = problems(
        f"service network eth0\nip address x\nip route y\nservice network eth1\n{ADDRESS}\nip address 192.0.2.1/25\n"
    )
    assert len(found) == 3 and found[2].startswith("F:6: 192.0.2.1 stands there twice")
