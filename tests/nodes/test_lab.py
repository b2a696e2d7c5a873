"""The harness itself: what `tests/lab/nodes` promises to whoever drives nodes with it."""

import ctypes
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lab_driver import Failed, Lab, eventually


def reaches(lab: Lab, seconds: int = 1) -> bool:
    """Whether node 1 gets an answer from node 2."""
    return lab.run(1, "ping", "-c", "1", "-W", str(seconds), "10.32.0.12", check=False).status == 0


def processes(state: Path) -> set[str]:
    """Host pids of everything that runs in a lab's pid namespaces, and of its hub."""
    spaces = {_space(entry.read_text().strip()) for entry in state.glob("*/pid")}
    held = {pid for pid in os.listdir("/proc") if pid.isdigit() and _space(pid) in spaces - {""}}
    return held | {(state / "lab.lock").read_text().strip()}


def _space(pid: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return ""


def alive(pids: set[str]) -> bool:
    """Whether one of these runs; what only waits to be collected by the host's own init does not."""
    return any(_state(pid) not in ("", "Z") for pid in pids)


def _state(pid: str) -> str:
    try:
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def networks(pids: Iterable[str]) -> set[str]:
    """The network namespaces of these processes."""
    found = set()
    for pid in pids:
        try:
            found.add(os.readlink(f"/proc/{pid}/ns/net"))
        except OSError:
            continue
    return found


@contextmanager
def held_networks(pids: Iterable[str]) -> Iterator[set[str]]:
    """The network namespaces of these processes, held: else the kernel gives the numbers of those that go to the next."""
    held = [os.open(f"/proc/{pid}/ns/net", os.O_RDONLY) for pid in pids]
    try:
        yield {f"net:[{os.fstat(handle).st_ino}]" for handle in held}
    finally:
        for handle in held:
            os.close(handle)


def test_a_node_is_a_machine_of_its_own(lab: Lab) -> None:
    """Its own etc with the factory's files, its own host name, processes, network and devices."""
    assert lab.run(1, "cat", "/proc/1/comm").stdout == "busybox\n"
    assert lab.read(1, "/etc/inittab") == lab.read(1, "/usr/share/factory/etc/inittab")
    assert lab.run(1, "stat", "-c", "%U:%G %a", "/etc/haproxy/haproxy.cfg").stdout == "root:haproxy 640\n"
    assert lab.run(1, "ls", "/sys/class/net").stdout.split() == ["eth0", "lo"]
    assert "10.32.0.11/24" in lab.run(1, "ip", "-brief", "address", "show", "eth0").stdout
    assert not lab.run(1, "ls", "/root").stdout
    assert not lab.run(1, "sh", "-c", "ls /dev/kmsg /dev/vd* /dev/sd* 2>/dev/null", check=False).stdout
    assert lab.run(1, "ip", "route", "get", "192.0.2.1", check=False).status != 0


def test_two_paths_in_etc_can_be_exchanged(lab: Lab) -> None:
    program = """
import ctypes, os
os.makedirs("/etc/one/x"); os.makedirs("/etc/other/y")
result = ctypes.CDLL(None).renameat2(-100, b"/etc/one", -100, b"/etc/other", 2)
print(result, os.listdir("/etc/one"))
os.removedirs("/etc/one/y"); os.removedirs("/etc/other/x")
"""
    assert hasattr(ctypes.CDLL(None), "renameat2")
    assert lab.run(1, "/usr/bin/python3", "-c", program).stdout == "0 ['y']\n"


def test_nothing_of_a_node_is_seen_on_the_host_or_the_other_node(lab: Lab) -> None:
    lab.run(1, "sh", "-c", "mkdir /tmp/inner && mount -t tmpfs inner /tmp/inner && touch /usr/new /tmp/new /etc/new")
    assert "/tmp/inner" not in Path("/proc/self/mountinfo").read_text()
    for path in ("/usr/new", "/etc/new"):
        assert not os.path.exists(path)
        assert lab.run(2, "test", "-e", path, check=False).status == 1
    lab.run(1, "sh", "-c", "umount /tmp/inner; rm -r /usr/new /tmp/new /etc/new /tmp/inner")


def test_the_hosts_knobs_are_out_of_reach(lab: Lab) -> None:
    assert lab.run(1, "sh", "-c", "echo 1 >/proc/sys/vm/swappiness", check=False).status != 0
    assert lab.run(1, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward", check=False).status == 0


@pytest.mark.all(but=["cut"])
@pytest.mark.parametrize("how", ["reboot", "cut"])
def test_only_flash_outlives(fresh_lab: Lab, how: str) -> None:
    places = "for where in /etc /run /var /tmp /root /usr; do echo gone >$where/mark; done"
    fresh_lab.run(1, "sh", "-c", f"echo kept >/flash/mark; {places}; sleep 4712 >/dev/null 2>&1 &")
    fresh_lab.nodes(how, "1")
    assert fresh_lab.run(1, "sh", "-c", "cat /*/mark").stdout == "kept\n"
    assert fresh_lab.run(1, "pgrep", "-f", "sleep 4712", check=False).status == 1
    assert fresh_lab.run(1, "test", "-e", "/run/firmware/booted").status == 0
    assert reaches(fresh_lab, 3)


def test_a_node_can_reboot_itself(fresh_lab: Lab) -> None:
    boot = fresh_lab.run(2, "cat", "/proc/1/stat").stdout
    fresh_lab.run(2, "sh", "-c", "echo gone >/etc/mark; reboot")
    assert eventually(lambda: fresh_lab.run(2, "test", "-e", "/etc/mark", check=False).status == 1)
    assert fresh_lab.run(2, "cat", "/proc/1/stat").stdout != boot


def test_the_cable(fresh_lab: Lab) -> None:
    assert reaches(fresh_lab, 3)
    fresh_lab.link(2, False)
    assert fresh_lab.run(2, "cat", "/sys/class/net/eth0/carrier").stdout == "0\n"
    assert not reaches(fresh_lab)
    fresh_lab.cut(2)
    assert fresh_lab.run(2, "cat", "/sys/class/net/eth0/carrier").stdout == "0\n"
    assert not reaches(fresh_lab)
    fresh_lab.link(2, True)
    assert fresh_lab.run(2, "cat", "/sys/class/net/eth0/carrier").stdout == "1\n"
    assert reaches(fresh_lab, 3)


def test_the_cable_is_pulled_after_so_many_bytes(fresh_lab: Lab) -> None:
    def carrier() -> str:
        return fresh_lab.run(2, "cat", "/sys/class/net/eth0/carrier").stdout.strip()

    assert reaches(fresh_lab, 3)
    fresh_lab.link(2, False, after=20_000)
    assert reaches(fresh_lab, 3) and carrier() == "1"
    sent = fresh_lab.run(1, "ping", "-c", "20", "-i", "0.05", "-s", "1400", "-W", "1", "10.32.0.12", check=False).stdout
    answers = len(re.findall("bytes from", sent))
    assert 2 <= answers <= 7, "7 questions and 7 answers of 1442 bytes fit into it"
    assert carrier() == "0" and not reaches(fresh_lab)
    fresh_lab.link(2, True)
    assert carrier() == "1" and reaches(fresh_lab, 3)


def test_labs_live_side_by_side(lab: Lab, fresh_lab: Lab) -> None:
    lab.run(1, "touch", "/run/mine")
    assert fresh_lab.run(1, "test", "-e", "/run/mine", check=False).status == 1
    lab.run(1, "rm", "/run/mine")


def test_a_careful_umask_outside_changes_nothing_inside(worker_labs: Path) -> None:
    lab, old = Lab(worker_labs / "careful"), os.umask(0o077)
    try:
        lab.up(1)
        modes = lab.run(1, "stat", "-c", "%n %a", "/", "/etc", "/var/log", "/dev/net", "/tmp", "/run/lock").stdout
    finally:
        os.umask(old)
        lab.down()
    assert modes.splitlines() == ["/ 755", "/etc 755", "/var/log 755", "/dev/net 755", "/tmp 1777", "/run/lock 1777"]


def test_up_makes_fresh_nodes(fresh_lab: Lab) -> None:
    fresh_lab.run(1, "sh", "-c", "touch /flash/mark /etc/mark")
    fresh_lab.up(3)
    assert fresh_lab.run(1, "sh", "-c", "ls /flash/mark /etc/mark", check=False).stdout == ""
    assert fresh_lab.run(3, "ping", "-c", "1", "10.32.0.11").status == 0


@pytest.mark.all(but=["True"])
@pytest.mark.parametrize("killed", [False, True])
def test_down_leaves_nothing(worker_labs: Path, killed: bool) -> None:
    """Also where the hub was killed before, and with daemons that resist."""
    lab = Lab(worker_labs / "passing")
    lab.up(2)
    lab.run(1, "sh", "-c", "(trap '' TERM HUP INT; sleep 4713) >/dev/null 2>&1 &")
    there = processes(lab.state)
    assert len(there) >= 6
    with held_networks(entry.read_text().strip() for entry in lab.state.glob("*/pid")) as spaces:
        assert len(spaces) == 2 and spaces == networks(there) - networks(["self"])
        if killed:
            os.kill(int((lab.state / "lab.lock").read_text()), 9)
            assert eventually(lambda: not alive(there))
            assert lab.run(1, "true", check=False).status == 125
        lab.down()
        assert not lab.state.exists()
        assert not alive(there)
        assert not spaces & networks(filter(str.isdigit, os.listdir("/proc")))
    assert str(lab.state) not in Path("/proc/self/mountinfo").read_text()
    lab.down()


def test_a_state_directory_may_have_a_long_path(worker_labs: Path) -> None:
    """Longer than the name of a Unix socket may be."""
    lab = Lab(worker_labs / "-".join(["long"] * 30))
    lab.up(1)
    try:
        lab.link(1, False)
        assert lab.run(1, "cat", "/sys/class/net/eth0/carrier").stdout == "0\n"
    finally:
        lab.down()


def test_up_after_a_half_made_lab(worker_labs: Path) -> None:
    lab = Lab(worker_labs / "half")
    (lab.state / "1" / "flash").mkdir(parents=True)
    (lab.state / "lab.lock").write_text("1\n")
    (lab.state / "1" / "pid").write_text("1\n")
    assert lab.run(1, "true", check=False).status == 125
    lab.up(1)
    assert lab.run(1, "true").status == 0
    lab.down()


def test_a_directory_of_someone_elses_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("dear")
    for verb in ("up", "down"):
        assert Lab(tmp_path).nodes(verb, check=False).status == 1
    assert (tmp_path / "letter").exists()


def test_a_node_that_does_not_boot_shows_its_console(worker_labs: Path, tmp_path: Path) -> None:
    lab = Lab(worker_labs / "broken")
    (tmp_path / "usr/share/factory/etc").mkdir(parents=True)
    (tmp_path / "usr/share/factory/etc/config.rc").touch()
    failed = lab.nodes("--lower", str(tmp_path), "up", "1", check=False)
    lab.down()
    assert failed.status == 1
    assert "node1: cannot be started" in failed.stderr


@pytest.mark.parametrize(
    "words", [["fly"], ["up", "x"], ["exec", "1"], ["exec", "one", "true"], ["link", "1", "sideways"], ["delay", "-1"]]
)
def test_wrong_words(lab: Lab, words: list[str]) -> None:
    assert lab.nodes(*words, check=False).status == 2
    with pytest.raises(Failed):
        lab.nodes(*words)


def test_virtual_units_want_an_image(tmp_path: Path) -> None:
    wrong = Lab(tmp_path / "lab", kind="qemu").nodes("--image", str(tmp_path / "none.img"), "up", check=False)
    assert wrong.status == 1
    assert str(tmp_path / "none.img") in wrong.stderr
    assert "make -f image.mk image" in wrong.stderr
    assert not (tmp_path / "lab").exists()
