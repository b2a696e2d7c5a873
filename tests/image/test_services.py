"""What services change of a unit that a lab node may not, or has not: the clock, consoles, bounds of the kernel; and what all
services that are optional take of its memory.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import story
from lab_driver import Lab, eventually
from service_helpers import LAYER4, PYTHON, append, run_service

RC = "/etc/config.rc"
SERVER = (Path(__file__).parents[1] / "support" / "time_server.py").read_text()
#: seconds of its server that a unit's clock is to follow
AHEAD = 40
#: kB that the services of `EVERYTHING` may take together
MOST_MEMORY = 12 * 1024

EVERYTHING = f"""
service network wg0
	type wg
	ip address 10.9.0.1/32
	wg listen_port 51820
	wg private_key /etc/wg/key
service wg
	interface wg0
	public_key hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=
	endpoint {story.ADDRESSES[2]}:51820
	allowed_ips 10.9.0.2/32
	keepalive 5
service ntp
	server {story.ADDRESSES[2]}
	no hard_sync
service firewall
service ipvsd
service vrrp
"""
_TITLES = ("network.wg0", "wg", "ntp", "firewall", "ipvsd", "vrrp")


@pytest.fixture
def lab(units: Lab) -> Iterator[Lab]:
    """A unit whose services are the factory's."""
    yield units
    for title in reversed(_TITLES):
        units.run(1, "service", title, "stop", check=False)
    units.run(1, "cp", f"/usr/share/factory{RC}", RC)
    units.run(1, "sh", "-c", "service system apply; service network.eth0 apply")
    units.run(1, "sh", "-c", "service csyncd stop; rm -rf /etc/wg /etc/ipvsd /etc/csyncd/*key* /etc/csyncd/*_ed25519*")
    units.run(1, "cp", "/usr/share/factory/etc/csyncd/csyncd.cfg", "/etc/csyncd/csyncd.cfg")


def seconds_ahead(lab: Lab) -> int:
    """By how much the clock of unit 1 is ahead of unit 2's."""
    return int(lab.run(1, "date", "+%s").stdout) - int(lab.run(2, "date", "+%s").stdout)


def set_clock_by(lab: Lab, moved: int) -> bool:
    """Have ntp start with a server that is so far ahead of unit 2; whether its clock is then, too."""
    server = lab.start(2, PYTHON, "-c", SERVER, str(moved))
    assert server.stdout and server.stdout.readline() == b"open\n"
    run_service(lab, "ntp", "restart")
    followed = eventually(lambda: abs(seconds_ahead(lab) - moved) < 8)
    run_service(lab, "ntp", "stop")
    lab.run(2, "pkill", "-f", "socket.SOCK_DGRAM", check=False)
    server.wait(10)
    return followed


@pytest.mark.all
def test_the_clock_of_a_unit_is_that_of_its_server(lab: Lab) -> None:
    append(lab, RC, f"\nservice ntp\n\tserver {story.ADDRESSES[2]}\n")
    assert set_clock_by(lab, AHEAD)
    assert set_clock_by(lab, 0), "and back"


@pytest.mark.all
def test_consoles_zone_and_bounds_of_the_kernel_are_those_of_config_rc(lab: Lab) -> None:
    lines = ("vt_consoles 2", "extra_consoles ttyS0:9600:vt100", "timezone Asia/Tokyo", "file_max 54321")
    for line in lines:
        lab.run(1, "config", "add", "system", *line.split())
    run_service(lab, "system", "apply")
    assert eventually(lambda: logins(lab) == {"38400 tty1 linux", "38400 tty2 linux", "9600 ttyS0 vt100"})
    assert lab.run(1, "date", "+%Z").stdout == "JST\n"
    assert lab.read(1, "/proc/sys/fs/file-max") == "54321\n"
    for line in lines:
        lab.run(1, "config", "del", "system", line.split()[0])
    run_service(lab, "system", "apply")
    assert eventually(lambda: logins(lab) == {"115200 ttyS0 vt100"})
    assert lab.run(1, "date", "+%Z").stdout == "UTC\n"


def logins(lab: Lab) -> set[str]:
    """The getty of each console: speed, device, terminal."""
    lines = lab.run(
        1, "sh", "-c", "for p in $(pidof getty); do tr '\\0' ' ' </proc/$p/cmdline; echo; done", check=False
    )
    return {" ".join(line.split()[-3:]) for line in lines.stdout.splitlines() if line.strip()}


@pytest.mark.all
def test_the_table_of_connections_has_the_bounds_of_config_rc(lab: Lab) -> None:
    lab.run(1, "config", "add", "firewall", "conntrack", "max", "65536")
    lab.run(1, "config", "add", "firewall", "conntrack", "buckets", "16384")
    run_service(lab, "firewall", "start")
    bounds = [lab.read(1, f"/proc/sys/net/netfilter/nf_conntrack_{name}").strip() for name in ("max", "buckets")]
    assert bounds == ["65536", "16384"]


@pytest.mark.all
def test_all_optional_services_together_fit_into_the_memory_that_is_left_to_them(lab: Lab) -> None:
    lab.write(1, "/etc/csyncd/csyncd.cfg", story.settings(1))
    lab.run(
        1,
        "sh",
        "-ec",
        "csync genkey; service csyncd start; umask 077; mkdir -p /etc/wg /etc/ipvsd; wg genkey >/etc/wg/key",
    )
    lab.write(1, "/etc/ipvsd/ipvsd.conf", LAYER4)
    before = available(lab)
    append(lab, RC, EVERYTHING)
    for line in ("vrrp address 10.32.0.100/24", "vrrp id 7"):
        lab.run(1, "config", "add", "network.eth0", *line.split())
    run_service(lab, "network.eth0", "apply")
    taken = {}
    for title in _TITLES:
        run_service(lab, title, "start")
        now = available(lab)
        taken[title], before = before - now, now
    print({title: f"{kilobytes / 1024:.1f} MB" for title, kilobytes in taken.items()})
    assert sum(taken.values()) < MOST_MEMORY, taken


def available(lab: Lab) -> int:
    """kB that the unit has for whoever asks for it."""
    return int(lab.run(1, "sh", "-c", MEMORY).stdout)


MEMORY = "sync; echo 3 >/proc/sys/vm/drop_caches; sed -n 's/MemAvailable: *\\([0-9]*\\).*/\\1/p' /proc/meminfo"
