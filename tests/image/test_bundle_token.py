"""Bundles that are signed with a key which never leaves its token: SoftHSM stands for one."""

import os
import subprocess
from pathlib import Path

import bundles
import pytest
from bundles import Signer

from firmware.upgrade import rauc

pytestmark = pytest.mark.all
MODULE, PIN = Path("/usr/lib/softhsm/libsofthsm2.so"), "2468"
KEY = "pkcs11:token=release;object=bundles"


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    """A CA, and a certificate of it (release.pem) for a key that was made in a token, which is all there is of it."""
    subprocess.run(["make", "-s", "-f", "image.mk", "soft-token-packages"], cwd=bundles.PROJECT, check=True)
    signer = Signer.make(tmp_path_factory.mktemp("keys"))
    place, tool = signer.place, ("pkcs11-tool", "--module", MODULE, "--login", "--pin", PIN, "--token-label", "release")
    (place / "tokens").mkdir()
    (place / "softhsm2.conf").write_text(f"directories.tokendir = {place}/tokens\nobjectstore.backend = file\n")
    os.environ["SOFTHSM2_CONF"] = str(place / "softhsm2.conf")
    bundles.run("softhsm2-util", "--init-token", "--free", "--label", "release", "--pin", PIN, "--so-pin", PIN)
    bundles.run(*tool, "--keypairgen", "--key-type", "EC:prime256v1", "--label", "bundles", "--id", "01")
    engine = ("-engine", "pkcs11", "-keyform", "engine", "-key", f"{KEY};pin-value={PIN}")
    bundles.run("openssl", "req", "-new", *engine, "-subj", "/CN=release", "-out", place / "release.csr")
    words = "keyUsage=critical,digitalSignature\nextendedKeyUsage=critical,codeSigning\n"
    (place / "extensions").write_text(words)
    authority = ("-CA", place / "ca.pem", "-CAkey", place / "ca.key", "-CAcreateserial", "-days", "30")
    request = ("-req", "-in", place / "release.csr", "-extfile", place / "extensions")
    bundles.run("openssl", "x509", *request, *authority, "-out", place / "release.pem")
    return signer


def make_bundle(signer: Signer, place: Path, pin: str) -> subprocess.CompletedProcess[str]:
    """`make -f image.mk bundle`, of a slot that is no system."""
    bundles.slot(place)
    words = [
        f"IMAGE={place}/disk.img",
        f"BUNDLE={place}/bundle.raucb",
        f"CERTIFICATE={signer.place}/release.pem",
        f"KEY={KEY}",
    ]
    made = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    made |= {"RAUC_PKCS11_MODULE": str(MODULE), "RAUC_PKCS11_PIN": pin}
    command = ["make", "-f", "image.mk", "bundle", *words]
    return subprocess.run(
        command, cwd=bundles.PROJECT, capture_output=True, text=True, env=made, stdin=subprocess.DEVNULL
    )


def test_a_key_in_a_token_signs_what_a_unit_takes(signer: Signer, tmp_path: Path) -> None:
    assert not list(signer.place.rglob("release.key"))
    done = make_bundle(signer, tmp_path, PIN)
    assert done.returncode == 0, done.stdout + done.stderr
    assert rauc.read(tmp_path / "bundle.raucb", signer.configuration(tmp_path)).version == "1.2.3"


def test_a_wrong_pin_is_said_and_no_bundle_is_left(signer: Signer, tmp_path: Path) -> None:
    done = make_bundle(signer, tmp_path, "0000")
    assert done.returncode and "PIN incorrect" in done.stderr
    assert not (tmp_path / "bundle.raucb").exists()
