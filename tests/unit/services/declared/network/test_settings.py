"""Which file below /proc/sys a line means, and what comes back when nobody wants it any more."""

from pathlib import Path

import pytest

from firmware.rc import document
from firmware.services.declared.network import bonding, settings
from firmware.services.declared.network.settings import Setting


@pytest.mark.parametrize(
    ("header", "line", "path"),
    [
        ("network eth0", "sysctl rp_filter=0", "net/ipv4/conf/eth0/rp_filter"),
        ("network eth0.100", "sysctl rp_filter=0", "net/ipv4/conf/eth0.100/rp_filter"),
        ("network eth0", "sysctl6 accept_ra=0", "net/ipv6/conf/eth0/accept_ra"),
        ("network eth0", "sysctl net.ipv4.conf.eth0.rp_filter=0", "net/ipv4/conf/eth0/rp_filter"),
        ("network eth0", "sysctl net.ipv4.conf.eth0.100.rp_filter=0", "net/ipv4/conf/eth0.100/rp_filter"),
        ("network eth0", "sysctl net/ipv4/conf/eth0.100/rp_filter=0", "net/ipv4/conf/eth0.100/rp_filter"),
        ("network", "sysctl core.somaxconn=1024", "net/core/somaxconn"),
        ("network", "sysctl ipv4.ip_forward=1", "net/ipv4/ip_forward"),
        ("network", "sysctl net.core.somaxconn=1024", "net/core/somaxconn"),
        ("network", "sysctl vm.swappiness=1", "vm/swappiness"),
        ("network", "sysctl6 conf.all.forwarding=1", "net/ipv6/conf/all/forwarding"),
    ],
)
def test_a_short_name_is_the_interfaces_own_or_the_networks(header: str, line: str, path: str) -> None:
    (found,) = settings.block_settings(document.parse(f"service {header}\n{line}\n").blocks[0])
    assert found.path == path and found.line == 2


def test_what_was_there_comes_back(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    for name in ("a", "b"):
        (tmp_path / "net" / name).write_text("1\n")
    first = [Setting("net/a", "2"), Setting("net/b", "3")]
    before = settings.values_before(first, {}, proc=tmp_path)
    assert settings.apply(first, before, proc=tmp_path) == []
    assert settings.apply([Setting("net/a", "4")], before, proc=tmp_path) == []
    assert [(tmp_path / "net" / name).read_text().strip() for name in ("a", "b")] == ["4", "1"]
    assert settings.values_before([Setting("net/a", "4")], before, proc=tmp_path)["net/a"] == "1"


def test_a_setting_that_cannot_be_set_is_said_at_its_line(tmp_path: Path) -> None:
    (found,) = settings.apply([Setting("net/no/such", "1", "no.such", 7)], {}, proc=tmp_path)
    assert found == "/etc/config.rc:7: no.such: net.no.such=1: No such file or directory"


def test_options_of_a_bond_begin_with_its_mode() -> None:
    block = document.parse("service network bond0\ntype bonding\nbonding miimon 100\nbonding mode 802.3ad\n").blocks[0]
    paths = [one.path for one in bonding.block_options(block)]
    assert paths == ["/sys/class/net/bond0/bonding/mode", "/sys/class/net/bond0/bonding/miimon"]


def test_an_option_may_be_said_by_its_name_or_its_number(tmp_path: Path) -> None:
    (mode := tmp_path / "mode").write_text("active-backup 1\n")
    assert not settings.differs(Setting(str(mode), "active-backup"))
    assert not settings.differs(Setting(str(mode), "1"))
    assert settings.differs(Setting(str(mode), "802.3ad"))
    assert settings.values_before([Setting(str(mode), "802.3ad")], {}) == {str(mode): "active-backup"}


def test_a_list_is_changed_by_what_comes_and_what_goes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bonding").mkdir()
    (targets := tmp_path / "bonding/arp_ip_target").write_text("192.0.2.1 192.0.2.2\n")
    written: list[str] = []
    monkeypatch.setattr(Path, "write_text", lambda _, text: written.append(text))
    assert settings.write(str(targets), "192.0.2.2,192.0.2.3") == ""
    assert written == ["+192.0.2.3", "-192.0.2.1"]
    assert settings.write(str(targets), "192.0.2.2,192.0.2.1") == "" and len(written) == 2
