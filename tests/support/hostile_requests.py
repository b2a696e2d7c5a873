"""What a hostile peer may send, by hypothesis: lawful proposals and standings with something wrong in them, JSON that is
not quite JSON, HTTP that is not quite HTTP, and any bytes. The same seed makes the same requests."""

import base64
import copy
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[2]))

import story
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from firmware import native

#: how `peer_api_sender.py` is to send it: over a connection that stays open, or half closing one of its own
KEPT, WHOLE = 0, 1
#: requests that are made at a time; hypothesis remembers all of a batch
BATCH = 500


@dataclass(frozen=True)
class Request:
    """Bytes for `peer_api_sender.py`, how to send them, and what they mean, where that is known: the path and the JSON object."""

    kind: int
    data: bytes
    path: str = ""
    content: Any = None


def requests(count: int, number: int) -> Iterator[Request]:
    """So many requests; `number` is the seed."""
    batch = 0
    while count > 0:
        found = _made(min(count, BATCH), number * 1_000_003 + batch)
        yield from found
        count, batch = count - len(found), batch + 1


def _made(count: int, number: int) -> list[Request]:
    found: list[Request] = []

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(REQUESTS)
    def collect(request: Request) -> None:
        found.append(request)

    collect()
    return found[:count]


def content(text: bytes) -> tuple[str, str]:
    """A file's digest and its base64."""
    return native.bytes_digest(text), base64.b64encode(text).decode()


def entry(path: str, text: bytes = b"", **changes: Any) -> dict[str, Any]:
    """An entry of a proposal for a file with that text."""
    made = {"path": path, "kind": "file", "mode": "0644", "owner": "root", "group": "root", "size": len(text)}
    return {**made, "digest": native.bytes_digest(text), **changes}


def directory(path: str, **changes: Any) -> dict[str, Any]:
    """An entry for a directory."""
    return entry(path, **{"kind": "dir", "mode": "0755", "size": 0, "digest": "", **changes})


def proposal(service: str, files: dict[str, bytes], **changes: Any) -> dict[str, Any]:
    """A proposal as a lawful peer makes it."""
    tops = sorted({path.partition("/")[0] for path in files if "/" in path})
    return {
        "service": service, "block": f"service {service}\n",
        "entries": [*(directory(top) for top in tops), *(entry(path, text) for path, text in sorted(files.items()))],
        "contents": dict(content(text) for text in files.values()), "expect": "", "dry": False,
        "protocol": 2, "firmware": "0.1.0", "push": "", "base": "", "confirm": 0, **changes,
    }  # fmt: skip


PAGES = [story.page(text).encode() for text in ("one", "two")]
LAWFUL = [
    *(proposal("haproxy", {"haproxy.cfg": page, "maps/a": b"x y\n"}, dry=dry) for page in PAGES for dry in (True,) * 9 + (False,)),
    *(proposal("snmpd", {"snmpd.conf": b"rocommunity public\n"}, dry=dry) for dry in (True, True, True, False)),
    proposal("syslogd", {"syslog.conf": b"*.* /var/log/messages\n"}, dry=True),
    proposal("firewall", {}, dry=True),
]  # fmt: skip
STANDING = {
    "node": 1, "address": story.ADDRESSES[1], "remote_node": 2, "remote_address": story.ADDRESSES[2], "version": "0.1.0",
    "protocols": [1, 2], "unsaved": ["/etc/motd"], "unapplied": ["haproxy"], "down": [], "confirm_pending": False,
    "waiting": {"service": "haproxy", "push": "f" * 32, "node": 2, "left": 7},
    "services": {"haproxy": {"files": "a", "applied": "b", "saved": "c"}},
}  # fmt: skip
CONFIRMATION = {"service": "haproxy", "push": "f" * 32}

