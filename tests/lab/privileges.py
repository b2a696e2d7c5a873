"""What root on a lab node may not do, because the machine under it would suffer: it has one clock, one set of modules, one
swap for all. Everything that runs on a node gives that up before its program begins. Few imports: each `exec` needs this.

A node's root is the machine's own root, without a user namespace: it has to mount a proc of its own for each checker, and the
kernel allows that in no user namespace whose /proc/sys is covered. So what is denied here keeps accidents away, not an attacker.
"""

import os
import struct

import kernel

#: What services and tests need on a node. Not among them: SYS_TIME, SYS_MODULE (the kernel loads what a device or a rule
#: needs by itself), SYS_RAWIO, MKNOD (a device of the machine), SYSLOG (its kernel's log), LINUX_IMMUTABLE, and all later ones.
_CAPABILITIES = {
    "CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "FSETID": 4, "KILL": 5, "SETGID": 6, "SETUID": 7, "SETPCAP": 8, "NET_BIND_SERVICE": 10,
    "NET_BROADCAST": 11, "NET_ADMIN": 12, "NET_RAW": 13, "IPC_LOCK": 14, "IPC_OWNER": 15, "SYS_CHROOT": 18, "SYS_PTRACE": 19,
    "SYS_ADMIN": 21, "SYS_BOOT": 22, "SYS_NICE": 23, "SYS_RESOURCE": 24, "SYS_TTY_CONFIG": 26, "LEASE": 28, "AUDIT_WRITE": 29,
    "SETFCAP": 31,
}  # fmt: skip

#: seccomp(2), and the calls that the capabilities above would still allow, although no namespace holds what they change:
#: swapon, swapoff, kexec_load, kexec_file_load (reboot itself ends the node alone), and syslog
_X86_64, _AARCH64 = (0xC000003E, 317, (167, 168, 246, 320, 103)), (0xC00000B7, 277, (224, 225, 104, 294, 116))
_MACHINES = {"x86_64": _X86_64, "aarch64": _AARCH64}
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050001  # the latter: EPERM
#: from here on, numbers of system calls are those of another way to call the kernel
_OTHER_CALLS = 0x40000000


def give_up() -> None:
    """From now on, this process and whatever it starts can do no harm to the machine by accident."""
    architecture, seccomp, refused = _MACHINES[os.uname().machine]
    kernel.filter_calls(seccomp, _program(architecture, refused))
    kernel.keep_capabilities(sum(1 << number for number in _CAPABILITIES.values()))


def _program(architecture: int, refused: tuple[int, ...]) -> bytes:
    """Instructions of classic BPF: code, steps to jump if it holds and if not, operand. The last but one allows, the last refuses."""
    after = len(refused) + 1  # how many lie between the first comparison of a number and the end
    steps = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 0, after + 2, architecture),
        (_LOAD, 0, 0, 0),
        (_AT_LEAST, after, 0, _OTHER_CALLS),
    ]
    steps += [(_EQUAL, len(refused) - place, 0, number) for place, number in enumerate(refused)]
    steps += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    return b"".join(struct.pack("HBBI", *step) for step in steps)
