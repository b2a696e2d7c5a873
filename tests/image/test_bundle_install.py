"""Bundles on a unit: what is hostile is refused before a slot or the record is touched; what is interrupted can be repeated.

The bundles are small: their image is no system, and nobody starts it. test_upgrade.py installs a whole one.
"""

import http.client
import json
import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import bundles
import pytest
import unit_slots
from bundles import Signer
from lab_driver import Lab, Result, eventually

pytestmark = pytest.mark.all

KEYS = bundles.PROJECT / "build/keys"
LOOK = "upgrade status --json | grep -v '\"time\"' && openssl dgst -sha256 /dev/disk/by-partlabel/slot-b"


@pytest.fixture(scope="module")
def unit(image: Path, worker_labs: Path) -> Iterator[Lab]:
    """One unit; what is in its other slot is nothing to count on."""
    lab = Lab(worker_labs / "bundles", kind="qemu")
    try:
        lab.up(1)
        yield lab
    finally:
        lab.down()


@pytest.fixture(scope="module")
def signer() -> Signer:
    """Whom the unit believes: what its image was built with."""
    return Signer(KEYS)


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes bundles of small images in a directory."""

    place: Path
    signer: Signer

    def make(self, name: str, *, size: int = 1 << 18, **words: str) -> Path:
        place = self.place / name
        place.mkdir()
        return bundles.bundle(bundles.slot(place, size=size, **words), place / "bundle.raucb", self.signer)


@pytest.fixture
def maker(tmp_path: Path, signer: Signer) -> Maker:
    return Maker(tmp_path, signer)


@contextmanager
def brought(unit: Lab, bundle: Path | bytes) -> Iterator[str]:
    """A bundle in the memory of the unit, and where. It is taken away afterwards: a unit has not much."""
    place = "/tmp/bundle.raucb"
    unit.write(1, place, bundle if isinstance(bundle, bytes) else bundle.read_bytes())
    try:
        yield place
    finally:
        unit.run(1, "rm", place)


def install(unit: Lab, bundle: Path | bytes, *flags: str) -> Result:
    with brought(unit, bundle) as place:
        return unit.run(1, "upgrade", "install", *flags, place, check=False)


def refuse(unit: Lab, bundle: Path | bytes, words: str, *flags: str) -> None:
    """It is refused with these words, and slot and record are what they were."""
    before = unit.run(1, "sh", "-c", LOOK).stdout
    done = install(unit, bundle, *flags)
    assert (done.status, words in done.stderr) == (3, True), done.stderr
    assert unit.run(1, "sh", "-c", LOOK).stdout == before
    assert unit.run(1, "sh", "-c", "mount | grep -c /run/firmware/upgrade", check=False).stdout == "0\n"


def test_what_is_not_whole_is_refused_before_anything_is_touched(unit: Lab, maker: Maker) -> None:
    """A byte of the image, of the tree of digests; a piece out of the middle."""
    good = maker.make("good", size=1 << 20).read_bytes()
    for at in (len(good) // 2, len(good) - 8192):
        refuse(unit, good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :], "not installed")
    refuse(unit, good[:65536] + good[69632:], "not installed")


def test_what_somebody_signed_who_is_not_believed_is_refused(unit: Lab, tmp_path: Path) -> None:
    other = Signer.make(tmp_path / "keys")
    refuse(unit, Maker(tmp_path, other).make("foreign", version="9.0.0"), "somebody whom this unit does not believe")


def test_links_devices_and_more_files_are_refused_though_they_are_signed(
    unit: Lab, signer: Signer, tmp_path: Path
) -> None:
    def pack(name: str, fill: Callable[[Path], object]) -> Path:
        content = tmp_path / name / "content"
        content.mkdir(parents=True)
        (content / "manifest.raucm").write_text(
            "[update]\ncompatible=csyncd-x86_64\nversion=9.0.0\ndescription=peer-protocols=1-2 config-format=1\n\n"
            "[bundle]\nformat=verity\n\n[image.rootfs]\nfilename=slot.squashfs\n"
        )
        fill(content)
        (content / "padding").write_bytes(os.urandom(8192))
        path = content.parent / "bundle.raucb"
        keys = (f"--cert={signer.place}/signer.pem", f"--key={signer.place}/signer.key")
        bundles.run("rauc", *keys, "bundle", content, path)
        return path

    def link(content: Path) -> None:
        (content / "slot.squashfs").symlink_to("/etc/passwd")

    def more(content: Path) -> None:
        (content / "slot.squashfs").write_bytes(b"hsqs" + bytes(65536))
        os.mknod(content / "device", 0o660 | 0o060000, os.makedev(254, 0))

    refuse(unit, pack("link", link), "no regular file")
    refuse(unit, pack("more", more), "something else than an image")


def test_other_models_and_older_versions_need_their_flags(unit: Lab, maker: Maker) -> None:
    refuse(unit, maker.make("model", version="9.0.0", model="csyncd-arm"), "--other-model", "--downgrade")
    refuse(unit, maker.make("older", version="0.0.1"), "--downgrade", "--other-model")


def test_an_image_larger_than_a_slot_is_refused(unit: Lab, maker: Maker, signer: Signer, tmp_path: Path) -> None:
    payload, manifest = bundles.split(maker.make("large", version="9.0.0"))
    lines = ["size=999999999" if line.startswith("size=") else line for line in manifest.splitlines()]
    path = bundles.join(tmp_path / "large.raucb", payload, signer.sign("\n".join(lines) + "\n"))
    refuse(unit, path, "the image has 999999999 bytes")


def test_the_version_that_runs_is_skipped(unit: Lab, maker: Maker) -> None:
    version = json.loads(unit.run(1, "upgrade", "status", "--json").stdout)["slots"][0]["version"]
    done = install(unit, maker.make("same", version=version))
    assert done.status == 0 and f"{version} runs already" in done.stdout


def test_an_installation_that_is_killed_can_be_repeated(unit: Lab, maker: Maker) -> None:
    """Killed with all that it has started, while the bundle is mounted."""
    script = """
    setsid upgrade install /tmp/bundle.raucb & pid=$!
    until mountpoint -q /run/firmware/upgrade/bundle; do kill -0 $pid || exit 1; done
    kill -9 -$pid $(pidof rauc)
    wait $pid
    mountpoint -q /run/firmware/upgrade/bundle && echo killed
    """
    with brought(unit, maker.make("killed", version="9.0.0", size=16 << 20)) as place:
        assert "killed" in unit.run(1, "sh", "-c", script, check=False).stdout
        done = unit.run(1, "upgrade", "install", place)
    assert "9.0.0 is in slot b" in done.stdout
    status = json.loads(unit.run(1, "upgrade", "status", "--json").stdout)
    assert [slot["next"] for slot in status["slots"]] == [False, True]
    left = "mount | grep -c /run/firmware/upgrade; ls /sys/block | grep -c dm-; cat /sys/block/loop*/loop/backing_file"
    assert unit.run(1, "sh", "-c", left, check=False).stdout == "0\n0\n"


@pytest.fixture(scope="module")
def api(unit: Lab) -> "Api":
    """An administrator's program at the web UI of the unit. Each token has a session, which takes a tenth of its memory."""
    return Api(unit)


