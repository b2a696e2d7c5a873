"""Runs on a node: somebody with a browser or a program at the web UI. `python3 -c … WISH`, and WISH is JSON.

It logs in (`login`) unless it has a cookie, does one thing (`do`) and prints what came of it as JSON. `memory` is what the web UI
has in RAM, in KiB, at the times that the thing names.
"""

import http.client
import json
import os
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

Wish = dict[str, Any]


def connect(wish: Wish, source: str = "") -> http.client.HTTPConnection:
    host, port = wish.get("host", "127.0.0.1"), wish.get("port", 4444)
    here = (source, 0) if source else None
    if not wish.get("tls", True):
        return http.client.HTTPConnection(host, port, timeout=30, source_address=here)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=30, source_address=here, context=context)


def spell_host(connection: http.client.HTTPConnection) -> str:
    host = f"[{connection.host}]" if ":" in connection.host else connection.host
    return f"{host}:{connection.port}"


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: Any = None, **headers: str
) -> http.client.HTTPResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, named)
    return connection.getresponse()


def log_in(wish: Wish) -> str:
    """The cookie; the answer is in `wish`, too."""
    reply = ask(connect(wish), "POST", "/login", json.dumps(wish["login"]), Content_Type="application/json")
    wish["said"] = json.loads(reply.read())
    wish["cookie"] = (reply.getheader("Set-Cookie") or "").partition(";")[0]
    wish["set_cookie"] = reply.getheader("Set-Cookie")
    return str(wish["cookie"])


def memory() -> int:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if b"\0firmware\0wui\0" not in file.read():
                    continue
            with open(f"/proc/{pid}/status") as file:
                return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))
        except OSError:
            continue
    return 0


def show(wish: Wish) -> Wish:
    """What is at a path."""
    reply = ask(connect(wish), "GET", wish["path"], Cookie=wish["cookie"])
    return {"status": reply.status, "body": reply.read().decode(), "set_cookie": wish.get("set_cookie")}


def hold(wish: Wish) -> Wish:
    """So many connections at once, from a few addresses, each with a request; and closed again."""
    ask(connect(wish), "GET", "/login").read()
    seen, held = [memory()], []
    for number in range(wish["count"]):
        held.append(connect(wish, f"127.0.0.{2 + number // 12}"))
        assert ask(held[-1], "GET", "/login").read()
    seen.append(memory())
    for one in held:
        one.close()
    ask(connect(wish), "GET", "/login").read()
    return {"memory": [*seen, memory()]}


