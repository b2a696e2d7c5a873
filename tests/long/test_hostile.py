"""A hostile peer has a key that node 2 trusts, and sends whatever it likes to the peer API, through the real sshd: nothing but
what it may push changes, memory stays bounded, csyncd goes on serving everybody else, and every refusal says why."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from hostile_requests import KEPT, STANDING, WHOLE, Request, content, directory, entry, http, proposal
from hostile_traffic import (
    HELD,
    MOST_MEMORY,
    MOST_MORE,
    PARTS,
    Sender,
    answers,
    changed,
    checked_answers,
    manifest,
    memory,
    play,
    sending,
)  # fmt: skip
from lab_driver import Lab, eventually
from push_helpers import pair_nodes
from story import Broken, Stage, page

from firmware.commands.cli import complain
from firmware.errors import Failure

TEXT = page("hostile").encode()
#: a file that node 2 has before all begins
LARGE = b"x" * (1 << 20)
Case = tuple[str, int, bytes, str]


def push(**changes: Any) -> tuple[int, bytes]:
    """A lawful push, but for that."""
    return body(json.dumps({**proposal("haproxy", {"haproxy.cfg": TEXT}, dry=True), **changes}).encode())


def file(path: str = "haproxy.cfg", **changes: Any) -> tuple[int, bytes]:
    """A push of one file that is lawful, but for that."""
    return push(entries=[entry(path, TEXT, **changes)])


def block(text: str) -> tuple[int, bytes]:
    """A push of that block."""
    return push(block=text)


def body(data: bytes, path: str = "/v1/push") -> tuple[int, bytes]:
    """Any body."""
    return KEPT, b"\1" + http(path, data)


def standing(**changes: Any) -> tuple[int, bytes]:
    """A standing that is lawful, but for that."""
    return body(json.dumps({**STANDING, **changes}).encode(), "/v1/standing")


def raw(data: bytes) -> tuple[int, bytes]:
    """Bytes, and the end."""
    return WHOLE, data


def head(*lines: str) -> tuple[int, bytes]:
    """The head of a request, and the end."""
    return WHOLE, "\r\n".join((*lines, "", "")).encode("latin-1")


def parts(*units: tuple[str, int, float]) -> tuple[int, bytes]:
    """Texts, how often each, and the seconds after each."""
    return PARTS, json.dumps(units).encode()


POST = "POST /v1/push HTTP/1.1"
HOST = "Host: x"
M = 1 << 20
KEY = content(TEXT)[0]
TABLE: list[tuple[str, tuple[int, bytes], str]] = [
    # paths that leave the service's directory
    ("the parent directory", file("../passwd"), "not a path below"),
    ("far up", file("../../../../../etc/shadow"), "not a path below"),
    ("up in the middle", file("a/../../b"), "not a path below"),
    ("an absolute path", file("/etc/passwd"), "not a path below"),
    ("the directory itself", file("."), "not a path below"),
    ("no name", file(""), "not a path below"),
    ("an empty part", file("a//b"), "not a path below"),
    ("a slash at the end", file("haproxy.cfg/"), "not a path below"),
    ("a NUL in the name", file("a\0b"), "not a path below"),
    ("a name of 256 bytes", file("x" * 256), "too long"),
    ("a path of 4000 bytes", file("a/" * 2000 + "b"), "too long"),
    ("a name of 20 MB", file("x" * 20 * M), "path: longer than 4096 characters"),
    ("a name that no file can have", file("\ud800"), "no file can have this name"),
    ("a file as a directory", push(entries=[entry("a", TEXT), entry("a/b", TEXT)]), "its directory is not in the proposal"),
    ("the same path twice", push(entries=[entry("a", TEXT)] * 2), "stands twice"),
    # what is no file
    ("a symbolic link", file(kind="link"), "a symbolic link"),
    ("a link with a target", file(kind="link", target="/etc/shadow"), "unknown field 'target'"),
    ("a device", file(kind="other"), "neither file nor directory"),
    ("a block device", file(kind="block", size=0), "neither file nor directory"),
    ("a FIFO", file(kind="fifo"), "neither file nor directory"),
    ("a set-uid file", file(mode="4755"), "set-uid"),
    ("a set-gid directory", push(entries=[directory("d", mode="2755")]), "set-uid"),
    ("a mode that is a number", file(mode=0o644), "mode: missing, or not text"),
    ("a mode with a sign", file(mode="-644"), "malformed"),
    ("another account's file", file(owner="sshd"), "belongs to sshd:root"),
    ("the group shadow", file(group="shadow"), "belongs to root:shadow"),
    ("an owner of 5000 letters", file(owner="o" * 5000), "owner: longer than"),
    # digests and sizes that lie
    ("a digest that lies", push(contents={KEY: content(b"other")[1]}), "has another digest"),
    ("contents of no file", push(contents={content(b"x")[0]: content(b"x")[1]}), "belongs to no file"),
    ("a malformed digest", file(digest="md5:0"), "digest is malformed"),
    ("a directory with a digest", push(entries=[directory("d", digest=KEY)]), "neither digest nor size"),
    ("contents that are not base64", push(contents={KEY: "!"}), "not base64"),
    ("contents that are a list", push(contents=[]), "contents: not an object"),
    ("a size that lies", file(size=0), f"has {len(TEXT)} bytes"),
    ("a bomb of what is here already", push(entries=[entry(f"f{n}", LARGE, size=0) for n in range(200)], contents={}), f"has {len(LARGE)}"),
    ("a negative size", file(size=-1), "-1 bytes"),
    ("a size of true", file(size=True), "malformed"),
    ("a file of 9 MiB", file(size=9 * M), "at most"),
    ("three files of 8 MiB", push(entries=[entry(f"f{n}", size=8 * M) for n in range(3)]), "at most"),
    ("4097 files", push(entries=[entry(f"f{n}") for n in range(4097)]), "at most 4096"),
    ("a size of 4000 digits", file(size=10**4000), "malformed"),
    # services and blocks
    ("the accounts' own service", push(service="system", block="service system\n"), "this node's own"),
    ("the management sshd", push(service="sshd", block="service sshd\n"), "this node's own"),
    ("csyncd itself", push(service="csyncd", block="service csyncd\n"), "this node's own"),
    ("a network", push(service="network.eth0", block="service network eth0\n"), "this node's own"),
    ("no service", push(service="nonsense"), "knows no such service"),
    ("a service that is a path", push(service="../../etc"), "knows no such service"),
    ("a service of 1 MB", push(service="haproxy." + "x" * 1000), "knows no such service"),
    ("an instance that there cannot be", push(service="haproxy.x", block="service haproxy x\n"), "no instances"),
    ("a program", block("service haproxy\n bin /bin/sh\n"), "bin"),
    ("a command line", block("service haproxy\n cmdline sh -c id\n"), "cmdline"),
    ("a pid file", block("service haproxy\n pidfile /etc/passwd\n"), "pidfile"),
    ("another service's block", block("service sshd\n"), "not one block"),
    ("two blocks", block("service haproxy\nservice sshd\n"), "not one block"),
    ("something before the block", block("hostname x\nservice haproxy\n"), "not one block"),
    ("a block with a NUL", block("service haproxy\n config a\0b\n"), "a NUL byte"),
    ("a block that is not UTF-8", block("service haproxy # \ud800\n"), "not UTF-8"),
    ("an open quote", block("service haproxy\n config '\n"), "is opened and not closed"),
    ("a block of 100 kB", block("service haproxy\n" + "#\n" * 50_000), "block: longer than 65536"),
    ("20,000 unknown directives", block("service haproxy\n" + "x\n" * 20_000), "unknown directive"),
    ("a configuration elsewhere", block("service haproxy\n config /etc/shadow\n"), "config"),
    # fields
    ("an unknown field", push(path="/etc/passwd"), "unknown field 'path'"),
    ("an unknown field of 1 MB", push(**{"x" * M: 1}), "unknown field"),
    ("entries that are an object", push(entries={}), "entries: not a list"),
    ("an entry that is a number", push(entries=[1]), "entries: not an object"),
    ("dry that is a word", push(dry="no"), "dry: neither true nor false"),
    ("a name for the push that is a path", push(push="../../etc/passwd"), "push: malformed"),
    ("a state that is none", push(expect=[KEY]), "expect: malformed"),
    ("a confirmation in a million years", push(confirm=10**13), "confirm: not a number"),
    ("a version of the future", push(protocol=99), "the versions do not fit"),
    ("a version that is a list", push(protocol=[2]), "protocol: not a whole number"),
    ("a firmware that is a tree", push(protocol=99, firmware=[[[[[1]]]]]), "firmware: missing, or not text"),
    ("a confirmation of nothing", body(b'{"service": "haproxy", "push": "%s"}' % (b"f" * 32), "/v1/confirm"), "not confirmed in time"),
    ("a confirmation of what there cannot be", body(b'{"service": "haproxy.x", "push": "%s"}' % (b"f" * 32), "/v1/confirm"), "not confirmed in time"),
    ("a confirmation of a path", body(b'{"service": "haproxy.../../x", "push": "1"}', "/v1/confirm"), "service: malformed"),
    ("a confirmation of no push", body(b'{"service": "haproxy"}', "/v1/confirm"), "names no push"),
    # standings
    ("a standing that is empty", standing(services={}, unsaved="/etc"), "it is malformed"),
    ("a node of 4000 digits", standing(node=10**4000), "it is malformed"),
    ("a version of 1 MB", standing(version="1" * M), "it is malformed"),
    ("an address that is a screen", standing(address="\x1b[2J"), "it is malformed"),
    ("a service that is a path", standing(down=["../x"]), "it is malformed"),
    ("paths that are numbers", standing(unsaved=[1, 2]), "it is malformed"),
    ("a path that no file has", standing(unsaved=["\ud800"]), "it is malformed"),
    # JSON
    ("eight million empty lists", body(b'{"entries": [' + b"[]," * (8 * M - 10) + b"[]]}"), "are no text"),
    ("four million names", body(b'{"entries": [' + b'{"":1},' * (3 * M) + b"1]}"), "quotes or backslashes"),
    ("lists in lists", body(b"[" * 100_000 + b"]" * 100_000), "nested deeper than 16 levels"),
    ("objects in objects", body(b'{"a":' * 100_000 + b"1" + b"}" * 100_000), "nested deeper than 16 levels"),
    ("one character that widens all others", body(b'{"block": "' + b"A" * (20 * M) + b'\\ud83d\\ude00"}'), "texts with \\u…"),
    ("a number of 400,000 digits", body(b'{"dry": ' + b"9" * 400_000 + b"}"), "it is not JSON"),
    ("no number", body(b'{"dry": NaN}'), "NaN is not JSON"),
    ("the same name twice", body(b'{"dry": true, "dry": false}'), "a name stands twice"),
    ("UTF-8", body('{"service": "ü"}'.encode()), "not ASCII"),
    ("UTF-16", body('{"service": "x"}'.encode("utf-16")), "not ASCII"),
    ("no object", body(b"[1]"), "not a JSON object"),
    ("nothing", body(b""), "not JSON"),
    ("half of it", body(b'{"service": "haproxy", "block": "'), "not JSON"),
    ("rubbish after it", body(b"{} {}"), "not JSON"),
    # HTTP
    ("GET", head("GET /v1/push HTTP/1.1", HOST), "knows only POST"),
    ("PUT with a body", raw(http("/v1/push", b"{}", method="PUT")), "knows only POST"),
    ("DELETE", head("DELETE /v1/save HTTP/1.1", HOST), "knows only POST"),
    ("CONNECT", head("CONNECT 127.0.0.1:22 HTTP/1.1", HOST), "no such verb"),
    ("another path", raw(http("/v1/../etc/passwd", b"{}")), "no such verb"),
    ("the operator's verb", raw(http("/push", b"{}")), "no such verb"),
    ("a path of 7000 letters", raw(http("/" + "x" * 7000, b"{}")), "no such verb"),
    ("a path of 1 MB", raw(http("/" + "x" * M, b"{}")), "not HTTP"),
    ("HTTP/1.0", head("POST /v1/push HTTP/1.0", "Content-Length: 0"), "not JSON"),
    ("HTTP/2", raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "no such verb"),
    ("TLS", raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x11" * 300), "not HTTP"),
    ("an ssh client", raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "not HTTP"),
    ("nothing but NULs", raw(b"\0" * 100_000), "not HTTP"),
    ("no host", head(POST, "Content-Length: 0"), "Host"),
    ("a negative length", head(POST, HOST, "Content-Length: -1"), "Content-Length"),
    ("a length of a terabyte", head(POST, HOST, f"Content-Length: {1 << 40}"), "larger than 25165824 bytes"),
    ("a length of 5000 digits", head(POST, HOST, "Content-Length: " + "9" * 5000), "not HTTP"),
    ("two lengths", head(POST, HOST, "Content-Length: 5", "Content-Length: 6"), "Content-Length"),
    ("a length that is too large", raw(http("/v1/push", b"{}", length=100)), "without sending complete message body"),
    ("25 MiB, sent all the same", parts((f"{POST}\r\n{HOST}\r\nContent-Length: {25 * M}\r\n\r\n", 1, 0), ("A" * 65536, 400, 0)), "larger than 25165824"),
    ("chunks", head(POST, HOST, "Transfer-Encoding: chunked"), "say with Content-Length"),
    ("chunks without end", parts((f"{POST}\r\n{HOST}\r\nTransfer-Encoding: chunked\r\n\r\n", 1, 0), ("1\r\na\r\n" * 9999, 9999, 0)), "Content-Length"),
    ("chunks and a length", head(POST, HOST, "Transfer-Encoding: chunked", "Content-Length: 5"), "say with Content-Length"),
    ("gzip", head(POST, HOST, "Transfer-Encoding: gzip"), "not HTTP"),
    ("a header of a gigabyte", parts((f"{POST}\r\n{HOST}\r\nX: ", 1, 0), ("a" * 65536, 16384, 0)), "not HTTP"),
    ("headers without end", parts((f"{POST}\r\n{HOST}\r\n", 1, 0), ("A: b\r\n" * 10_000, 16384, 0)), "not HTTP"),
    ("a header that is none", head(POST, HOST, "rubbish"), "not HTTP"),
    ("a header with a NUL", head(POST, HOST, "X: a\0b"), "not HTTP"),
    ("an Upgrade", raw(http("/v1/push", b"", headers=("Connection: Upgrade", "Upgrade: websocket"))), "not JSON"),
    ("a head that never ends", parts(("POST /v1", 1, 0), ("x", 300, 0.1)), "not complete after 10 s"),
]  # fmt: skip


@pytest.fixture(scope="module")
def stage(module_lab: Lab) -> Stage:
    """Two nodes that are paired, haproxy pushed and all saved, and a third node whose key node 2 knows as well."""
    made = Stage(module_lab, tell=lambda text: None)
    pair_nodes(made)
    made.lab.write(1, "/etc/haproxy/large", LARGE)
    made.edit(1, page("before"))
    made.on(1, "csync", "push", "haproxy")
    made.on(1, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/third")
    third = made.lab.read(1, "/root/third.pub").split()
    made.on(2, "sh", "-c", f"echo '{third[0]} {third[1]} node-3' >>/etc/csyncd/csyncd_authorized")
    made.on(2, "sh", "-c", "while ! test -S /run/firmware/peer/node-3.sock; do sleep 0.1; done")
    made.on(2, "config", "save")
    made.shows(1, "green")
    made.shows(2, "orange")
    return made


@pytest.fixture(scope="module")
def sender(stage: Stage) -> Iterator[Sender]:
    """The hostile one, with node 1's key."""
    with sending(stage.lab, workers=1) as made:
        yield made