class Api:
    """An administrator's program at the web UI of a unit."""

    def __init__(self, unit: Lab) -> None:
        self.port = json.loads(unit.nodes("ports", "1").stdout)["wui"]
        unit.run(1, "sh", "-c", "account list | grep -q ^upgrader || echo a-long-password-1 | account add upgrader")
        self.token = unit.run(1, "account", "token", "upgrader").stdout.split()[-1]
        assert eventually(lambda: self.ask("GET", "/upgrade")[0] == 200, 120), (
            "its session takes long to load on a busy machine"
        )

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, object]]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=120, context=context)
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        data = body if isinstance(body, bytes) else json.dumps(body) if body is not None else None
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        with suppress(OSError):  # it may answer, and end the connection, before it has all of a long body
            connection.request(method, f"/api/v1{path}", data, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")


def test_a_bundle_comes_through_the_web_ui(api: "Api", maker: Maker) -> None:
    good = maker.make("web", version="9.1.0").read_bytes()
    status, problem = api.ask("PUT", "/upgrade/bundle", good[:-1])
    assert status >= 400 and "no bundle, or not all of it" in str(problem["detail"])
    assert api.ask("GET", "/upgrade/bundle")[1]["bundle"] is None
    status, found = api.ask("PUT", "/upgrade/bundle", good)
    assert status == 200 and found["bundle"]["version"] == "9.1.0"  # type: ignore[index]
    status, problem = api.ask("POST", "/upgrade/install", {"sha256": "0" * 64})
    assert status == 409 and "another bundle waits now, version 9.1.0" in str(problem["detail"])
    status, done = api.ask("POST", "/upgrade/install", {"sha256": found["bundle"]["sha256"]})  # type: ignore[index]
    assert (status, done["version"], done["slot"]) == (200, "9.1.0", "b")
    assert api.ask("GET", "/upgrade/bundle")[1]["bundle"] is None
    status, found = api.ask("GET", "/upgrade")
    assert status == 200 and found["slots"][1]["version"] == "9.1.0"  # type: ignore[index]


@contextmanager
def filled(unit: Lab, megabytes: int) -> Iterator[None]:
    """So much of the memory is taken by something else."""
    fill = f"dd if=/dev/zero of=/run/fill/file bs=1M count={megabytes} 2>/dev/null"
    unit.run(1, "sh", "-c", f"mkdir /run/fill && mount -t tmpfs -o size={megabytes}m fill /run/fill && {fill}")
    try:
        yield
    finally:
        unit.run(1, "umount", "/run/fill")


def test_a_whole_system_is_installed_in_the_web_ui_where_memory_just_has_room_for_it(
    unit: Lab, api: "Api", tmp_path: Path
) -> None:
    """What is left beside it is enough for the web UI, the session, and whatever is run to install it. What a unit has free goes
    up and down by a few megabytes by itself."""
    whole = unit_slots.other_bundle("9.9.9", tmp_path / "whole").read_bytes()
    room = int(str(api.ask("GET", "/upgrade")[1]["room"])) - len(whole) - (6 << 20)
    with filled(unit, max(1, room >> 20)):
        status, found = api.ask("PUT", "/upgrade/bundle", whole)
        assert status == 200 and found["bundle"]["size"] > 50 << 20, found  # type: ignore[index]
        status, done = api.ask("POST", "/upgrade/install", {"sha256": found["bundle"]["sha256"]})  # type: ignore[index]
        assert (status, done["version"], done["slot"]) == (200, "9.9.9", "b")


def test_more_than_any_bundle_is_refused_and_its_memory_given_back(unit: Lab, api: "Api") -> None:
    """Who goes on sending may not get to hear why."""
    with suppress(OSError, http.client.HTTPException):
        status, problem = api.ask("PUT", "/upgrade/bundle", bytes(90 << 20))
        assert status >= 400 and "bytes" in str(problem["detail"])
    assert eventually(lambda: "spool" not in unit.read(1, "/proc/mounts"))
    status, found = api.ask("GET", "/upgrade")
    assert status == 200 and int(str(found["room"])) <= int(str(found["largest"])) < 90 << 20


SERVER = """
import http.server, os, re, sys
data = open(sys.argv[1], 'rb').read()
class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked = re.fullmatch(r'bytes=(\\d+)-(\\d*)', self.headers['Range'] or '')
        at, end = (int(asked[1]), min(int(asked[2] or len(data)) + 1, len(data))) if asked else (0, len(data))
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header('Content-Range', f'bytes {at}-{end - 1}/{len(data)}')
        self.send_header('Content-Length', str(end - at))
        self.end_headers()
        self.wfile.write(data[at:end][:len(data) // 2] if self.path == '/breaks' else data[at:end])
server = http.server.HTTPServer(('127.0.0.1', 8000), Server)
print(os.getpid(), flush=True)
server.serve_forever()
"""
#: a unit that has no memory for any bundle
STREAM = """
import sys
from firmware.upgrade import spool
spool.RESERVE = 1 << 40
from firmware.__main__ import run_program
sys.exit(run_program("upgrade", ["install", sys.argv[1]]))
"""


@contextmanager
def served(unit: Lab, bundle: Path) -> Iterator[str]:
    """A web server on the unit itself, and the address of a bundle."""
    unit.write(1, "/tmp/served", bundle.read_bytes())
    unit.write(1, "/tmp/server.py", SERVER)
    server = unit.start(1, "/usr/bin/python3", "/tmp/server.py", "/tmp/served")
    assert server.stdout
    pid = server.stdout.readline().decode().strip()
    try:
        yield "http://127.0.0.1:8000/breaks"
    finally:
        unit.run(1, "kill", pid)
        server.wait()
        unit.run(1, "rm", "/tmp/served", "/tmp/server.py")


def test_a_bundle_comes_from_an_address_though_the_connection_breaks(unit: Lab, maker: Maker) -> None:
    with served(unit, maker.make("served", version="9.2.0", size=1 << 20)) as url:
        assert "9.2.0 is in slot b" in unit.run(1, "upgrade", "install", url).stdout
        assert "spool" not in unit.read(1, "/proc/mounts")


def test_a_bundle_that_memory_has_no_room_for_streams_into_the_slot(unit: Lab, maker: Maker) -> None:
    unit.write(1, "/tmp/stream.py", STREAM.encode())
    with served(unit, maker.make("streamed", version="9.3.0", size=8 << 20)) as url:
        done = unit.run(1, "/usr/bin/python3", "/tmp/stream.py", url)
        assert "writing slot b as it comes" in done.stderr and "9.3.0 is in slot b" in done.stdout
        assert "spool" not in unit.read(1, "/proc/mounts")
        status = json.loads(unit.run(1, "upgrade", "status", "--json").stdout)
        assert (status["slots"][1]["version"], status["slots"][1]["state"]) == ("9.3.0", "on trial")


def test_what_streams_and_is_damaged_is_refused_before_the_slot_is_touched(unit: Lab, maker: Maker) -> None:
    """It is the first block that is wrong. Later ones are tried on the host."""
    good = maker.make("damaged", version="9.4.0", size=1 << 20)
    data = good.read_bytes()
    good.write_bytes(data[:200] + bytes([data[200] ^ 1]) + data[201:])
    unit.write(1, "/tmp/stream.py", STREAM.encode())
    before = unit.run(1, "sh", "-c", LOOK).stdout
    with served(unit, good) as url:
        done = unit.run(1, "/usr/bin/python3", "/tmp/stream.py", url, check=False)
    assert (done.status, "not what the signature vouches for" in done.stderr) == (3, True), done.stderr
    assert unit.run(1, "sh", "-c", LOOK).stdout == before
