"""The interface's side of WireGuard: the interface itself, by the kernel or by wireguard-go where the kernel cannot, and its
port, mark and private key. Its peers are the business of service wg.

Keys never stand among the arguments of a program, where everybody could read them: wg reads them from a file.
"""

import base64
import os
import shutil
import time
from dataclasses import dataclass

from firmware.errors import Failure
from firmware.rc.document import PATH as CONFIG
from firmware.run import PATH, run
from firmware.services.companion import problem
from firmware.services.declared.network.wanted import WireGuard
from firmware.services.definition import Companion

#: its name among the companions of a block
NAME = "wireguard"

_PROGRAM = "wireguard-go"
#: seconds that wireguard-go has to make its interface
_SECONDS = 5.0
_KEY_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Device:
    """What an interface has now: `private_key` in base64 ("" for none), `listen_port`, `mark` as a number."""

    private_key: str
    listen_port: int
    mark: int


def make_by_program(title: str, interface: str) -> str:
    """Have wireguard-go make the interface, where the kernel cannot; returns what went wrong."""
    if not shutil.which(_PROGRAM, path=PATH):
        return f"this kernel has no WireGuard, and {_PROGRAM} is not on this node"
    if said := problem(Companion(title, NAME, [_PROGRAM, "-f", interface])):
        return said
    deadline = time.monotonic() + _SECONDS
    while not (os.path.exists(f"/sys/class/net/{interface}") and os.path.exists(f"/run/wireguard/{interface}.sock")):
        if time.monotonic() > deadline:
            return f"{_PROGRAM} has made no {interface} within {_SECONDS:g} s"
        time.sleep(0.02)
    return ""


def configure(interface: str, want: WireGuard) -> list[str]:
    """Give an interface its port, mark and key, as far as it has others; returns what went wrong. Its peers stay."""
    try:
        now = device(interface)
        words, said = _changes(want, now)
        if words:
            run(["wg", "set", interface, *words])
    except Failure as error:
        return [f"{CONFIG}:{want.line}: {error}"]
    return said


def device(interface: str) -> Device:
    """What an interface has now. Failure if it is none of WireGuard's."""
    private, _, port, mark, *_ = run(["wg", "show", interface, "dump"]).stdout.partition("\n")[0].split("\t")
    number = 0 if mark == "off" else int(mark, 0)
    return Device("" if private == "(none)" else private, int(port), number)


def _changes(want: WireGuard, now: Device) -> tuple[list[str], list[str]]:
    """The words of `wg set`, and what is wrong. A port that the block does not say stays what it is."""
    words: list[str] = []
    if want.listen_port and want.listen_port != now.listen_port:
        words += ["listen-port", str(want.listen_port)]
    mark = 0 if want.mark in ("", "off") else int(want.mark, 16 if want.mark.startswith("0x") else 10)
    if mark != now.mark:
        words += ["fwmark", str(mark)]
    if not want.private_key:
        return words, []
    key, said = read_key(want.private_key)
    if said:
        return words, [f"{CONFIG}:{want.line}: {said}"]
    if key != now.private_key:
        words += ["private-key", want.private_key]
    return words, []


def read_key(path: str) -> tuple[str, str]:
    """The key in a file, and what is wrong with it."""
    try:
        with open(path, "rb") as file:
            text = file.read(256).strip()
    except OSError as error:
        return "", f"{path}: {error.strerror} (umask 077; wg genkey >{path} makes one)"
    try:
        fits = len(base64.b64decode(text, validate=True)) == _KEY_LENGTH
    except ValueError:
        fits = False
    return (text.decode(), "") if fits else ("", f"{path}: it holds no WireGuard key, which has 44 characters")