@pytest.fixture(scope="module")
def before(stage: Stage) -> tuple[Any, tuple[int, int, int]]:
    """What there is on node 2 before all, and csyncd's memory, which is measured from then on."""
    found = manifest(stage)
    pid, now, peak = memory(stage)
    stage.on(2, "sh", "-c", f"echo 5 >/proc/{pid}/clear_refs")
    return found, (pid, now, peak)


@pytest.mark.parametrize(("frame", "says"), [case[1:] for case in TABLE], ids=[case[0] for case in TABLE])
def test_it_is_refused_with_the_reason(before: object, sender: Sender, frame: tuple[int, bytes], says: str) -> None:
    kind, data = frame
    answer, *_ = checked_answers(Request(kind, data), sender.send(kind, data))
    assert says in answer.refusal


@pytest.mark.all
def test_bodies_of_24_mb_on_every_connection_wait_for_each_other(before: object, stage: Stage) -> None:
    kind, data = parts(
        (f"{POST}\r\n{HOST}\r\nConnection: close\r\nContent-Length: {24 * M}\r\n\r\n", 1, 0), ("A" * 65536, 384, 0)
    )
    with sending(stage.lab, workers=5) as sender:
        for future in [sender.submit(kind, data) for _ in range(5)]:
            (answer,) = answers(future.result(200))
            assert "are no text" in answer.refusal