def load(wish: Wish) -> Wish:
    """So many requests a second for so many seconds, over a few connections."""
    statuses: list[int] = []
    errors: list[str] = []
    began, seen = time.monotonic(), []
    lock = threading.Lock()

    def run(number: int, of: int) -> None:
        connection, due = connect(wish), began + number / wish["rate"]
        while due < began + wish["seconds"]:
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                reply = ask(connection, "GET", wish["path"], Cookie=wish["cookie"])
                reply.read()
                with lock:
                    statuses.append(reply.status)
            except (OSError, http.client.HTTPException) as error:
                errors.append(repr(error))
                connection = connect(wish)
            due += of / wish["rate"]

    _warm(wish)
    seen.append(memory())
    threads = [threading.Thread(target=run, args=(number, 8)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen.append(memory())
    took = time.monotonic() - began
    return {
        "statuses": sorted(set(statuses)),
        "count": len(statuses),
        "errors": errors,
        "seconds": took,
        "memory": seen,
    }


def _warm(wish: Wish) -> None:
    connection = connect(wish)
    for _ in range(50):
        ask(connection, "GET", wish["path"], Cookie=wish["cookie"]).read()


def upload(wish: Wish) -> Wish:
    """A file of so many bytes, and it is there."""
    connection, size, seen = connect(wish), wish["size"], [memory()]
    connection.putrequest("PUT", wish["path"])
    origin = f"https://{spell_host(connection)}"
    for name, value in {"Cookie": wish["cookie"], "Origin": origin, "X-Requested-With": "csyncd", "Content-Length": str(size)}.items():  # fmt: skip
        connection.putheader(name, value)
    connection.endheaders()
    piece = bytes(1 << 18)
    for number in range(size // len(piece)):
        connection.send(piece)
        if number % 64 == 0:
            seen.append(memory())
    reply = connection.getresponse()
    return {"status": reply.status, "body": reply.read().decode(), "memory": [seen[0], max(seen)]}


def keep_asking(wish: Wish) -> Wish:
    """What is answered to requests over one connection, which is made anew if it is closed: status, body, whether it was closed."""
    connection, answers = connect(wish), []
    own = {
        "Origin": f"https://{spell_host(connection)}",
        "X_Requested_With": "csyncd",
        "Content_Type": "application/json",
    }
    for method, path, body in wish["requests"]:
        reply = ask(connection, method, path, json.dumps(body), Cookie=wish["cookie"], **own)
        answers.append({"status": reply.status, "body": reply.read().decode(), "closed": reply.will_close})
    return {"answers": answers}


def begin_upload(wish: Wish) -> Wish:
    """What is answered to an upload of so many bytes of which only the first come, and within how many seconds."""
    connection, began = connect(wish), time.monotonic()
    connection.putrequest("PUT", wish["path"])
    own = {
        "Origin": f"https://{spell_host(connection)}",
        "X-Requested-With": "csyncd",
        "Content-Length": str(wish["size"]),
    }
    for name, value in {"Cookie": wish["cookie"], **own}.items():
        connection.putheader(name, value)
    connection.endheaders(bytes(1 << 16))
    threading.Timer(0.5, lambda: connection.sock and connection.send(bytes(1 << 16))).start()
    reply = connection.getresponse()
    return {"status": reply.status, "body": reply.read().decode(), "seconds": time.monotonic() - began}


def guess(wish: Wish) -> Wish:
    """So many wrong passwords, over one connection as long as it lasts."""
    counts: dict[int, int] = {}
    began, connection = time.monotonic(), connect(wish)
    login = json.dumps({"user": "admin", "password": "a guess"})
    while sum(counts.values()) < wish["count"]:
        try:
            reply = ask(connection, "POST", "/login", login, Content_Type="application/json")
            reply.read()
            counts[reply.status] = counts.get(reply.status, 0) + 1
        except (OSError, http.client.HTTPException):  # a connection has a minute
            connection = connect(wish)
    return {"counts": counts, "seconds": time.monotonic() - began}


def watch(wish: Wish) -> Wish:
    """A WebSocket with a channel, until the other side closes it: with which code."""
    stream = open_tab(wish, wish["channel"])
    stream.settimeout(wish["seconds"])
    data = b""
    while b'"from"' not in data:
        data += stream.recv(65536)
    print("watching", flush=True)
    try:
        while piece := stream.recv(65536):
            data += piece
    except TimeoutError:
        return {"ended": False}
    except OSError:
        pass
    end = data.rfind(b"\x88")
    return {"ended": True, "code": int.from_bytes(data[end + 2 : end + 4], "big")}


def open_tab(wish: Wish, *channels: str) -> Any:
    """A WebSocket with these channels."""
    connection = connect(wish)
    connection.connect()
    stream: Any = connection.sock
    host = spell_host(connection)
    lines = [
        "GET /live HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", f"Origin: https://{host}", f"Cookie: {wish['cookie']}",
    ]  # fmt: skip
    stream.sendall("\r\n".join([*lines, "", ""]).encode())
    assert b" 101 " in stream.recv(4096)
    for number, channel in enumerate(channels, 1):
        text = json.dumps({"open": number, "channel": channel, "params": {}}).encode()
        stream.sendall(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)
    return stream


def use_for_an_hour(wish: Wish) -> Wish:
    """What somebody does who clicks something every other second for an hour, without the pauses: 120 loads of the pages with all
    that belongs to them, 3,600 requests of the API, 60 WebSockets with three channels each, ten uploads of 8 MiB."""
    seen = [memory()]
    for _ in range(120):
        connection = connect(wish)
        page = ask(connection, "GET", "/", Cookie=wish["cookie"]).read().decode()
        for asset in sorted({word for word in page.split('"') if word.startswith("/assets/")}):
            ask(connection, "GET", asset, Cookie=wish["cookie"], Accept_Encoding="gzip").read()
        connection.close()
    connection = connect(wish)
    for number in range(3600):
        path = wish["paths"][number % len(wish["paths"])]
        ask(connection, "GET", path, Cookie=wish["cookie"]).read()
    seen.append(memory())
    for _ in range(60):
        stream = open_tab(wish, "services", "banner", "logs")
        stream.recv(65536)
        stream.close()
    for _ in range(10):
        done = upload({**wish, "path": wish["upload"], "size": 8 << 20})
        assert done["status"] < 300, done
    time.sleep(1.0)
    return {"memory": [*seen, memory()]}


DEEDS: dict[str, Callable[[Wish], Wish]] = {
    "show": show, "hold": hold, "load": load, "upload": upload, "guess": guess, "watch": watch,
    "keep asking": keep_asking, "begin upload": begin_upload, "use for an hour": use_for_an_hour,
}  # fmt: skip

if __name__ == "__main__":
    wanted: Wish = json.loads(sys.argv[1])
    socket.setdefaulttimeout(30)
    if "cookie" not in wanted and "login" in wanted:
        log_in(wanted)
    done = DEEDS[wanted["do"]](wanted)
    print(json.dumps({**done, "cookie": wanted.get("cookie", "")}))
