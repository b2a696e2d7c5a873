"""The harness with virtual units: what `nodes --kind qemu` promises is what it does with nodes of the lab."""

import os
import re
import subprocess
import time
from pathlib import Path

import booted
import pytest
from disk_image import IMAGE
from lab_driver import Lab, eventually
from test_lab_exec import AWKWARD, PRINT_ARGUMENTS


def test_arguments_pass_through_byte_for_byte(units: Lab) -> None:
    got = units.run(1, "/usr/bin/python3", "-c", PRINT_ARGUMENTS, *AWKWARD).stdout
    assert got.encode("utf-8", "surrogateescape").split(b"\0") == [
        word if isinstance(word, bytes) else word.encode() for word in AWKWARD
    ]


def test_streams_pass_through(units: Lab) -> None:
    data = bytes(range(256)) * 4096
    got = units.run(1, "sh", "-c", "cat; echo words >&2", stdin=data)
    assert got.stdout.encode("utf-8", "surrogateescape") == data
    assert got.stderr == "words\n"


@pytest.mark.all(but=["3"])
@pytest.mark.parametrize("status", [0, 1, 3, 126, 255])
def test_the_exit_status_passes_through(units: Lab, status: int) -> None:
    assert units.run(1, "sh", "-c", f"exit {status}", check=False).status == status


def test_a_signal_looks_as_in_a_shell(units: Lab) -> None:
    assert units.run(1, "sh", "-c", "kill -TERM $$", check=False).status == 143
    assert units.run(1, "sh", "-c", "kill -KILL $$", check=False).status == 137


def test_what_cannot_be_run(units: Lab) -> None:
    missing = units.run(1, "no-such-command", check=False)
    assert missing.status == 127
    assert "no-such-command" in missing.stderr
    assert units.run(1, "/etc/hosts", check=False).status == 126
    assert units.run(3, "true", check=False).status == 125


@pytest.mark.all
def test_a_connection_that_has_ended_is_opened_again(units: Lab) -> None:
    """As it ends when a unit starts anew by itself."""
    subprocess.run(["ssh", "-F", "ssh_config", "-O", "exit", "unit"], cwd=units.state / "1", check=True)
    assert units.run(1, "hostname").stdout == "node1\n"


