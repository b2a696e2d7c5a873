"""The few calls of Linux that Python 3.11 lacks: namespaces, mounts, capabilities, system call filters, the parent-death
signal, and TAP devices.
"""

import ctypes
import fcntl
import os
import struct

NEWNS, NEWUTS, NEWIPC, NEWPID, NEWNET = 0x00020000, 0x04000000, 0x08000000, 0x20000000, 0x40000000
#: what makes a node, besides its pids
NODE = NEWNS | NEWUTS | NEWIPC | NEWNET
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH = 4096, 16384, 1 << 18, 2

_PR_SET_PDEATHSIG, _PR_CAPBSET_READ, _PR_CAPBSET_DROP = 1, 23, 24
_CAPABILITIES_V3 = 0x20080522
_SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_SPEC_ALLOW = 1, 4
_TUNSETIFF, _TUNSETCARRIER = 0x400454CA, 0x400454E2
_IFF_TAP, _IFF_NO_PI = 0x0002, 0x1000

_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """Leave the namespaces of these kinds for new ones (NEWPID: from the next child on)."""
    _require_success(_libc.unshare(flags), "unshare")


def enter(descriptor: int, flags: int) -> None:
    """Join the namespaces of these kinds of another process, given its pidfd (or one namespace's descriptor)."""
    _require_success(_libc.setns(descriptor, flags), "setns")


def die_with_parent(signal: int) -> None:
    """Have the kernel send us this signal when our parent ends, however it ends."""
    _require_success(_libc.prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0), "prctl")


def keep_capabilities(kept: int) -> None:
    """Give up all capabilities but those whose bits are set, for this process and for whatever it starts, for ever."""
    capability = 0
    while (held := _libc.prctl(_PR_CAPBSET_READ, capability, 0, 0, 0)) >= 0:
        if held and not kept >> capability & 1:
            _require_success(_libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0), "prctl")
        capability += 1
    header, sets = struct.pack("Ii", _CAPABILITIES_V3, 0), ctypes.create_string_buffer(24)
    _require_success(_libc.capget(header, sets), "capget")
    words = struct.unpack("6I", sets.raw)
    halves = (kept & 0xFFFFFFFF,) * 3 + (kept >> 32,) * 3
    _require_success(
        _libc.capset(header, struct.pack("6I", *(word & half for word, half in zip(words, halves, strict=True)))),
        "capset",
    )


def filter_calls(seccomp: int, program: bytes) -> None:
    """Have the kernel ask a classic BPF program about each system call, of this process and of whatever it starts, for ever.
    `seccomp` is the number of seccomp(2) on this machine."""
    code = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    done = _libc.syscall(ctypes.c_long(seccomp), _SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_SPEC_ALLOW, described)
    _require_success(done, "seccomp")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2)."""
    words = [os.fsencode(word) for word in (source, target, kind)]
    _require_success(_libc.mount(*words, ctypes.c_ulong(flags), os.fsencode(data)), f"mount {target}")


def unmount_lazily(target: str) -> None:
    """Take a mount and all below it out of this namespace."""
    _require_success(_libc.umount2(os.fsencode(target), MNT_DETACH), f"umount {target}")


def open_tap(name: str) -> int:
    """Make the Ethernet device `name` in this network namespace; what it sends is read from the descriptor returned."""
    handle = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(handle, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI))
    return handle


def set_carrier(tap: int, on: bool) -> None:
    """Plug the cable in, or pull it: the node sees its device gain or lose the carrier."""
    fcntl.ioctl(tap, _TUNSETCARRIER, struct.pack("i", on))


def _require_success(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
