"""A bundle on its way into a slot: what the peer's versions have to do with it, and whether memory has room for it."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from errno import ENOSPC
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from web_server import Site, serve

from firmware.errors import Busy, Failure, Refused, Usage
from firmware.flows import switch_slot, upgrade
from firmware.locks import hold
from firmware.operations import peer, upgrade_install
from firmware.sync.audit import Who
from firmware.upgrade import decision, download, rauc, slots, spool
from firmware.upgrade.bundle import Bundle
from firmware.upgrade.decision import Allowed

WHO, DATA = Who("root"), b"a bundle " * 30_000
BUNDLE = Bundle("csyncd-x86_64", "9.0", (5, 6), 1, 1000, "0" * 64)


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A unit with its slots in files; what was written into the other one, and how."""
    said: list[str] = []
    (tmp_path / "slot-b").write_bytes(bytes(1 << 20))
    monkeypatch.setattr(slots, "require_slots", lambda: "a")
    monkeypatch.setattr(slots, "device", lambda slot: tmp_path / f"slot-{slot}")
    monkeypatch.setattr(spool, "PLACE", tmp_path / "spool")
    monkeypatch.setattr(upgrade, "OTHER_SLOT", tmp_path / "OTHER_SLOT")
    for module in (upgrade, switch_slot):
        monkeypatch.setattr(module, "NEXT_SLOT", tmp_path / "NEXT_SLOT")
    monkeypatch.setattr(upgrade_install, "UPGRADE", tmp_path / "UPGRADE")
    monkeypatch.setattr(switch_slot, "require_proved", lambda: None)
    monkeypatch.setattr(switch_slot, "set_primary", lambda slot, keep_link: said.append(f"primary {slot} {keep_link}"))
    monkeypatch.setattr(rauc, "read", lambda path: BUNDLE)
    monkeypatch.setattr(rauc, "model", lambda: "csyncd-x86_64")
    monkeypatch.setattr(upgrade.audit, "note", lambda *_, **__: None)
    monkeypatch.setattr(upgrade, "write_slot", lambda path, *_, **__: said.append(f"whole {path.stat().st_size}"))
    monkeypatch.setattr(upgrade, "stream_slot", lambda end, address, *_: said.append(f"streams from {address}"))
    monkeypatch.setattr(upgrade, "require_written", lambda *_: None)
    yield said
    spool.discard()


def set_peer(monkeypatch: pytest.MonkeyPatch, version: str | None, protocols: tuple[int, int] | None) -> None:
    answer: Any = SimpleNamespace(peer={"version": version, "protocols": protocols})
    monkeypatch.setattr(peer, "status", lambda: answer)


def install(source: str, allowed: Allowed = Allowed(), said: list[str] | None = None) -> upgrade.Installed:  # noqa: B008
    return upgrade_install.install(source, allowed, who=WHO, tell=(said if said is not None else []).append)


def test_an_upgrade_says_that_the_peer_has_another_version(
    written: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "bundle").write_bytes(DATA)
    set_peer(monkeypatch, "8.0", (4, 5))
    (note,) = install(str(tmp_path / "bundle")).notes
    assert "the peer runs 8.0: upgrade it, too" in note
    set_peer(monkeypatch, "9.0", (5, 6))
    assert install(str(tmp_path / "bundle")).notes == ()
    set_peer(monkeypatch, None, None)
    assert install(str(tmp_path / "bundle")).notes == ()
    assert len(written) == 6


