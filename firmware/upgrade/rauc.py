"""The one module that runs RAUC, which verifies a bundle and writes a slot; and what is on this unit by its configuration."""

import configparser
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firmware.errors import Failure, Refused
from firmware.printable import escape
from firmware.run import run
from firmware.upgrade.bundle import SIGNATURE_SECONDS, Bundle, parse_manifest, read_manifest

CONFIGURATION = Path("/usr/share/upgrade/system.conf")
#: where RAUC mounts a bundle while it installs it
MOUNTS = Path("/run/firmware/upgrade")
#: seconds for a slot on a slow disk
INSTALL_SECONDS = 900.0
_WARNING = re.compile(r"rauc-(?:WARNING|CRITICAL|ERROR) \*\*: [\d:.]+: (.*)")
_PROGRESS = re.compile(r"rauc-\w+: |\d+%|(started|finished)$|Installing `|Idle")
_FOREIGN = "it was signed by somebody whom this unit does not believe: take one from whoever makes its firmware"
#: what its words mean to an operator
_HINTS = {
    "expired": "is the clock right (date)? else ask for a bundle that is signed anew",
    "not yet valid": "is the clock right (date)?",
    "local issuer": _FOREIGN,
    "self-signed": _FOREIGN,
    "self signed": _FOREIGN,
}


def model(configuration: Path = CONFIGURATION) -> str:
    """Which model this unit is: only bundles for it are taken."""
    parser = configparser.RawConfigParser(delimiters=("=",))
    try:
        parser.read_string(configuration.read_text())
        return parser["system"]["compatible"]
    except (OSError, KeyError, configparser.Error):
        raise Failure(f"{configuration}: it does not say which model this unit is") from None


def read(path: Path, configuration: Path = CONFIGURATION) -> Bundle:
    """A bundle that somebody has signed whom this unit believes. Refused for any other, in RAUC's words."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise Refused(f"{escape(str(path))}: it is no file")
    manifest = read_manifest(path)
    with _in_words("the bundle is not taken"):
        run(["rauc", f"--conf={configuration}", "info", str(path)], timeout=SIGNATURE_SECONDS)
    return parse_manifest(manifest)


def install(path: Path, slot: str, size: int, *, other_model: bool, configuration: Path = CONFIGURATION) -> None:
    """Write a bundle, with an image of so many bytes, into the slot that is not `slot`, the one that runs. All of it is verified
    before anything is written. What an installation left that was interrupted is gone by then (`spool.forget_interrupted`)."""
    MOUNTS.mkdir(mode=0o700, parents=True, exist_ok=True)
    run(["modprobe", "-a", "loop", "dm_mod", "dm_verity"], check=False)  # a kernel may have them built in
    words = ["--ignore-compatible"] if other_model else []
    with _in_words("the bundle is not installed"):
        # it ends with us, as our locks do; check-bundle is told the size: what a squashfs claims may have no end
        begin = ["env", f"IMAGE_SIZE={size}", "setpriv", "--pdeathsig", "KILL"]
        rauc = ["rauc", f"--conf={configuration}", f"--override-boot-slot={slot}", "install", *words, str(path)]
        run([*begin, *rauc], timeout=INSTALL_SECONDS)


@contextmanager
def _in_words(what: str) -> Iterator[None]:
    try:
        yield
    except Failure as error:
        said = telling_line(str(error))
        hint = next((hint for word, hint in _HINTS.items() if word in said.lower()), "")
        raise Refused(f"{what}: {said}", hint) from None


def telling_line(said: str) -> str:
    """The line of RAUC's words that says why: what check-bundle says, else its warning, else what is no progress."""
    lines = [line.strip() for line in said.removeprefix("env: ").removeprefix("rauc: ").splitlines() if line.strip()]
    ours = [line.partition("check-bundle: ")[2].removesuffix(" >>") for line in lines if "check-bundle: " in line]
    warnings = [found[1] for line in lines if (found := _WARNING.search(line))]
    errors = [line for line in lines if not _PROGRESS.match(line)]
    return (ours or warnings or errors or lines or ["RAUC does not say why"])[-1]
