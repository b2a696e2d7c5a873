"""Bundles: what is signed is taken, and whatever else comes is refused before a slot is touched. RAUC itself verifies them here,
with what a unit tells it; what only shows while one is installed, test_upgrade.py has."""

import hashlib
import subprocess
import time
from pathlib import Path

import bundles
import pytest
from bundles import Signer

from firmware.errors import Refused
from firmware.upgrade import decision, rauc
from firmware.upgrade.bundle import Bundle
from firmware.upgrade.decision import Allowed, ThisUnit

UNIT = ThisUnit("csyncd-x86_64", "1.2", 64 << 20)
CHECK = bundles.PROJECT / "overlay/usr/libexec/appliance/check-bundle"


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer.make(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def good(signer: Signer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("good")
    return bundles.bundle(bundles.slot(place), place / "good.raucb", signer)


@pytest.fixture(scope="module")
def configuration(signer: Signer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return signer.configuration(tmp_path_factory.mktemp("configuration"))


def refusal(path: Path, configuration: Path) -> str:
    with pytest.raises(Refused) as caught:
        rauc.read(path, configuration)
    return f"{caught.value} ({caught.value.hint})"


def test_a_bundle_says_what_the_slot_says(good: Path, configuration: Path) -> None:
    image = (good.parent / "slot.squashfs").read_bytes()
    found = rauc.read(good, configuration)
    assert found == Bundle("csyncd-x86_64", "1.2.3", (1, 2), 1, len(image), hashlib.sha256(image).hexdigest())


def test_a_bundle_that_was_put_together_anew_is_taken(
    good: Path, configuration: Path, signer: Signer, tmp_path: Path
) -> None:
    """The control of the hostile ones below."""
    payload, manifest = bundles.split(good)
    path = bundles.join(tmp_path / "anew", payload, signer.sign(manifest))
    assert rauc.read(path, configuration).version == "1.2.3"


def test_a_truncated_one_is_refused(good: Path, configuration: Path, tmp_path: Path) -> None:
    data = good.read_bytes()
    for size in (0, 7, 4096, len(data) // 2, len(data) - 1):
        (tmp_path / "short").write_bytes(data[:size])
        assert "it is no bundle, or not all of it" in refusal(tmp_path / "short", configuration)


def test_a_tampered_signature_or_manifest_is_refused(good: Path, configuration: Path, tmp_path: Path) -> None:
    data = bytearray(good.read_bytes())
    at = data.rindex(b"version=1.2.3")
    data[at : at + 13] = b"version=9.2.3"
    (tmp_path / "tampered").write_bytes(data)
    words = refusal(tmp_path / "tampered", configuration)
    assert "signature holds no manifest" in words or "verification failed" in words


def test_an_unsigned_one_is_refused(good: Path, configuration: Path, tmp_path: Path) -> None:
    payload, manifest = bundles.split(good)
    (tmp_path / "bare").write_bytes(payload)
    assert "no signature at its end" in refusal(tmp_path / "bare", configuration)
    bundles.join(tmp_path / "text", payload, manifest.encode())
    assert "holds no manifest" in refusal(tmp_path / "text", configuration)


def test_one_that_somebody_else_has_signed_is_refused(good: Path, configuration: Path, tmp_path: Path) -> None:
    payload, manifest = bundles.split(good)
    other = Signer.make(tmp_path / "other")
    words = refusal(bundles.join(tmp_path / "bundle", payload, other.sign(manifest)), configuration)
    assert "somebody whom this unit does not believe" in words


@pytest.mark.parametrize(
    ("purpose", "start", "end", "words"),
    [
        ("codeSigning", "20200101000000Z", "20210101000000Z", "expired"),
        ("codeSigning", "20900101000000Z", "20910101000000Z", "not yet valid"),
        ("serverAuth", "20200101000000Z", "20900101000000Z", "purpose"),
        ("emailProtection", "20200101000000Z", "20900101000000Z", "purpose"),
    ],
    ids=["expired", "not yet", "of a web server", "of a mail"],
)
def test_a_certificate_that_is_not_for_it_now_signs_nothing(
    purpose: str, start: str, end: str, words: str, good: Path, configuration: Path, signer: Signer, tmp_path: Path
) -> None:
    payload, manifest = bundles.split(good)
    other = signer.issue(f"{purpose}-{start}", purpose=purpose, start=start, end=end)
    assert words in refusal(bundles.join(tmp_path / "bundle", payload, other.sign(manifest)), configuration)


def test_a_certificate_of_the_same_kind_that_is_valid_signs(
    good: Path, configuration: Path, signer: Signer, tmp_path: Path
) -> None:
    payload, manifest = bundles.split(good)
    other = signer.issue("valid", end="20900101000000Z")
    bundles.join(tmp_path / "bundle", payload, other.sign(manifest))
    assert rauc.read(tmp_path / "bundle", configuration).version == "1.2.3"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("filename=slot.squashfs", "filename=../../etc/shadow"),
        ("filename=slot.squashfs", "filename=/dev/vda"),
        ("filename=slot.squashfs", "filename=slot.tar"),
        ("[image.rootfs]", "[hooks]\nfilename=hook\nhooks=install-check\n\n[image.rootfs]"),
        ("[image.rootfs]", "[handler]\nfilename=handler\n\n[image.rootfs]"),
        ("filename=slot.squashfs", "filename=slot.squashfs\nhooks=post-install"),
        ("filename=slot.squashfs", "filename=slot.squashfs\n\n[image.boot]\nfilename=boot.img"),
        ("\nsize=", "\nsize=-"),
        ("[image.rootfs]", "[image.boot]"),
        ("peer-protocols=1-2", "nothing"),
    ],
    ids=["path", "device", "archive", "hook", "handler", "slot hook", "two images", "size", "other slot", "protocols"],
)
def test_what_no_bundle_of_ours_says_is_refused_though_it_is_signed(
    old: str, new: str, good: Path, configuration: Path, signer: Signer, tmp_path: Path
) -> None:
    payload, manifest = bundles.split(good)
    assert old in manifest
    path = bundles.join(tmp_path / "bundle", payload, signer.sign(manifest.replace(old, new, 1)))
    assert "bundle" in refusal(path, configuration)


def test_what_is_no_file_is_refused(tmp_path: Path, configuration: Path) -> None:
    assert "it is no file" in refusal(tmp_path, configuration)
    assert "it is no file" in refusal(Path("/dev/null"), configuration)


def check(place: Path, data: bytes, target: int = 1) -> str:
    """What check-bundle says of a mounted bundle that is for the slot with that number; "" if it takes it."""
    variables = {"RAUC_BUNDLE_MOUNT_POINT": str(place), "RAUC_TARGET_SLOTS": f"{target} ", "IMAGE_SIZE": str(len(data))}
    variables[f"RAUC_IMAGE_DIGEST_{target}"] = hashlib.sha256(data).hexdigest()
    done = subprocess.run([CHECK], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", **variables})
    assert bool(done.returncode) == bool(done.stderr)
    return done.stderr


def test_a_mounted_bundle_holds_one_image_and_nothing_else(tmp_path: Path) -> None:
    image, data = tmp_path / "slot.squashfs", b"an image"
    image.write_bytes(data)
    (tmp_path / "manifest.raucm").touch()
    assert check(tmp_path, data) == ""
    assert "not the one that the manifest names" in check(tmp_path, b"an imagE")
    (tmp_path / ".hidden").symlink_to("/nowhere")
    assert "something else" in check(tmp_path, data)
    (tmp_path / ".hidden").unlink()
    image.rename(tmp_path.parent / "elsewhere")
    image.symlink_to(tmp_path.parent / "elsewhere")
    assert "no regular file" in check(tmp_path, data)
    image.unlink()
    image.mkdir()
    assert "no regular file" in check(tmp_path, data)


@pytest.mark.parametrize("target", [1, 2])
def test_either_slot_takes_the_image_that_the_manifest_names(tmp_path: Path, target: int) -> None:
    """RAUC says its digest under the number of the slot that it is for, whichever of the two that is."""
    (tmp_path / "slot.squashfs").write_bytes(b"an image")
    assert check(tmp_path, b"an image", target) == ""
    assert "not the one that the manifest names" in check(tmp_path, b"an imagE", target)


def test_an_image_that_claims_to_be_as_large_as_no_disk_is_not_even_read(tmp_path: Path) -> None:
    """It would take days. The control: one that is as large as the manifest says is read."""
    with open(tmp_path / "slot.squashfs", "wb") as file:
        file.truncate(8 << 40)
    begun = time.monotonic()
    assert "not as large as the manifest says" in check(tmp_path, b"an image")
    assert time.monotonic() - begun < 10


@pytest.mark.all(but=["signed"])
@pytest.mark.parametrize("is_signed", [True, False], ids=["signed", "by somebody else"])
def test_a_squashfs_that_grows_without_end_is_opened_by_nobody_to_look_at_the_bundle(
    is_signed: bool, signer: Signer, configuration: Path, tmp_path: Path
) -> None:
    """A bomb: 128 MiB of zeros in a few kB. What a manifest says of it is what counts, and only if somebody believed has signed."""
    content = tmp_path / "content"
    content.mkdir()
    with open(content / "slot.squashfs", "wb") as file:
        file.truncate(128 << 20)
    bomb = tmp_path / "bomb.squashfs"
    bundles.run("mksquashfs", content, bomb, "-quiet", "-no-progress", "-noappend", "-all-root")
    assert bomb.stat().st_size < 1 << 20
    place = tmp_path / "small"
    place.mkdir()
    manifest = bundles.split(bundles.bundle(bundles.slot(place), place / "bundle", signer))[1]
    size = next(line for line in manifest.splitlines() if line.startswith("size="))
    forged = manifest.replace(size, f"size={128 << 20}")
    key = signer if is_signed else Signer.make(tmp_path / "keys")
    path = bundles.join(tmp_path / "bundle", bomb.read_bytes() + bytes(32768), key.sign(forged))
    begun = time.monotonic()
    if is_signed:
        with pytest.raises(Refused, match=f"the image has {128 << 20} bytes, and a slot {64 << 20}"):
            decision.require_fit(rauc.read(path, configuration), UNIT, Allowed())
    else:
        assert "somebody whom this unit does not believe" in refusal(path, configuration)
    assert time.monotonic() - begun < 10


@pytest.mark.all(but=["model"])
@pytest.mark.parametrize(
    ("words", "allowed", "said"),
    [
        ({"model": "csyncd-arm"}, Allowed(downgrade=True), "for another model: 'csyncd-arm'"),
        ({"version": "1.0"}, Allowed(other_model=True), "the bundle is not newer: '1.0'; '1.2' runs"),
        ({"version": "1.2.0"}, Allowed(), "the bundle is not newer"),
    ],
    ids=["model", "older", "same"],
)
def test_what_a_good_bundle_must_not_be_is_said_with_the_flag_that_allows_it(
    words: dict[str, str], allowed: Allowed, said: str, signer: Signer, configuration: Path, tmp_path: Path
) -> None:
    path = bundles.bundle(bundles.slot(tmp_path, **words), tmp_path / "bundle", signer)  # type: ignore[arg-type]
    with pytest.raises(Refused, match=said) as raised:
        decision.require_fit(rauc.read(path, configuration), UNIT, allowed)
    assert "installs it all the same" in raised.value.hint
    decision.require_fit(rauc.read(path, configuration), UNIT, Allowed(True, True, True))
