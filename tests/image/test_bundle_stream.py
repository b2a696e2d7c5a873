"""A bundle that stays on its server because memory has no room for it: its image goes into the slot as it comes, and nothing that
was not signed does. RAUC itself made the bundle; the slot is a file."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import bundles
import pytest
from bundles import Signer
from web_server import Site, serve

from firmware.errors import Failure, Refused
from firmware.flows import switch_slot, upgrade
from firmware.upgrade import download, rauc, remote, slots, spool
from firmware.upgrade.bundle import Bundle

pytestmark = pytest.mark.root
SIZE, BEFORE = 3 << 20, b"what was there before" * 200_000


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer.make(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def good(signer: Signer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("good")
    return bundles.bundle(bundles.slot(place, size=SIZE), place / "good.raucb", signer)


class Unit:
    """One with a slot in a file, that fetches from a site."""

    def __init__(self, place: Path, configuration: Path, site: Site) -> None:
        self.device, self.configuration, self.site, self.is_touched = place / "slot-b", configuration, site, False
        self.device.write_bytes(BEFORE)

    def fetch(self, how: str = "whole") -> tuple[Path, Bundle]:
        """Its end is here then."""
        source = download.find(f"{self.site.url}/{how}/bundle")
        end = spool.keep_end(remote.read_end(source), source.size or 0, 64 << 20, source.address.text)
        return end, rauc.read(end, self.configuration)

    def stream(self, end: Path, bundle: Bundle) -> None:
        """As `flows.upgrade.install` does it, and read back."""
        upgrade.stream_slot(end, spool.address(), "b", bundle)
        upgrade.require_written(self.device, bundle)


@pytest.fixture
def unit(good: Path, signer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Unit]:
    with ExitStack() as stack:
        site = stack.enter_context(serve({"bundle": good.read_bytes()}))
        made = Unit(tmp_path, signer.configuration(tmp_path), site)
        monkeypatch.setattr(spool, "PLACE", tmp_path / "spool")
        monkeypatch.setattr(slots, "device", lambda _: made.device)
        monkeypatch.setattr(switch_slot, "mark_bad", lambda _: setattr(made, "is_touched", True))
        monkeypatch.setattr(download, "PAUSE", 0.0)
        stack.callback(spool.discard)
        yield made


def image(good: Path) -> bytes:
    return (good.parent / "slot.squashfs").read_bytes()


@pytest.mark.all(but=["breaks"])
@pytest.mark.parametrize("how", ["whole", "breaks", "longer"])
def test_the_image_is_written_as_it_comes(how: str, unit: Unit, good: Path) -> None:
    """Though the connection breaks, and though the server sends more than was asked for. Only the end of the bundle takes memory."""
    end, bundle = unit.fetch(how)
    assert end.stat().st_size == good.stat().st_size and end.stat().st_blocks * 512 < 256 << 10
    unit.stream(end, bundle)
    assert unit.device.read_bytes() == image(good) + BEFORE[bundle.size :]
    assert unit.is_touched


def test_what_is_not_as_it_was_signed_never_reaches_the_slot(unit: Unit, good: Path) -> None:
    """A bit in the first block and in the tree of digests: nothing is touched. Later on: what stands before it is written, and
    nothing of it or behind it."""
    data, (end, bundle) = good.read_bytes(), unit.fetch()
    tree = len(bundles.split(good)[0]) - 4096
    for at in (50, 4000, tree):
        unit.site.files["bundle"] = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(Refused, match="a block is not what the signature vouches for"):
            unit.stream(end, bundle)
        assert unit.device.read_bytes() == BEFORE and not unit.is_touched
    at = 2 << 20
    unit.site.files["bundle"] = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    with pytest.raises(Failure, match="slot b was not written whole: a block is not what the signature vouches for"):
        unit.stream(end, bundle)
    written = unit.device.read_bytes()
    assert unit.is_touched and written[at:] == BEFORE[at:]
    unit.site.files["bundle"] = data
    unit.stream(end, bundle)


def test_another_bundle_at_the_same_address_is_refused_before_anything_is_touched(
    unit: Unit, good: Path, signer: Signer, tmp_path: Path
) -> None:
    """Though it is signed as well: what was looked at is what is installed."""
    end, bundle = unit.fetch()
    other = bundles.bundle(bundles.slot(tmp_path, size=SIZE, version="6.6.6"), tmp_path / "other.raucb", signer)
    for data in (other.read_bytes(), good.read_bytes()[:-4096], b"<html>moved</html>"):
        unit.site.files["bundle"] = data
        with pytest.raises(Refused):
            unit.stream(end, bundle)
        assert unit.device.read_bytes() == BEFORE and not unit.is_touched


@pytest.mark.all(but=["tree too large"])
@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("verity-size=", "verity-size=99999999", r"claims \d+ bytes of digests"),
        ("verity-size=", "verity-size=0", "checked with"),
        ("verity-salt=", "verity-salt=00", "checked with"),
        ("verity-hash=", "verity-hash=zz", "checked with"),
        ("\nsize=", "\nsize=9", "the image has 9"),
    ],
    ids=["tree too large", "no tree", "salt", "hash", "image too large"],
)
def test_sizes_that_a_signed_manifest_only_claims_are_refused(
    old: str, new: str, words: str, unit: Unit, good: Path, signer: Signer, tmp_path: Path
) -> None:
    payload, manifest = bundles.split(good)
    forged = signer.sign(manifest.replace(old, new, 1))
    unit.site.files["bundle"] = bundles.join(tmp_path / "forged", payload, forged).read_bytes()
    with pytest.raises(Refused, match=f"{words}|not taken"):
        unit.stream(*unit.fetch())
    assert unit.device.read_bytes() == BEFORE and not unit.is_touched


def test_a_server_that_is_gone_in_the_middle_leaves_a_slot_that_is_not_started(
    unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a second attempt works."""
    end, bundle = unit.fetch()
    plain = download.pieces

    def gone(source: download.Download, at: int = 0, size: int | None = None, **words: float) -> Iterator[bytes]:
        for number, piece in enumerate(plain(source, at, size, **words)):
            if at == 0 and number == 6:
                raise Failure("http://server: Connection refused")
            yield piece

    monkeypatch.setattr(download, "pieces", gone)
    with pytest.raises(Failure, match="slot b was not written whole: http://server: Connection refused") as raised:
        unit.stream(end, bundle)
    assert "slot a goes on as it is" in raised.value.hint and unit.is_touched
    monkeypatch.setattr(download, "pieces", plain)
    unit.stream(end, bundle)


