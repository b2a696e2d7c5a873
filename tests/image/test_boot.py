"""The image's first boot, and what comes back at later ones: of an unconfigured unit, after a reboot, after a panic.

One unit goes through three boots in this order; what each showed is asked by several tests, all of them for test-all. What a
new unit is like without that is told by the first test, of the units that all tests share.
"""

import json
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab_driver import Lab, eventually
from serial_console import console, console_text

PASSWORD, OTHER = "Wolke.7-Regen", "Wolke.8-Regen"
PANIC = ("sh", "-c", "(sleep 1; echo c >/proc/sysrq-trigger) >/dev/null 2>&1 </dev/null &")
FLASH = "mount -o {} /flash && {{ {}; status=$?; umount /flash; exit $status; }}"


@pytest.fixture(scope="module")
def unit(image: Path, worker_labs: Path) -> Iterator[Lab]:
    """One unit that has been powered on for the first time."""
    lab = Lab(worker_labs / "first", kind="qemu", cold=True)
    try:
        assert lab.up(1) == "", "from power-on, whatever is kept"
        yield lab
    finally:
        lab.down()


def on_flash(unit: Lab, command: str, how: str = "ro") -> str:
    """What a command prints that looks at /flash."""
    return unit.run(1, "sh", "-c", FLASH.format(how, command)).stdout


def services(unit: Lab, node: int = 1) -> dict[str, str]:
    """The state of each service, by its title."""
    rows = json.loads(unit.run(node, "service", "list", "--json").stdout)
    return {f"{row['name']}.{row['instance']}".rstrip("."): row["state"] for row in rows}


def clock(unit: Lab) -> float:
    return float(unit.run(1, "/usr/bin/python3", "-c", "import time; print(time.time())").stdout)


def test_new_units_are_as_the_factory_made_them(units: Lab) -> None:
    """What the tests of the first boot find, asked of units that may have been woken."""
    for node in (1, 2):
        running = {"system", "network.eth0", "syslogd", "sshd", "haproxy", "wui"}
        assert services(units, node) == {name: "running" for name in running} | {"csyncd": "stopped"}
        assert units.run(node, "cat", "/run/firmware/booted").stdout == "", "nothing failed"
    assert units.run(1, "config", "changes", "-q", check=False).status == 0
    shown = units.run(1, "sh", "-c", "hostname; stat -c %a /etc/shadow; cut -d: -f2 /etc/shadow | sort -u")
    assert shown.stdout == "node1\n600\n*\n"
    assert "192.168.0.200/24" in units.run(1, "ip", "-brief", "address", "show", "eth0").stdout
    assert not units.run(1, "sh", "-c", "dmesg | grep -E 'Oops:|Call Trace:|BUG:'", check=False).stdout


# The first boot


@pytest.mark.all
def test_a_new_unit_starts_what_the_factory_has(unit: Lab) -> None:
    """csyncd off, wui on, and the console tells which configuration was chosen."""
    running = {"system", "network.eth0", "syslogd", "sshd", "haproxy", "wui"}
    assert services(unit) == {name: "running" for name in running} | {"csyncd": "stopped"}
    assert re.findall("restored .*|nothing is saved", console_text(unit, 1)) == [
        "restored the factory configuration",
        "nothing is saved",
    ]
    assert unit.run(1, "cat", "/run/firmware/booted").stdout == "", "nothing failed"
    assert unit.run(1, "config", "changes", "-q", check=False).status == 0


@pytest.mark.all
def test_a_new_unit_has_the_factorys_address(unit: Lab) -> None:
    assert "192.168.0.200/24" in unit.run(1, "ip", "-brief", "address", "show", "eth0").stdout


@pytest.mark.all
def test_a_new_unit_answers_on_the_web_uis_port(unit: Lab) -> None:
    """Over HTTPS, without a login, only what concerns public keys: here that there are none yet."""
    port = json.loads(unit.nodes("ports", "1").stdout)["wui"]
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with pytest.raises(urllib.error.HTTPError) as answer:
        urllib.request.urlopen(f"https://127.0.0.1:{port}/csyncd/keys", timeout=60, context=trusting)
    assert "csyncd.cfg" in json.load(answer.value)["error"]


@pytest.mark.all
def test_a_new_unit_has_no_usable_password(unit: Lab) -> None:
    accounts = [line.split(":")[:2] for line in unit.read(1, "/etc/shadow").splitlines()]
    assert accounts[0] == ["root", "*"]
    assert {password for _, password in accounts} == {"*"}
    assert unit.run(1, "stat", "-c", "%a", "/etc/shadow").stdout == "600\n"


@pytest.mark.all
def test_a_name_is_given_to_a_new_unit(unit: Lab) -> None:
    assert unit.run(1, "hostname").stdout == "node1\n"


@pytest.mark.all
def test_the_first_login_sets_roots_password(unit: Lab) -> None:
    """At the console; from then on it asks for that one. Nobody else gets in without one."""
    with console(unit, 1) as line:
        line.name("haproxy")
        line.answer("Password: ", "")
        line.read("Login incorrect|bad salt")  # busybox's words where a password is no hash
        line.name("root")
        for word, answer in (
            ("New password: ", ""),
            ("8 characters at least.*New password: ", PASSWORD),
            ("again: ", OTHER),
        ):
            line.answer(word, answer)
        line.answer("not the same.*New password: ", "\x03")
        line.choose(PASSWORD)
        assert "uid=0(root)" in line.run("id")
        line.logout()
        assert line.login(OTHER) == "refused"
        assert line.login(PASSWORD) == "in"
        line.logout()
    assert unit.run(1, "stat", "-c", "%a", "/etc/shadow").stdout == "600\n"
    assert "/etc/shadow" in unit.run(1, "config", "changes").stdout