def test_the_largest_push_is_taken(before: object, sender: Sender) -> None:
    kind, data = push(**proposal("haproxy", {f"f{n}": bytes([n]) * (8 * M) for n in range(2)}, dry=True))
    (answer,) = answers(sender.send(kind, data))
    assert answer.content["result"] == "differs"


@pytest.mark.all
def test_differences_that_take_seconds_each_are_not_all_looked_for(before: object, stage: Stage) -> None:
    small = "".join(f"{n}\nx\n" for n in range(99)).encode()
    files = {f"f{n}": b"x\n" * (3600 + n) for n in range(40)}
    with sending(stage.lab, key="/root/third", node=3, workers=1) as third:
        told = proposal("snmpd", files)
        (answer,) = answers(third.send(*push(**told)))
        assert answer.content["result"] == "applied", answer
        (answer,) = answers(third.send(*push(**proposal("snmpd", dict.fromkeys(files, small), dry=True))))
        assert [bool(change["diff"]) for change in answer.content["files"]] == [True] * len(files)


def test_differences_that_nobody_would_read_are_not_all_sent(before: object, sender: Sender) -> None:
    files = {f"f{n:03}": f"{n}\n".encode() * 25_000 for n in range(150)}
    (answer,) = answers(sender.send(*push(**proposal("haproxy", files, dry=True))))
    shown = [change["diff"] for change in answer.content["files"]]
    assert 500_000 < sum(map(len, shown)) < 1_200_000 and "not shown" in shown[-1]