NASTY = [
    "", ".", "..", "../x", "/etc/passwd", "../../etc/shadow", "a/../../b", "a//b", "a\0b", "\n", "\x1b[2J\x1b]0;x\a", "\u202e",
    "x" * 256, "x" * 5000, "\ud800", "\udcff", "💥" * 9, "-rf", "$(reboot)", "`id`", "%2e%2e/x", "haproxy.cfg/", "haproxy.cfg/x",
    "link", "other", "0640", "4755", "root", "shadow", "haproxy", "system", "sshd", "csyncd", "network.eth0", "haproxy.x",
    "xxh3-128:" + "0" * 32, "service haproxy\n bin /bin/sh\n", "service sshd\n", "no service haproxy\n", "service haproxy\n'",
]  # fmt: skip
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.sampled_from(NASTY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = ["path", "target", "mode", "kind", "owner", "command", "bin", "__class__", ""]


def _places(value: Any, so_far: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield (*so_far, key)
        yield from _places(item, (*so_far, key))


def _twist(draw: Callable[..., Any], told: Any) -> None:
    """Change one place of it, whatever that is."""
    *way, last = draw(st.sampled_from(list(_places(told)) or [("new",)]))
    holder = told
    for key in way:
        holder = holder[key]
    match draw(st.sampled_from(("junk", "junk", "nasty", "nasty", "gone", "twice", "more", "number", "deep"))):
        case "junk":
            holder[last] = draw(JUNK)
        case "nasty":
            holder[last] = draw(st.sampled_from(NASTY))
        case "gone":
            del holder[last]
        case "twice" if isinstance(holder, list):
            holder.append(copy.deepcopy(holder[last]))
        case "more" if isinstance(holder, dict):
            holder[draw(st.sampled_from(KEYS))] = draw(JUNK)
        case "number":
            holder[last] = draw(st.sampled_from([-1, 0, 1, 2, 7, 1 << 31, 1 << 64, 10**4000, 1e308, True]))
        case "deep":
            for _ in range(draw(st.integers(1, 40))):
                holder[last] = [holder[last]]


@st.composite
def _twisted(draw: Callable[..., Any], lawful: list[Any]) -> Any:
    told = copy.deepcopy(draw(st.sampled_from(lawful)))
    for _ in range(draw(st.integers(0, 3))):
        if isinstance(told, dict) and told:
            _twist(draw, told)
    if isinstance(told.get("confirm"), int) and 0 < told["confirm"] <= 3600:
        told["confirm"] = 1  # else all that follows would be refused for a day
    return told


@st.composite
def _bodies(draw: Callable[..., Any], told: Any) -> bytes:
    """It as JSON, mostly; else something like JSON."""
    plain = json.dumps(told).encode()
    match draw(st.sampled_from(("plain",) * 12 + ("wide", "indented", "cut", "stained", "doubled", "utf-16", "junk"))):
        case "wide":
            return json.dumps(told, ensure_ascii=False).encode("utf-8", "surrogatepass")
        case "indented":
            return json.dumps(told, indent=1).encode()
        case "cut":
            return plain[: draw(st.integers(0, len(plain)))]
        case "stained":
            at = draw(st.integers(0, len(plain)))
            return plain[:at] + draw(st.binary(min_size=1, max_size=4)) + plain[at:]
        case "doubled":
            return b'{"dry": true, ' + plain[1:]
        case "utf-16":
            return json.dumps(told).encode("utf-16")
        case "junk":
            return json.dumps(draw(JUNK)).encode()
    return plain


def http(
    path: str, body: bytes, *, method: str = "POST", headers: tuple[str, ...] = (), length: object = None
) -> bytes:
    """A request as a lawful peer makes it, or not."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: csyncd",
        f"Content-Length: {len(body) if length is None else length}",
        *headers,
    ]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


LAWFUL_STANDING = http("/v1/standing", json.dumps({**STANDING, "waiting": None, "unapplied": []}).encode())


@st.composite
def _lawful_http(draw: Callable[..., Any]) -> Request:
    path, lawful = draw(
        st.sampled_from(
            [("/v1/push", LAWFUL)] * 30
            + [("/v1/standing", [STANDING])] * 5
            + [("/v1/confirm", [CONFIRMATION])] * 3
            + [("/v1/save", [{}])]
        )
    )
    told = draw(_twisted(lawful))
    body = draw(_bodies(told))
    data = http(path, body)
    if path == "/v1/standing":  # and the truth again, or everything after it would be refused for what it said
        return Request(KEPT, b"\2" + data + LAWFUL_STANDING, path, told)
    return Request(KEPT, b"\1" + data, path, told)


WORDS = st.text(st.characters(codec="latin-1"), max_size=20)
LENGTHS = st.sampled_from([-1, "", "x", "0x10", "1e3", " 5", "5, 5", 10**12, "9" * 5000, "+5"]) | st.integers(0, 3000)
CHUNKS = st.sampled_from([b"5\r\n{}   \r\n0\r\n\r\n", b"-1\r\n", b"ffffffffffffffff\r\n{}"]) | st.binary(max_size=9)


@st.composite
def _bent_heads(draw: Callable[..., Any]) -> bytes:
    body, path = json.dumps(draw(st.sampled_from(LAWFUL[:9]))).encode(), "/v1/push"
    match draw(st.sampled_from(("method", "path", "header", "headers", "version"))):
        case "method":
            others = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH", "post", "P\0ST"]
            return http(path, body, method=draw(st.sampled_from(others) | WORDS))
        case "path":
            others = ["/", "*", "/v1/", "/v2/push", "//", "/v1/push/../save", "http://x/v1/push"]
            return http(draw(st.sampled_from(others) | WORDS), body)
        case "header":
            name = draw(st.sampled_from(["Expect", "Upgrade", "Connection", "Host", "Content-Type", "Cookie"]) | WORDS)
            return http(path, body, headers=(f"{name}: {draw(WORDS)}",))
        case "headers":
            return http(path, body, headers=("A: b",) * draw(st.sampled_from([10, 300, 3000])))
    version = draw(st.sampled_from([b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/9.9", b"HTP/1.1", b""]))
    return http(path, body).replace(b"HTTP/1.1", version, 1)


@st.composite
def _bent_bodies(draw: Callable[..., Any]) -> bytes:
    path, body = "/v1/push", json.dumps(draw(st.sampled_from(LAWFUL[:9]))).encode()
    data = bytearray(http(path, body))
    match draw(st.sampled_from(("length", "encoding", "cut", "noise"))):
        case "length":
            return http(path, body, length=draw(LENGTHS))
        case "encoding":
            name = draw(st.sampled_from(["chunked", "gzip", "identity", "chunked, gzip", ""]) | WORDS)
            return http(path, draw(CHUNKS), headers=(f"Transfer-Encoding: {name}",))
        case "noise":
            for _ in range(draw(st.integers(1, 5))):
                data[draw(st.integers(0, 150))] = draw(st.integers(0, 255))
            return bytes(data)
    return bytes(data[: draw(st.integers(1, len(data) - 1))])


TLS = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
BYTES = st.binary(min_size=1, max_size=200) | st.sampled_from(
    [TLS, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"SSH-2.0-x\r\n"]
)


@st.composite
def _requests(draw: Callable[..., Any]) -> Request:
    match draw(st.integers(0, 19)):
        case 0 | 1:
            return Request(WHOLE, draw(_bent_heads()))
        case 2 | 3:
            return Request(WHOLE, draw(_bent_bodies()))
        case 4:
            return Request(WHOLE, draw(BYTES))
    return draw(_lawful_http())


REQUESTS = _requests()