def test_a_command_sees_what_it_sees_on_a_node_of_the_lab(units: Lab) -> None:
    seen = dict(line.split("=", 1) for line in units.run(2, "env").stdout.splitlines())
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    want = {"PATH": path, "HOME": "/root", "HOSTNAME": "node2", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    assert {name: seen.get(name) for name in want} == want
    assert units.run(2, "pwd").stdout == "/root\n"


BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def test_a_command_runs_on_its_unit_whether_or_not_the_kind_is_given(units: Lab) -> None:
    for kind in ("", "qemu"):
        found = {Lab(units.state, kind=kind).read(node, str(BOOT_ID)) for node in (1, 2)}
        assert len({BOOT_ID.read_text(), *found}) == 3


@pytest.mark.parametrize("words", [["exec", "1", "touch", "MARK"], ["reboot", "1"], ["cut", "1"], ["up"], ["down"]])
def test_a_wrong_kind_is_refused_by_name(units: Lab, tmp_path: Path, words: list[str]) -> None:
    mark, before = tmp_path / "mark", units.read(1, str(BOOT_ID))
    done = Lab(units.state, kind="lab").nodes(*(word.replace("MARK", str(mark)) for word in words), check=False)
    assert done.status == (125 if words[0] == "exec" else 1)
    assert f"--kind lab: {units.state} has nodes of kind qemu" in done.stderr
    assert not mark.exists() and units.read(1, str(BOOT_ID)) == before


def test_a_units_process_is_not_taken_for_a_node(units: Lab, tmp_path: Path) -> None:
    """Where the state directory does not know its kind, as none did once: the command ran here, as root."""
    kind, mark = units.state / "kind", tmp_path / "mark"
    kind.rename(tmp_path / "kind")
    try:
        for asked in ("", "lab"):
            done = Lab(units.state, kind=asked).run(1, "touch", str(mark), check=False)
            assert done.status == 125 and "is no node; nothing is run there" in done.stderr
    finally:
        (tmp_path / "kind").rename(kind)
    assert not mark.exists()


def test_a_unit_without_power_runs_nothing_here(worker_labs: Path, tmp_path: Path) -> None:
    lab, mark = Lab(worker_labs / "-".join(["long"] * 30), kind="qemu"), tmp_path / "mark"
    lab.up(1)  # its sockets' paths are longer than the name of one may be
    try:
        assert lab.run(1, "hostname").stdout == "node1\n"
        os.kill(int((lab.state / "1" / "pid").read_text()), 9)
        for kind in ("", "qemu"):
            done = Lab(lab.state, kind=kind).run(1, "touch", str(mark), check=False)
            assert done.status in (125, 255) and not mark.exists(), done
    finally:
        lab.down()


def reaches(units: Lab) -> bool:
    return units.run(1, "ping", "-c", "1", "-W", "2", "10.32.0.12", check=False).status == 0


@pytest.mark.all
def test_delay(units: Lab) -> None:
    def round_trip() -> float:
        said = units.run(1, "ping", "-c", "5", "-i", "0.2", "10.32.0.12").stdout
        return sorted(float(time) for time in re.findall(r"time=([0-9.]+)", said))[2]

    assert round_trip() < 100
    units.delay(200)
    assert 400 <= round_trip() < 500
    units.delay(0)
    assert round_trip() < 100


@pytest.mark.all
def test_only_flash_outlives_a_cut_and_the_cable_stays_as_it_was(fresh_units: Lab) -> None:
    units = fresh_units
    assert reaches(units)
    places = "for where in /etc /run /var /tmp /root; do echo gone >$where/mark; done"
    units.run(2, "sh", "-c", f"{places}; mount -o rw /flash && echo kept >/flash/mark && umount /flash")
    units.link(2, False)
    assert not reaches(units)
    units.cut(2)
    assert units.run(2, "sh", "-c", "mount -o ro /flash && cat /*/mark; umount /flash").stdout == "kept\n"
    assert units.run(2, "test", "-e", "/run/firmware/booted").status == 0
    assert units.run(2, "cat", "/sys/class/net/eth0/carrier").stdout == "0\n"
    assert not reaches(units)
    units.link(2, True)
    assert eventually(lambda: reaches(units))


def at_work(state: Path) -> set[int]:
    """Processes whose working directory is in a state directory, and its hub."""
    found = {int((state / "lab.lock").read_text())} if state.exists() else set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if Path(os.readlink(f"/proc/{pid}/cwd")).is_relative_to(state):
                found.add(int(pid))
        except OSError:  # it has just ended
            continue
    return found


def alive(pids: set[int]) -> bool:
    """Whether one of them runs; what only waits for its parent to hear of its end does not."""
    stats = [Path("/proc", str(pid), "stat") for pid in pids]
    return any(stat.exists() and stat.read_text().rpartition(")")[2].split()[0] not in "XZ" for stat in stats)


@pytest.mark.all
@pytest.mark.parametrize("killed", [False, True])
def test_down_leaves_nothing(image: Path, worker_labs: Path, killed: bool) -> None:
    """Also where the hub was killed before."""
    lab = Lab(worker_labs / "passing", kind="qemu")
    lab.up(1)
    there = at_work(lab.state)
    assert len(there) >= 3, "the hub, QEMU, the connection for commands"
    if killed:
        os.kill(int((lab.state / "lab.lock").read_text()), 9)
        assert eventually(lambda: lab.run(1, "true", check=False).status == 125)
    lab.down()
    assert not lab.state.exists()
    assert eventually(lambda: not alive(there))
    assert not at_work(lab.state)


def test_an_accelerator_counts_only_if_the_image_boots_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def boots(image: Path, accelerator: str, seconds: float) -> bool:
        tried.append(accelerator)
        return image.read_text() == "good"

    monkeypatch.setattr(booted, "boots", boots)
    monkeypatch.setattr(os, "access", lambda path, mode: True)
    for words, found in (("good", "kvm"), ("bad", "tcg")):
        image = tmp_path / words / "disk.img"
        image.parent.mkdir()
        image.write_text(words)
        assert [booted.choose_accelerator(image) for _ in range(2)] == [found, found]
    assert tried == ["kvm", "kvm"], "once for each image"
    (tmp_path / "good/booted/accelerator").write_text("another-boot-of-the-host tcg\n")
    assert booted.choose_accelerator(tmp_path / "good/disk.img") == "kvm"
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert booted.choose_accelerator(tmp_path / "good/disk.img") == "tcg"


@pytest.mark.all
def test_whether_an_image_boots_is_tried_and_ends_in_time(image: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(1 << 20))
    began = time.monotonic()
    assert not booted.boots(disk, "tcg", 2.0)
    assert time.monotonic() - began < 20
    assert not booted.boots(disk, "no-such-accelerator", 60.0)
    assert time.monotonic() - began < 40
    assert booted.boots(IMAGE, "tcg", 300.0)
