"""No room below /etc on a node: what was done is told, what could not be noted is told, and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

from story import CONFIG, Stage, page


@contextmanager
def no_room(stage: Stage, place: str, keep: str = "") -> Iterator[None]:
    """`place` on node 1 is a file system that is full; there are copies of the files `keep` in it."""
    script = f"""
    mkdir -p {place} /run/kept; cd {place}; for name in {keep}; do cp -p $name /run/kept/; done
    mount -t tmpfs -o size=64k full {place}; cd {place}
    for name in {keep}; do mv /run/kept/$name .; done
    ! dd if=/dev/zero of=full bs=4k"""
    stage.on(1, "sh", "-ec", script)
    try:
        yield
    finally:
        stage.on(1, "umount", "-l", place)


def test_a_push_that_could_not_be_noted_says_what_the_peer_has(stage: Stage) -> None:
    with no_room(stage, "/etc/firmware"):
        stage.edit(1, page("no room here"))
        said = stage.on(1, "csync", "push", "haproxy")
        assert "applied on node 2" in said
        assert "node-2 has what was pushed, but that could not be noted here: /etc/firmware/" in said
        assert "No space left on device" in said and "df /etc" in said
        entry = stage.json(1, "csync", "log")[-1]
        assert (entry["event"], entry["result"]) == ("push", "applied") and "could not be noted here" in entry[
            "message"
        ]
    assert "no room here" in stage.lab.read(2, CONFIG)
    assert "could not be noted" not in stage.on(1, "csync", "push", "haproxy")


def test_genkey_without_room_says_what_to_do(stage: Stage) -> None:
    before = stage.json(1, "csync", "keys")
    stage.on(1, "service", "csyncd", "stop")
    with no_room(stage, "/etc/csyncd", "csyncd.cfg"):
        said = stage.on(1, "csync", "genkey", expect=1)
        assert "No space left on device" in said and "hint: make room: `df /etc /run`" in said
    stage.on(1, "service", "csyncd", "start")
    assert stage.json(1, "csync", "keys") == before
