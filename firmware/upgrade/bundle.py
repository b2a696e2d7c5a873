"""What a bundle says of itself: the manifest in its signature. Whether somebody whom we believe has signed it, `rauc` tells."""

import configparser
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from firmware.errors import Refused
from firmware.printable import quote_word
from firmware.run import run

#: the only file beside the manifest that a bundle may have; a signature has at most that many bytes
IMAGE, MOST_SIGNATURE = "slot.squashfs", 64 << 10
#: bytes that a bundle has beside the image, at most: its signature, and the tree of dm-verity's digests
OVERHEAD = 8 << 20
#: seconds for looking at a signature on a unit that has hardly any memory left, and loads programs again and again
SIGNATURE_SECONDS = 120.0
_LENGTH = struct.Struct(">Q")
_SPEAKS = re.compile(r"peer-protocols=(\d{1,9})-(\d{1,9}) config-format=(\d{1,9})")
_DIGEST, _SIZE = re.compile(r"[0-9a-f]{64}"), re.compile(r"[1-9]\d{0,14}")
#: what a manifest of ours says; one with hooks or handlers would run programs of its own
_SECTIONS: Mapping[str, set[str]] = {
    "update": {"compatible", "version", "description"},
    "bundle": {"format", "verity-hash", "verity-salt", "verity-size"},
    "image.rootfs": {"filename", "sha256", "size"},
}


@dataclass(frozen=True, slots=True)
class Bundle:
    """A system for a slot: for which model, which version, the versions of the peer API that it speaks, the format of the
    configuration that it reads; `size` and `sha256` (hex) are the image's."""

    model: str
    version: str
    protocols: tuple[int, int]
    config_format: int
    size: int
    sha256: str


def read_manifest(path: Path) -> str:
    """The manifest out of the signature of a bundle, whoever has signed it. Refused if there is none."""
    with open(path, "rb") as file:
        end = file.seek(0, 2)
        file.seek(max(0, end - _LENGTH.size))
        tail = file.read(_LENGTH.size)
        size = _LENGTH.unpack(tail)[0] if len(tail) == _LENGTH.size else 0
        if not 0 < size <= min(MOST_SIGNATURE, end - _LENGTH.size):
            raise Refused("it is no bundle, or not all of it: there is no signature at its end")
        file.seek(end - _LENGTH.size - size)
        signature = file.read(size)
    command = ["openssl", "cms", "-verify", "-noverify", "-inform", "DER"]
    done = run(command, stdin=signature, check=False, timeout=SIGNATURE_SECONDS)
    if done.status or not done.stdout:
        raise Refused("it is no bundle, or not all of it: the signature holds no manifest")
    return done.stdout


def parse_manifest(text: str) -> Bundle:
    """What a manifest says. Refused for whatever bundles of ours do not have: other images, hooks, paths, links."""
    parser = configparser.RawConfigParser(delimiters=("=",), comment_prefixes=("#",), empty_lines_in_values=False)
    try:
        parser.read_string(text)
        found = {name: dict(parser[name]) for name in parser.sections()}
    except configparser.Error:
        raise Refused("the manifest of the bundle cannot be understood") from None
    _refuse_foreign(found)
    update, image = found["update"], found["image.rootfs"]
    speaks = _SPEAKS.fullmatch(update["description"])
    known = _SIZE.fullmatch(image["size"]) and _DIGEST.fullmatch(image["sha256"])
    if found["bundle"]["format"] != "verity" or not speaks or not known:
        raise Refused("the manifest of the bundle does not say what a unit wants to know")
    low, high, schema = map(int, speaks.groups())
    return Bundle(update["compatible"], update["version"], (low, high), schema, int(image["size"]), image["sha256"])


def _refuse_foreign(found: Mapping[str, Mapping[str, str]]) -> None:
    for section in [*found, *_SECTIONS]:
        if section not in _SECTIONS or section not in found:
            what = "has more" if section in found else "lacks something"
            raise Refused(f"the bundle {what} than an image for a slot: {quote_word(section)}")
        if set(found[section]) != _SECTIONS[section]:
            words = ", ".join(sorted(set(found[section]) ^ _SECTIONS[section]))
            raise Refused(f"the manifest of the bundle, {section}: {quote_word(words)}: not what a bundle of ours says")
    if found["image.rootfs"]["filename"] != IMAGE:
        raise Refused(f"the bundle: {quote_word(found['image.rootfs']['filename'])}: the image of a slot is {IMAGE}")