def test_a_refusal_in_a_peers_words_is_no_command_to_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    complain("csync push", Failure("node-1: \x1b]0;x\a no\tway", "\x1b[2J"))
    assert capsys.readouterr().err == "csync push: node-1: \\x1b]0;x\\x07 no\tway\nhint: \\x1b[2J\n"


def test_and_after_all_that_nothing_has_changed(before: tuple[Any, tuple[int, int, int]], stage: Stage) -> None:
    found, (pid, start, _) = before
    now, size, peak = memory(stage)
    assert now == pid, "csyncd is another process"
    assert peak < MOST_MEMORY and size < start + MOST_MORE, (start >> 10, size >> 10, peak >> 10)
    assert changed(found, manifest(stage), {"snmpd"}, saved=False) == []


def pushes_and_is_applied(stage: Stage, node: int, text: str) -> None:
    """A push by csync itself."""
    stage.edit(node, page(text))
    assert stage.json(node, "csync", "push", "haproxy")["result"] == "applied"


def third_pushes(third: Sender, text: str) -> None:
    """A push by the third node, over what is there."""
    told = proposal("haproxy", {"haproxy.cfg": page(text).encode()})
    (shown,) = answers(third.send(*push(**{**told, "dry": True})))
    (answer,) = answers(third.send(*push(**{**told, "expect": shown.content["state"]})))
    assert answer.content["result"] == "applied", answer