# Saved, rebooted


@dataclass(frozen=True, slots=True)
class Before:
    """How things were before a boot: what the console had said, the random seed on flash."""

    console: str
    seed: str

    def said(self, unit: Lab) -> str:
        """What the console has said since."""
        return console_text(unit, 1)[len(self.console) :]


def seed(unit: Lab) -> str:
    return on_flash(unit, "cat /flash/seed | sha256sum")


@pytest.fixture(scope="module")
def rebooted(unit: Lab) -> Before:
    """After a save and an orderly reboot."""
    unit.run(1, "config", "add", "system", "hostname", "lb1")
    unit.run(1, "sh", "-c", "echo '192.0.2.7 first' >>/etc/hosts")
    unit.run(1, "config", "save")
    before = Before(console_text(unit, 1), seed(unit))
    unit.reboot(1)
    return before


@pytest.mark.all
def test_a_reboot_restores_what_is_saved_and_says_so(unit: Lab, rebooted: Before) -> None:
    assert "restored generation 1 of " in rebooted.said(unit)
    assert "192.0.2.7 first" in unit.read(1, "/etc/hosts")
    assert unit.run(1, "config", "changes", "-q", check=False).status == 0


@pytest.mark.all
def test_the_password_outlives_a_reboot(unit: Lab, rebooted: Before) -> None:
    with console(unit, 1) as line:
        assert line.login(OTHER) == "refused"
        assert line.login(PASSWORD) == "in"
        line.logout()


@pytest.mark.all
def test_the_saved_host_name_comes_back(unit: Lab, rebooted: Before) -> None:
    """For the kernel, and for a shell at the console."""
    assert unit.run(1, "hostname").stdout == "lb1\n"
    with console(unit, 1) as line:
        line.login(PASSWORD)
        assert line.run("echo $HOSTNAME") == "lb1"
        line.logout()


@pytest.mark.all
def test_the_clock_is_right(unit: Lab, rebooted: Before) -> None:
    """As right as a hardware clock can keep it. QEMU starts it at a whole second, hwclock writes whole ones and the kernel adds
    half a one to what it reads: 3 s may be lost by the first reboot, and a moment of a busy machine."""
    asked = time.time()
    assert asked - 5 <= clock(unit) <= time.time() + 5


@pytest.mark.all
def test_random_numbers_are_there_at_once(unit: Lab, rebooted: Before) -> None:
    """The generator is ready before flash is looked at; nobody waits for it; no seed is used twice."""
    words = unit.run(1, "dmesg").stdout
    assert 0 < words.index("random: crng init done") < words.index("EXT4-fs")
    program = "import os; print(len(os.getrandom(32, os.GRND_NONBLOCK)))"
    assert unit.run(1, "/usr/bin/python3", "-c", program).stdout == "32\n"
    assert seed(unit) != rebooted.seed
    assert on_flash(unit, "stat -c '%a %s' /flash/seed") == "600 512\n"


# Panicked, with the newest save damaged, and a clock that has stopped


@pytest.fixture(scope="module")
def panicked(unit: Lab, rebooted: Before) -> Before:
    """After a panic. What is saved last is damaged on flash, and the clock's battery is dead."""
    unit.run(1, "sh", "-c", "echo '192.0.2.8 second' >>/etc/hosts")
    unit.run(1, "config", "save")
    newest = "/flash/config/$(ls /flash/config | grep '[.]tar$' | tail -n 1)"
    on_flash(unit, f"dd if=/dev/urandom of={newest} bs=64 seek=20 count=1 conv=notrunc,fsync", "rw")
    assert unit.run(1, "config", "changes", "-q", check=False).status == 1, "a reboot takes the last save away"
    before = Before(console_text(unit, 1), seed(unit))
    unit.run(1, "sh", "-c", "date -s @1000000000 && hwclock -w -u")
    unit.reboot(1, *PANIC)
    return before


@pytest.mark.all
def test_a_panicked_unit_comes_back_by_itself(unit: Lab, panicked: Before) -> None:
    assert "Kernel panic" in panicked.said(unit)
    assert services(unit)["haproxy"] == "running"


@pytest.mark.all
def test_a_damaged_save_falls_back_to_the_one_before_and_says_so(unit: Lab, panicked: Before) -> None:
    words = panicked.said(unit)
    assert "restored generation 1 of " in words
    assert "generation 2 is damaged" in words
    hosts = unit.read(1, "/etc/hosts")
    assert "192.0.2.7 first" in hosts
    assert "192.0.2.8 second" not in hosts


@pytest.mark.all
def test_the_clock_is_never_before_the_image(unit: Lab, panicked: Before) -> None:
    built = float(unit.run(1, "stat", "-c", "%Y", "/usr/lib/os-release").stdout)
    assert 1700000000 < built <= clock(unit) < built + 3600


@pytest.mark.all
def test_a_panic_leaves_no_seed_to_be_used_twice(unit: Lab, panicked: Before) -> None:
    assert seed(unit) != panicked.seed


# The cable


@pytest.mark.all
def test_a_cable_that_is_pulled_shows(unit: Lab) -> None:
    def carrier() -> str:
        return unit.run(1, "cat", "/sys/class/net/eth0/carrier").stdout

    assert carrier() == "1\n"
    unit.link(1, False)
    assert eventually(lambda: carrier() == "0\n")
    assert "NO-CARRIER" in unit.run(1, "ip", "link", "show", "eth0").stdout
    unit.link(1, True)
    assert eventually(lambda: carrier() == "1\n")
