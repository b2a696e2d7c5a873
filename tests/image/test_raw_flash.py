"""Saving on raw flash: UBIFS on UBI on a NAND that the kernel simulates, in a unit that has booted. The modules for it come out of
the package of the unit's own kernel; no unit has them by itself. What the product does is what it does on a disk: only its line
in /etc/fstab is another one."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import disk_image
import pytest
from lab_driver import Lab
from service_helpers import PYTHON

pytestmark = pytest.mark.all
PACKAGES = disk_image.PROJECT / "build/image/base.debs"
#: a NAND of 64 MB with pages of 2 KB
NAND = "first_id_byte=0x20 second_id_byte=0xa2 third_id_byte=0x00 fourth_id_byte=0x15"
ORDER = ("mtd", "bch", "nandcore", "nand", "nandsim", "ubi", "crc16", "zstd_compress", "zstd", "ubifs")
LINE = "ubi0:flash /flash ubifs noauto,noatime,nosuid,nodev,noexec 0 0"
#: bytes of the volume
SIZE = 10 << 20

#: what ubimkvol does (UBI_IOCMKVOL of linux/ubi: struct ubi_mkvol_req)
MAKE_VOLUME = f"""
import fcntl, struct
with open("/dev/ubi0") as device:
    fcntl.ioctl(device, 1 << 30 | 152 << 16 | ord("o") << 8, struct.pack("=iiqbBh4x128s", -1, 1, {SIZE}, 3, 0, 5, b"flash"))
"""


@pytest.fixture(scope="module")
def unit(image: Path, worker_labs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A unit whose flash is raw, and empty."""
    lab = Lab(worker_labs / "raw", kind="qemu")
    try:
        lab.up(1)
        for name, module in modules(lab, tmp_path_factory.mktemp("modules")).items():
            lab.write(1, f"/tmp/{name}.ko", module.read_bytes())
        insert(lab, *ORDER)
        lab.run(1, PYTHON, "-c", MAKE_VOLUME)
        lab.run(1, "sed", "-i", rf"s|^.*\s/flash\s.*|{LINE}|", "/etc/fstab")
        yield lab
    finally:
        lab.down()


def modules(unit: Lab, place: Path) -> dict[str, Path]:
    """Those that are needed, out of the kernel's package."""
    version = unit.run(1, "uname", "-r").stdout.strip()
    packages = sorted(PACKAGES.glob(f"linux-image-{version}_*.deb"))
    if not packages:
        pytest.skip(f"the package of its kernel, {version}, is not here")
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", packages[0]], stdout=subprocess.PIPE) as archive:
        chosen = [f"*/{name}.ko" for name in ORDER]
        subprocess.run(["tar", "-x", "-C", place, "--wildcards", *chosen], stdin=archive.stdout, check=True)
    found = {path.stem: path for path in place.rglob("*.ko")}
    assert sorted(found) == sorted(ORDER)
    return found


def insert(unit: Lab, *names: str) -> None:
    words = {"nandsim": NAND, "ubi": "mtd=0"}
    for name in names:
        unit.run(1, "sh", "-c", f"grep -q '^{name} ' /proc/modules || insmod /tmp/{name}.ko {words.get(name, '')}")


def history(unit: Lab) -> list[dict[str, Any]]:
    """What is saved, and that each of it is whole."""
    rows: list[dict[str, Any]] = json.loads(unit.run(1, "config", "history", "--json").stdout)
    assert all(row["verified"] for row in rows), rows
    return rows


def save(unit: Lab, text: str) -> str:
    """Save a change; the flash is mounted no longer than that takes."""
    unit.run(1, "sh", "-c", f"echo '# {text}' >>/etc/haproxy/haproxy.cfg; config save -m {text}")
    assert " /flash ubifs " not in unit.read(1, "/proc/mounts")
    return unit.read(1, "/etc/haproxy/haproxy.cfg")


def test_saves_a_rollback_and_an_import(unit: Lab) -> None:
    first, second = save(unit, "one"), save(unit, "two")
    assert [row["message"] for row in history(unit)] == ["two", "one"]
    unit.run(1, "config", "rollback", "1")
    assert unit.read(1, "/etc/haproxy/haproxy.cfg") == first
    unit.run(1, "sh", "-ec", "config export /tmp/saved.tar; config import /tmp/saved.tar; config restore")
    assert unit.read(1, "/etc/haproxy/haproxy.cfg") == second
    assert len(history(unit)) == 3


def test_it_is_there_once_the_flash_was_attached_anew(unit: Lab) -> None:
    """As at a boot: nothing of it is in memory any more."""
    text = save(unit, "three")
    unit.run(1, "sh", "-ec", "rmmod ubifs ubi; echo changed >/etc/haproxy/haproxy.cfg")
    insert(unit, "ubi", "ubifs")
    unit.run(1, "config", "restore")
    assert unit.read(1, "/etc/haproxy/haproxy.cfg") == text


def test_a_full_flash_keeps_what_is_saved(unit: Lab) -> None:
    text = save(unit, "four")
    before = [row["digest"] for row in history(unit)]
    unit.run(1, "sh", "-c", f"head -c {SIZE} /dev/urandom >/etc/haproxy/large")
    done = unit.run(1, "config", "save", check=False)
    assert done.status == 1 and "no room" in done.stderr
    assert [row["digest"] for row in history(unit)] == before
    unit.run(1, "sh", "-ec", "rm /etc/haproxy/large; config restore")
    assert unit.read(1, "/etc/haproxy/haproxy.cfg") == text