def serves_others(stage: Stage, third: Sender, text: str) -> None:
    """Node 2's operator is told how the pair stands and can push; a third node can push."""
    pushes_and_is_applied(stage, 2, f"{text} 2")
    assert stage.json(2, "csync", "status")["state"] in ("green", "orange")
    third_pushes(third, f"{text} 3")


def test_others_are_served_while_connections_do_nothing_at_all(stage: Stage) -> None:
    """Heads and bodies that are never ended, answers that are never read, and more connections than a peer may have."""
    asked = b"GET /v1/push HTTP/1.1\r\nHost: x\r\n\r\n" * 20_000
    large = f"{POST}\r\n{HOST}\r\nContent-Length: {20 * M}\r\n\r\n" + "A" * 100_000
    with sending(stage.lab, key="/root/third", node=3, workers=1) as third:
        for number, text in enumerate((f"{POST}\r\nX: ", large, asked.decode())):
            with sending(stage.lab, workers=1) as sender:
                said = json.loads(sender.send(HELD, json.dumps([40, text]).encode()))
                assert sum("more than 8 connections at a time" in words for words in said) >= 32, said
                serves_others(stage, third, f"held {number}")


@contextmanager
def flooding(stage: Stage, frame: tuple[int, bytes]) -> Iterator[Callable[[], int]]:
    """Have that sent all the time, six at a time; what it yields tells how often it was."""
    enough = threading.Event()
    counts = [0] * 6
    with sending(stage.lab, workers=6) as sender, ThreadPoolExecutor(6) as pool:

        def flood(which: int) -> None:
            while not enough.is_set():
                sender.send(*frame)
                counts[which] += 1

        flooded = [pool.submit(flood, which) for which in range(6)]
        try:
            yield lambda: sum(counts)
        finally:
            enough.set()
            for future in flooded:
                future.result()


