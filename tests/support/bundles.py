"""Bundles for tests: signed by whomever, saying whatever; out of a slot that is no system, but says what it is."""

import os
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

PROJECT = Path(__file__).resolve().parents[2]
SCRIPTS = PROJECT / "buildroot/scripts"
CONFIGURATION = PROJECT / "overlay/usr/share/upgrade/system.conf"
_LENGTH = struct.Struct(">Q")


def run(*argv: object, data: bytes = b"") -> bytes:
    done = subprocess.run([str(word) for word in argv], input=data, capture_output=True)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    return done.stdout


@dataclass(frozen=True, slots=True)
class Signer:
    """A directory with a CA (ca.pem, ca.key), and a certificate of it that signs (signer.pem, signer.key)."""

    place: Path

    @classmethod
    def make(cls, place: Path) -> "Signer":
        run(SCRIPTS / "make-authority", place)
        return cls(place)

    def issue(self, name: str, *, purpose: str = "codeSigning", start: str = "20200101000000Z", end: str) -> "Signer":
        """The same CA with another certificate that signs: for that purpose, from then until then."""
        other = Signer(Path(mkdtemp(prefix=name, dir=self.place)))
        (other.place / "certificates").mkdir()
        for path in ("ca.pem", "ca.key", "signer.key"):
            (other.place / path).write_bytes((self.place / path).read_bytes())
        (other.place / "index").touch()
        (other.place / "openssl.cnf").write_text(
            f"[ca]\ndefault_ca=one\n[one]\ndatabase={other.place}/index\nnew_certs_dir={other.place}/certificates\n"
            "rand_serial=yes\ndefault_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n"
            f"[ext]\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=critical,{purpose}\n"
        )
        request = run("openssl", "req", "-new", "-key", other.place / "signer.key", "-subj", f"/CN={name}")
        (other.place / "request").write_bytes(request)
        run(
            "openssl", "ca", "-batch", "-notext", "-config", other.place / "openssl.cnf", "-extensions", "ext",
            "-cert", other.place / "ca.pem", "-keyfile", other.place / "ca.key", "-in", other.place / "request",
            "-startdate", start, "-enddate", end, "-out", other.place / "signer.pem",
        )  # fmt: skip
        return other

    def sign(self, manifest: str) -> bytes:
        """The signature of a bundle, with the manifest in it."""
        return run(
            "openssl", "cms", "-sign", "-nodetach", "-binary", "-nosmimecap", "-outform", "DER", "-md", "sha256",
            "-signer", self.place / "signer.pem", "-inkey", self.place / "signer.key", data=manifest.encode(),
        )  # fmt: skip

    def configuration(self, place: Path) -> Path:
        """What RAUC is told on a unit that believes this CA."""
        path = place / "system.conf"
        text = CONFIGURATION.read_text().replace("/usr/share/upgrade/keyring.pem", str(self.place / "ca.pem"))
        path.write_text(text)
        return path


def slot(place: Path, *, version: str = "1.2.3", model: str = "csyncd-x86_64", size: int = 1 << 18) -> Path:
    """A squashfs that says what it is, and has that many bytes which nothing makes smaller."""
    root = place / "root"
    (root / "usr/lib").mkdir(parents=True)
    (root / "usr/share/upgrade").mkdir(parents=True)
    words = f"VERSION_ID={version}\nCSYNCD_PEER_PROTOCOLS=1-2\nCSYNCD_CONFIG_FORMAT=1\n"
    (root / "usr/lib/os-release").write_text(words)
    (root / "usr/share/upgrade/system.conf").write_text(f"[system]\ncompatible={model}\n")
    (root / "bytes").write_bytes(os.urandom(size))
    run("mksquashfs", root, place / "slot.squashfs", "-quiet", "-no-progress", "-noappend", "-all-root")
    return place / "slot.squashfs"


def bundle(image: Path, path: Path, signer: Signer) -> Path:
    """A bundle as `make -f image.mk bundle` makes it."""
    run(SCRIPTS / "make-bundle", image, path, signer.place / "signer.pem", signer.place / "signer.key")
    return path


def split(path: Path) -> tuple[bytes, str]:
    """What a bundle holds before its signature, and its manifest."""
    data = path.read_bytes()
    (size,) = _LENGTH.unpack(data[-8:])
    signature = data[-8 - size : -8]
    return data[: -8 - size], run("openssl", "cms", "-verify", "-noverify", "-inform", "DER", data=signature).decode()


def join(path: Path, payload: bytes, signature: bytes) -> Path:
    """A bundle of these parts."""
    path.write_bytes(payload + signature + _LENGTH.pack(len(signature)))
    return path


def other_version(image: Path, version: str, place: Path) -> Path:
    """The same system under another version, as long as its own: a slot that a unit starts."""
    root = place / "root"
    run("unsquashfs", "-q", "-n", "-no-xattrs", "-d", root, image)
    release = root / "usr/lib/os-release"
    fields = dict(line.split("=", 1) for line in release.read_text().splitlines())
    old, new = fields["VERSION_ID"].encode(), version.encode()
    assert len(old) == len(new), "it stands in compiled modules, too"
    package = next(root.glob("usr/lib/python3*/*-packages/firmware"))
    for path in (release, package / "__init__.py", *(package / "__pycache__").glob("__init__.*.pyc")):
        path.write_bytes(path.read_bytes().replace(old, new))
    quick = ("-quiet", "-no-progress", "-no-xattrs", "-noappend", "-comp", "gzip", "-Xcompression-level", "1")
    run("mksquashfs", root, place / "slot.squashfs", *quick)
    return place / "slot.squashfs"