@pytest.mark.all
def test_the_memory_that_it_takes_does_not_grow_with_the_bundle(signer: Signer, tmp_path: Path) -> None:
    """Of two bundles, one eight times as large, the larger one takes at most 4 MB more."""
    peaks = []
    for size in (8 << 20, 64 << 20):
        place = tmp_path / str(size)
        place.mkdir()
        made = bundles.bundle(bundles.slot(place, size=size), place / "bundle.raucb", signer)
        peaks.append(peak_of_streaming(made, place))
    assert peaks[1] - peaks[0] < 4096, peaks


def peak_of_streaming(path: Path, place: Path) -> int:
    """In kB, of a process of its own."""
    (place / "slot-b").touch()
    script = f"""
from pathlib import Path
from firmware.upgrade import bundle, download, remote
source = download.find(URL)
end = Path({str(place / "end")!r})
with open(end, "wb") as file:
    file.truncate(source.size)
    last = remote.read_end(source)
    file.seek(-len(last), 2)
    file.write(last)
found = bundle.parse_manifest(bundle.read_manifest(end))
remote.write(end, URL, found, Path({str(place / "slot-b")!r}), lambda: None)
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
    with serve({"bundle": path.read_bytes()}) as site:
        words = [sys.executable, "-c", script.replace("URL", json.dumps(f"{site.url}/whole/bundle"))]
        done = subprocess.run(words, capture_output=True, text=True, cwd=bundles.PROJECT)
    assert done.returncode == 0, done.stderr
    assert (place / "slot-b").read_bytes() == (place / "slot.squashfs").read_bytes()
    return int(done.stdout)