def test_others_are_served_while_one_pushes_all_the_time(stage: Stage) -> None:
    with sending(stage.lab, key="/root/third", node=3, workers=1) as third, flooding(stage, push()) as count:
        for number in range(5):
            so_far = count()
            serves_others(stage, third, f"flood {number}")
            assert count() > so_far


def test_a_third_node_that_tells_lies_about_itself_is_in_nobodys_way(stage: Stage) -> None:
    told = {**STANDING, "node": 99, "address": "10.9.9.9", "remote_node": 98, "protocols": [7, 7]}
    with sending(stage.lab, key="/root/third", node=3, workers=1) as third:
        (answer,) = answers(third.send(*standing(**told)))
        assert answer.content["node"] == 2
    stage.on(1, "csync", "diff", "haproxy")
    stage.on(1, "csync", "push", "haproxy", "--force")


def test_what_a_peer_says_of_itself_is_no_command_to_a_terminal(stage: Stage, sender: Sender) -> None:
    path = "/etc/\x1b]0;x\a\n2000-01-01 csyncd: the pair is green"
    (answer,) = answers(sender.send(*standing(unsaved=[path])))
    assert answer.status == 200
    told: list[str] = []

    def is_said() -> bool:
        told.append(stage.on(2, "tail", "-n", "20", "/run/firmware/log/csyncd/current"))
        return r"\x1b]0;x" in told[-1]

    assert eventually(is_said)
    log = told[-1]
    assert "\x1b" not in log and "\n2000-01-01" not in log
    assert "\x1b" not in stage.on(2, "csync", "status") + stage.on(2, "csync", "log")


@pytest.mark.all
def test_refusals_by_the_thousand_leave_the_trail_what_was_done(stage: Stage) -> None:
    done = [entry for entry in stage.json(2, "csync", "log") if entry["result"] == "applied"]
    assert done
    kind, data = push(entries=[entry("../" + "x" * 4000, TEXT)])
    with sending(stage.lab) as sender:
        for future in [sender.submit(kind, data) for _ in range(3000)]:
            (answer,) = answers(future.result(200))
            assert answer.refusal
    trail = stage.json(2, "csync", "log")
    assert [entry for entry in trail if entry["result"] == "applied"] == done
    assert len(json.dumps(trail)) < 3 << 20
    assert trail[-1]["result"] == "refused" and trail[-1]["who"] == "node-1"


SESSIONS = "ps -eo user:20,pid,args | grep -E '^csync .*[s]shd' | wc -l"


def test_a_peer_has_a_few_sessions_and_its_oldest_end(stage: Stage) -> None:
    with sending(stage.lab, key="/root/third", node=3, workers=1) as third:
        senders: list[Sender] = []
        try:
            # One after the other, so that it is known which came last.
            for _ in range(12):
                senders.append(Sender(stage.lab, workers=1))
                with suppress(Broken, OSError):
                    senders[-1].send(*push())
            # four of the hostile one's, the third node's, and perhaps one that has just come in
            assert eventually(lambda: int(stage.on(2, "sh", "-c", SESSIONS)) <= 5), stage.on(2, "sh", "-c", SESSIONS)
            assert answers(senders[-1].send(*push()))[0].status == 200, "the newest one lives"
            third_pushes(third, "many sessions")
        finally:
            for one in senders:
                one.close()


#: accepts what comes, and says how much it was
COUNT = """
import socket, sys, threading
server = socket.create_server(("", 30022), reuse_port=True)
server.settimeout(4)
count = 0
try:
    while True:
        server.accept()[0].close()
        count += 1
except TimeoutError:
    pass
finally:
    print(count)
"""