def test_a_bundle_that_could_not_talk_to_the_peer_is_refused_unless_it_is_allowed(
    written: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The link is then no longer what the new slot has to bring back."""
    (tmp_path / "bundle").write_bytes(DATA)
    set_peer(monkeypatch, "0.1.0", (1, 4))
    with pytest.raises(
        Refused, match="speaks protocol 5 to 6 with a peer, and the peer 1 to 4: the two could not sync"
    ):
        install(str(tmp_path / "bundle"))
    assert written == []
    install(str(tmp_path / "bundle"), Allowed(other_protocols=True))
    assert written == [f"whole {len(DATA)}", "primary b False"]


def test_a_peer_that_does_not_answer_is_in_nobodys_way(
    written: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail() -> None:
        raise Failure("csyncd does not run")

    monkeypatch.setattr(peer, "status", fail)
    (tmp_path / "bundle").write_bytes(DATA)
    assert install(str(tmp_path / "bundle")).notes == ()
    assert decision.is_newer(BUNDLE.version, "0.1.0")


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    set_peer(monkeypatch, None, None)
    with serve({"bundle": DATA}) as made:
        yield made


@pytest.mark.root
@pytest.mark.parametrize(
    ("free", "how", "wanted"),
    [(1 << 30, "whole", "whole"), (1000, "whole", "streams from"), (1 << 30, "stubborn", "whole")],
    ids=["room", "no room", "room, no parts"],
)
def test_what_memory_has_no_room_for_streams(
    free: int, how: str, wanted: str, written: list[str], site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "free_memory", lambda: free)
    install(f"{site.url}/{how}/bundle")
    assert written[0].startswith(wanted) and written[1] == "primary b True"
    assert not spool.path()


@pytest.mark.root
def test_a_server_that_sends_no_parts_is_no_help_where_there_is_no_room(
    written: list[str], site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "free_memory", lambda: 1000)
    with pytest.raises(Refused, match=f"it has {len(DATA)} bytes, and 1000 bytes of memory are free for it") as raised:
        install(f"{site.url}/stubborn/bundle")
    assert "a web server that sends parts" in raised.value.hint
    assert written == []


@pytest.mark.root
def test_one_that_waits_streams_when_it_is_installed(
    written: list[str], site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "free_memory", lambda: 1000)
    url = f"{site.url}/whole/bundle"
    assert upgrade_install.fetch(url, who=WHO).address == upgrade_install.waiting().address == url
    upgrade_install.install_waiting(Allowed(), BUNDLE.sha256, who=WHO)
    assert written == [f"streams from {url}", "primary b True"]
    assert upgrade_install.waiting().bundle is None


@pytest.mark.root
def test_what_waits_shows_no_secret_of_its_address(
    written: list[str], site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is used all the same: who streams it asks with all of it."""
    monkeypatch.setattr(spool, "free_memory", lambda: 1000)
    secret = site.url.replace("//", "//me:s3cret@") + "/whole/bundle?token=s3cret"
    for found in (upgrade_install.fetch(secret, who=WHO), upgrade_install.waiting()):
        assert found.address == f"{site.url}/whole/bundle" and found.bundle == BUNDLE
    upgrade_install.install_waiting(Allowed(), BUNDLE.sha256, who=WHO)
    assert written[0] == f"streams from {secret}"


def another(monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """What comes from now on is this one."""
    found = replace(BUNDLE, version="9.1", sha256="1" * 64)
    monkeypatch.setattr(rauc, "read", lambda path: found)
    return found


@pytest.mark.root
def test_only_the_bundle_that_was_looked_at_is_installed(
    written: list[str], site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else brings another one meanwhile, or takes it away."""
    mine = upgrade_install.receive([DATA], who=WHO).bundle
    other = another(monkeypatch)
    upgrade_install.receive([DATA], who=WHO)
    assert mine is not None and upgrade_install.waiting().bundle == other
    with pytest.raises(Refused, match=r"another bundle waits now, version 9\.1") as raised:
        upgrade_install.install_waiting(Allowed(downgrade=True), mine.sha256, who=WHO)
    assert raised.value.status == 3 and written == [] and upgrade_install.waiting().bundle == other
    upgrade_install.install_waiting(Allowed(), other.sha256, who=WHO)
    with pytest.raises(Refused, match="no bundle waits"):
        upgrade_install.install_waiting(Allowed(), other.sha256, who=WHO)
    assert written == [f"whole {len(DATA)}", "primary b True"]


@pytest.mark.root
@pytest.mark.parametrize("moment", ["fetch", "peer", "install"])
def test_from_the_first_byte_to_the_last_nobody_else_gets_or_installs_a_bundle(
    moment: str, written: list[str], site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is told so, and loses nothing: the bundle is there that was fetched, with the flags that go with it. What is still
    on its way can be called off, though."""
    told: list[str] = []

    def others() -> None:
        for act in (
            lambda: install(f"{site.url}/whole/bundle", Allowed(downgrade=True)),
            lambda: install("/nowhere"),
            lambda: upgrade_install.fetch(f"{site.url}/whole/bundle", who=WHO),
            lambda: upgrade_install.receive([b"x"], who=WHO),
            lambda: upgrade_install.install_waiting(Allowed(), BUNDLE.sha256, who=WHO),
            lambda: upgrade_install.discard(who=WHO) if moment != "fetch" else upgrade_install.receive([b"x"], who=WHO),
        ):
            with pytest.raises(Busy, match="another bundle is being fetched or installed") as raised:
                act()
            told.append(f"{raised.value.status} {raised.value.hint}")
        assert upgrade_install.waiting().bundle is None and upgrade_install.largest_bundle()

    where = {"fetch": (spool, "receive"), "peer": (peer, "status"), "install": (upgrade, "write_slot")}[moment]
    plain = getattr(*where)
    monkeypatch.setattr(*where, lambda *words, **named: (others(), plain(*words, **named))[1])
    install(f"{site.url}/whole/bundle")
    assert told == ["3 try again when it is done"] * 6
    assert written == [f"whole {len(DATA)}", "primary b True"]


@pytest.mark.parametrize("moment", ["require_proved", "set_primary"])
def test_who_installs_and_who_goes_back_exclude_each_other(
    moment: str, written: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the question whether it may be to the end."""
    set_peer(monkeypatch, None, None)
    (tmp_path / "bundle").write_bytes(DATA)

    def go_back(*_: object, **__: object) -> None:
        with pytest.raises(Busy, match="a bundle is being installed"):
            switch_slot.go_back(who=WHO, force=True)
        written.append("refused")

    monkeypatch.setattr(switch_slot, moment, go_back)
    install(str(tmp_path / "bundle"))
    assert "refused" in written
    with hold(switch_slot.NEXT_SLOT), pytest.raises(Busy, match="somebody has asked for the other slot"):
        install(str(tmp_path / "bundle"))


@pytest.mark.root
def test_what_was_killed_on_its_way_takes_no_memory_for_long(
    written: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who looks takes it away, and so does who installs another one, which takes memory, too."""
    set_peer(monkeypatch, None, None)
    (tmp_path / "bundle").write_bytes(DATA)
    for act in (upgrade_install.largest_bundle, lambda: install(str(tmp_path / "bundle"))):
        spool.receive([DATA], 1 << 20)
        assert spool.is_abandoned() and upgrade_install.waiting().bundle is None
        act()
        assert spool.path() is None
    upgrade_install.receive([DATA], who=WHO)
    upgrade_install.largest_bundle()
    assert upgrade_install.waiting().bundle == BUNDLE and not spool.is_abandoned()


@pytest.mark.root
def test_what_was_killed_while_it_was_installed_is_in_nobodys_way(
    written: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RAUC has it mounted then, wherever it lies; and memory cannot be had back from under it."""
    set_peer(monkeypatch, None, None)
    (tmp_path / "source").write_bytes(DATA)
    discard = partial(upgrade_install.discard, who=WHO)
    for act in (upgrade_install.largest_bundle, discard, lambda: install(str(tmp_path / "source"))):
        spool.receive([DATA], 1 << 20)
        leave_mounted(spool.PLACE / "image", tmp_path / "bundle")
        act()
        assert not (tmp_path / "bundle").exists() and spool.path() is None
    leave_mounted(tmp_path / "image", tmp_path / "bundle")
    install(str(tmp_path / "source"))
    assert not (tmp_path / "bundle").exists()


def await_state(is_there: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not is_there():
        assert time.monotonic() < end, "it does not come to that"
        time.sleep(0.01)


def require_nothing_left(waiting: Bundle | None = None) -> None:
    """Neither below /run nor in memory; and nobody holds the lock."""
    assert upgrade_install.waiting().bundle == waiting and spool.is_called_off()
    assert spool.PLACE.is_mount() is (waiting is not None)
    upgrade_install.receive([DATA], who=WHO)
    assert upgrade_install.waiting().bundle == BUNDLE


@pytest.mark.root
@pytest.mark.all(but=["silent"])
@pytest.mark.parametrize("how", ["silent", "slow", "away"])
def test_a_fetch_ends_as_soon_as_somebody_calls_it_off(
    how: str, written: list[str], site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While nothing comes, while it comes byte by byte, and while the server asks to be left alone."""
    site.retry_after = "60"
    with ThreadPoolExecutor(1) as other:
        fetched = other.submit(upgrade_install.fetch, f"{site.url}/{how}/bundle", who=WHO)
        await_state(lambda: len(site.asked) > (how == "slow"))
        upgrade_install.discard(who=WHO)
        with pytest.raises(Refused, match=rf"{how}/bundle: it is not fetched any more: somebody has called it off"):
            fetched.result(30)
    require_nothing_left()


def connections_begun(port: int) -> int:
    """How many here wait for a connection to that port."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        return sum(f":{port:04X} 02 " in line for line in table)


@pytest.mark.root
def test_nor_is_a_server_waited_for_that_takes_no_connection(written: list[str]) -> None:
    with ExitStack() as held, ThreadPoolExecutor(1) as other:
        server = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = server.getsockname()[1]
        for _ in range(4):
            client = held.enter_context(closing(socket.socket()))
            client.setblocking(False)
            with suppress(BlockingIOError):
                client.connect(("127.0.0.1", port))
        await_state(lambda: connections_begun(port) > 0)
        before = connections_begun(port)
        fetched = other.submit(upgrade_install.fetch, f"http://127.0.0.1:{port}/bundle", who=WHO)
        await_state(lambda: connections_begun(port) > before)
        upgrade_install.discard(who=WHO)
        with pytest.raises(Refused, match="somebody has called it off"):
            fetched.result(30)
    require_nothing_left()


@pytest.mark.root
def test_an_upload_is_called_off_like_a_fetch_and_an_installation_is_not(
    written: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def pieces() -> Iterator[bytes]:
        yield DATA
        assert spool.call_off()
        yield DATA

    with pytest.raises(Refused, match="it is not taken any more: somebody has called it off"):
        upgrade_install.receive(pieces(), who=WHO)
    require_nothing_left()
    (tmp_path / "bundle").write_bytes(DATA)
    set_peer(monkeypatch, None, None)
    told: list[str] = []

    def write(*_: object, **__: object) -> None:
        with pytest.raises(Busy, match="another bundle is being fetched or installed"):
            upgrade_install.discard(who=WHO)
        told.append("busy")

    monkeypatch.setattr(upgrade, "write_slot", write)
    assert install(str(tmp_path / "bundle")).result == "installed" and told == ["busy"]


@pytest.mark.root
def test_who_interrupts_a_fetch_at_the_terminal_leaves_nothing(
    written: list[str], site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> Iterator[bytes]:
        yield DATA
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "pieces", interrupt)
    with pytest.raises(KeyboardInterrupt):
        install(f"{site.url}/whole/bundle")
    assert written == []
    require_nothing_left()


def leave_mounted(image: Path, place: Path) -> None:
    place.mkdir()
    for command in (
        ["truncate", "-s", "1M", image],
        ["mkfs.ext4", "-q", image],
        ["mount", "-o", "loop,ro", image, place],
    ):
        subprocess.run(command, check=True)


@pytest.mark.root
@pytest.mark.parametrize("free", [1 << 30, 1000], ids=["whole", "streams"])
def test_a_slot_is_written_that_somebody_left_mounted_who_was_killed(
    free: int, written: list[str], site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RAUC would refuse it, until the next reboot."""
    monkeypatch.setattr(spool, "free_memory", lambda: free)
    monkeypatch.setattr(slots, "PLACE", tmp_path / "mounted")
    for name in ("write_slot", "stream_slot"):
        monkeypatch.setattr(upgrade, name, lambda *_, **__: written.append(f"mounted: {slots.PLACE.is_mount()}"))
    slots.PLACE.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "left", slots.PLACE], check=True)
    install(f"{site.url}/whole/bundle")
    assert written == ["mounted: False", "primary b True"]


@pytest.mark.root
def test_an_installation_is_told_as_it_ended_though_its_bundle_cannot_be_taken_away(
    written: list[str], site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = spool.discard

    def write(*_: object, **__: object) -> None:
        written.append("whole")
        monkeypatch.setattr(spool, "discard", refuse)

    def refuse() -> None:
        raise Busy("it is being read")

    monkeypatch.setattr(upgrade, "write_slot", write)
    assert install(f"{site.url}/whole/bundle").result == "installed"
    monkeypatch.setattr(spool, "discard", plain)
    upgrade_install.receive([DATA], who=WHO)
    assert upgrade_install.install_waiting(Allowed(), BUNDLE.sha256, who=WHO).result == "installed"
    monkeypatch.setattr(spool, "discard", plain)


@pytest.mark.root
def test_a_bundle_that_does_not_come_is_in_the_trail_without_the_secrets_of_its_address(
    written: list[str], site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[dict[str, object]] = []
    monkeypatch.setattr(upgrade_install.audit, "note", lambda event, **words: noted.append({"event": event, **words}))
    secret = site.url.replace("//", "//me:s3cret@") + "/{}/bundle?token=s3cret"

    def fail(*_: object, **__: object) -> None:
        raise OSError(ENOSPC, "No space left on device")

    with pytest.raises(Failure, match="404"):
        upgrade_install.fetch(secret.format("whole/nothing"), who=WHO)
    monkeypatch.setattr(spool, "receive", fail)
    for act in (lambda: install(secret.format("whole")), lambda: upgrade_install.receive([DATA], who=WHO)):
        with pytest.raises(Failure, match="No space left on device") as raised:
            act()
        assert "make room" in raised.value.hint
    assert [(line["event"], line["result"], line["who"]) for line in noted] == [("upgrade bundle", "failed", WHO)] * 3
    assert noted[1]["address"] == f"{site.url}/whole/bundle" and "s3cret" not in str(noted)


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("ftp://me:s3cret@x/bundle", "ftp://x/bundle"),
        ("https:/me:s3cret@x/bundle?s3cret", "…"),
        ("https:x/bundle?s3cret", "https:x/bundle"),
        ("\thttps://me:s3cret@x/bundle?s3cret", "https://x/bundle"),
        ("me:s3cret@x/bundle", "…"),
        ("x/bundle?s3cret", "x/bundle"),
    ],
)
def test_an_address_of_another_kind_or_with_a_slip_is_no_file(
    word: str, shown: str, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[object] = []
    monkeypatch.setattr(upgrade_install.audit, "note", lambda *words, **named: noted.append((words, named)))
    for act in (install, lambda url: upgrade_install.fetch(url, who=WHO)):
        with pytest.raises(Usage) as raised:
            act(word)
        assert str(raised.value) == f"{shown}: it is no address that begins with http:// or https://"
    assert "s3cret" not in str(noted) and len(noted) == 1


@pytest.mark.root
def test_an_address_that_cannot_be_had_leaves_what_waits(written: list[str], site: Site) -> None:
    upgrade_install.receive([DATA], who=WHO)
    for wrong in (f"{site.url}/whole/nothing", "http://a b/"):
        with pytest.raises(Failure):
            install(wrong)
    assert upgrade_install.waiting().bundle == BUNDLE and spool.path() is not None


def test_how_large_a_bundle_may_be_is_said(written: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for free, room in ((1000, 1000), (1 << 30, (1 << 20) + upgrade_install.OVERHEAD)):
        monkeypatch.setattr(spool, "free_memory", lambda free=free: free)
        assert upgrade_install.largest_bundle() == ((1 << 20) + upgrade_install.OVERHEAD, room)


@pytest.mark.root
def test_more_than_any_bundle_is_refused_before_anything_of_it_comes(
    written: list[str], site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade_install, "OVERHEAD", 0)
    site.files["bundle"] = bytes((1 << 20) + 1)
    for free in (1000, 1 << 30):
        monkeypatch.setattr(spool, "free_memory", lambda free=free: free)
        with pytest.raises(Refused, match="more than any bundle for this unit"):
            install(f"{site.url}/whole/bundle")
    assert written == [] and site.asked == ["bytes=0-0"] * 2
