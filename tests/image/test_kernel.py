"""Every line of buildroot/board/kernel.list is true of the kernel that the image boots."""

from pathlib import Path

import pytest
from lab_driver import Lab

LIST = Path(__file__).resolve().parents[2] / "buildroot" / "board" / "kernel.list"
LINES = [line.split(maxsplit=3)[:3] for line in LIST.read_text().splitlines() if line[:1] not in ("", "#")]
MODULES = [(when, module) for when, _, module in LINES if module != "-"]
#: how what is no module shows, each as a command that works
PROOFS = {
    "TMPFS": "grep -qw tmpfs /proc/filesystems",
    "DEVTMPFS": "grep -q '^[^ ]* /dev devtmpfs ' /proc/mounts",
    "INOTIFY_USER": "[ $(cat /proc/sys/fs/inotify/max_user_watches) -gt 1000 ]",
    "SECCOMP_FILTER": "grep -qw errno /proc/sys/kernel/seccomp/actions_avail",
    "NAMESPACES": "unshare --mount true",
    "PID_NS": "[ $(unshare --pid --fork sh -c 'echo $$') = 1 ]",
    "IPC_NS": "unshare --ipc true",
    "CGROUPS": "grep -q ' /sys/fs/cgroup cgroup2 ' /proc/mounts",
    "MEMCG": "grep -qw memory /sys/fs/cgroup/cgroup.subtree_control",
    "CGROUP_PIDS": "grep -qw pids /sys/fs/cgroup/cgroup.subtree_control",
    "SECURITY_YAMA": "[ $(cat /proc/sys/kernel/yama/ptrace_scope) = 2 ]",
    "UNIX98_PTYS": "python3 -c 'import os; os.write(os.openpty()[1], b\"x\")'",
    "SERIAL_8250_CONSOLE": "grep -q '^ttyS0 ' /proc/consoles",
    "RTC_HCTOSYS": "[ $(cat /sys/class/rtc/rtc0/hctosys) = 1 ]",
    "PACKET": "[ -e /proc/net/packet ]",
    "IP_MULTIPLE_TABLES": "ip rule add from 192.0.2.1 lookup 100 && ip rule del from 192.0.2.1 lookup 100",
    "IPV6_MULTIPLE_TABLES": "ip -6 rule add from 2001:db8::1 lookup 100 && ip -6 rule del from 2001:db8::1 lookup 100",
}
#: loads what is a module; prints the names of those that are neither that nor built in. An interface that a module brings along
#: would be somebody else's to each block of that name
LOAD = """
options() { [ "$1" != bonding ] || echo max_bonds=0; }
built_in=$(sed 's,.*/,,; s,[.]ko.*,,' "/lib/modules/$(uname -r)/modules.builtin" | tr - _)
for module; do
    name=$(echo "$module" | tr - _)
    echo "$built_in" | grep -qx "$name" || { modprobe "$module" $(options "$module") && [ -d "/sys/module/$name" ]; } || echo "$module"
done
"""
#: prints those that are neither built in nor in the initramfs
EARLY = """
import gzip, os, re, sys
held = gzip.decompress(open("/boot/initramfs", "rb").read()) + open(f"/lib/modules/{os.uname().release}/modules.builtin", "rb").read()
print("\\n".join(name for name in sys.argv[1:] if not re.search(rb"/" + name.replace("_", "[-_]").encode() + rb"\\.ko", held)))
"""


def test_what_the_list_names_is_there_before_anything_is_loaded(units: Lab) -> None:
    """All of it at once; test-all goes through it line by line."""
    missing = [f"({proof}) >/dev/null 2>&1 || echo {option}" for option, proof in PROOFS.items()]
    assert units.run(1, "sh", "-c", "\n".join(missing)).stdout == ""
    assert set(PROOFS) == {option for _, option, module in LINES if module == "-"}


@pytest.mark.all
def test_every_module_can_be_loaded_or_is_built_in(units: Lab) -> None:
    assert len(MODULES) > 40
    assert units.run(1, "sh", "-c", LOAD, "sh", *(module for _, module in MODULES), timeout=300).stdout == ""


def test_what_is_needed_before_the_slot_is_mounted_is_there_then(units: Lab) -> None:
    early = [module for when, module in MODULES if when == "boot"]
    assert len(early) > 5
    assert units.run(1, "/usr/bin/python3", "-c", EARLY, *early).stdout.strip() == ""


@pytest.mark.all
@pytest.mark.parametrize("option", [option for _, option, module in LINES if module == "-"])
def test_what_is_no_module_is_there(units: Lab, option: str) -> None:
    assert units.run(1, "sh", "-c", PROOFS[option], check=False).status == 0