def test_a_peer_that_lets_nobody_in_and_calls_all_the_time_is_not_tried_all_the_time(stage: Stage) -> None:
    """Each of its standings is a reason to connect at once."""
    told = standing(waiting=None)
    with flooding(stage, told) as count:
        stage.on(1, "service", "csyncd", "stop")
        try:
            listener = "/usr/bin/python3", "-c", COUNT
            tried = int(stage.lab.run(1, "timeout", "--signal=INT", "4", *listener, check=False).stdout.split()[-1])
            assert count() > 20 and 1 <= tried <= 4 / 0.2 + 2
        finally:
            stage.on(1, "service", "csyncd", "start")
    assert eventually(lambda: stage.json(1, "csync", "status")["state"] != "red")


@contextmanager
def outlived(stage: Stage) -> Iterator[None]:
    """Without node 1's gate, for something in its place; node 2's csyncd goes on meanwhile, and after that all is well."""
    pid = memory(stage)[0]
    stage.on(1, "service", "csyncd", "stop")
    try:
        yield
        assert memory(stage)[0] == pid
    finally:
        stage.on(1, "service", "csyncd", "start")
    assert eventually(lambda: stage.json(1, "csync", "status")["state"] != "red")
    assert memory(stage)[0] == pid


@pytest.mark.all
def test_a_banner_without_an_end_is_not_the_end_of_csyncd(stage: Stage) -> None:
    with outlived(stage):
        stage.on(1, "sh", "-ec", "head -c 200000 /dev/zero | tr '\\0' '\\1' >/root/banner; mkdir -p /run/sshd")
        stage.on(
            1, "sh", "-ec", "{ cat /run/firmware/csyncd/sshd_config; echo Banner /root/banner; } >/root/sshd_config"
        )
        stage.on(1, "/usr/sbin/sshd", "-E", "/root/said", "-f", "/root/sshd_config", "-o", "PidFile=/root/sshd.pid")
        try:
            assert eventually(lambda: stage.lab.read(1, "/root/said").count("Accepted publickey") >= 2)
        finally:
            stage.on(1, "sh", "-c", "kill $(cat /root/sshd.pid)")


#: an sshd whose first packet, of 30,004 bytes, comes byte after byte: each is a sign of life to ssh
DRIP = """
import socket, time
server = socket.create_server(("10.32.0.11", 30022))
while True:
    with server.accept()[0] as client:
        try:
            client.sendall(b"SSH-2.0-slow\\r\\n" + (30004).to_bytes(4, "big") + b"\\4\\x14")
            while True:
                time.sleep(0.2)
                client.sendall(b"x")
        except OSError:
            pass
"""


@pytest.mark.all
def test_a_key_exchange_without_an_end_is_not_the_end_of_csyncd(stage: Stage) -> None:
    with outlived(stage):
        slow = stage.lab.start(1, "/usr/bin/python3", "-c", DRIP)
        try:
            assert eventually(lambda: "lets nobody in within 12 s" in str(stage.json(2, "csync", "status")["reasons"]))
        finally:
            stage.on(1, "pkill", "-f", "create_server")
            slow.communicate()


LOOK_OFTEN = """
import asyncio
from pathlib import Path
from firmware.csyncd import recovery_timer
from firmware.sync import transaction
from firmware.sync.audit import THIS_NODE
from firmware.sync.push_report import Report

journal = Path("/etc/.staging/haproxy/journal")
journal.parent.mkdir(parents=True, exist_ok=True)
deadline = transaction.boot_clock() + 600
found = transaction.Transaction("waiting", "haproxy", "f", 1, THIS_NODE, "", True, 0, "", "", 600, deadline, Report("applied").json())
transaction.write(found, journal)

async def look():
    for _ in range(1000):
        recovery_timer.schedule_recovery()
    return sum(not timer.cancelled() for timer in asyncio.get_running_loop()._scheduled)

try:
    print(asyncio.run(look()))
finally:
    journal.unlink()
"""


def test_looking_often_after_what_waits_takes_no_more_than_once(stage: Stage) -> None:
    assert stage.on(1, "/usr/bin/python3", "-c", LOOK_OFTEN).strip() == "1"


@pytest.mark.all(but=["100"])
@pytest.mark.parametrize("count", [100, 500])
def test_some_by_chance(stage: Stage, count: int) -> None:
    figures = play(stage, count, 1, lambda text: None)
    assert figures["answers"] >= count, figures
    assert figures["refused_with_a_reason"] > count / 2 and figures["accepted"] > count / 10, figures
