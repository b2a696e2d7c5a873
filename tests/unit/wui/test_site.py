"""Every route of the web UI: who gets in, what an answer says, and what other sites, strangers and liars get."""

import asyncio
import json
from pathlib import Path

import pytest
from root_half import SECRET
from served_site import ServedSite, play, read_reply

SCRIPT = "<script>alert(1)</script>"
#: what anybody may have, and with which status
OPEN = {
    "/": 200,
    "/login": 200,
    "/csyncd/keys": 404,
    "/assets/login-0123ABCD.js": 200,
    "/assets/style-0123ABCD.css": 200,
}
#: what nobody has without a session
CLOSED = (
    "/assets/app-0123ABCD.js", "/assets/app.html", "/api/v1", "/api/v1/", "/api/v1/services", "/api/v1/openapi.json",
    "/api/v1/files?path=/etc/shadow", "/api/v1/../login", "/api/v1//session", "/api/v1/%2e%2e/", "/live",
)  # fmt: skip
#: what is not there
NOWHERE = (
    "/app.html",
    "/login.html",
    "/api",
    "/api/v2/services",
    "/assets/../login.html",
    "//",
    "/assets/%2e%2e/x",
    "/etc/passwd",
    "*",
)


@pytest.fixture
def pages(tmp_path: Path) -> None:
    """Some pages."""
    files = {
        "login.html": "LOGIN {{nonce}}", "app.html": "APP", "assets/login-0123ABCD.js": "login", "assets/style-0123ABCD.css": "style",
        "assets/app-0123ABCD.js": "app", "assets/app-0123ABCD.js.gz": "packed", "assets/app.txt": "kept nowhere", "secret": "no",
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / "pages" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pages" / name).write_text(text)
    (tmp_path / "pages/assets/login-link.js").symlink_to("../secret.d")


def test_a_login_makes_a_session_and_its_cookie_leads_to_it(tmp_path: Path) -> None:
    async def story(site: ServedSite) -> None:
        reply = await site.log_in()
        assert (reply.status, reply.json) == (200, {"account": "admin", "role": "admin"})
        assert reply.headers["set-cookie"].endswith("; Path=/; HttpOnly; SameSite=Strict")
        shown = await site.ask("GET", "/api/v1/services?a=b%20c", Cookie=reply.cookie)
        assert shown.json == {"path": "/services", "query": {"a": "b c"}, "size": 0}
        assert site.root.asked[-1]["address"] == "127.0.0.1" and site.root.logins[0]["address"] == "127.0.0.1"

    play(tmp_path, story)


def test_nothing_but_the_login_is_open_to_who_has_no_session(tmp_path: Path, pages: None) -> None:
    async def story(site: ServedSite) -> None:
        cookie = (await site.log_in()).cookie
        asked = len(site.root.asked)
        lies = (
            "",
            "csyncd-1=a.b",
            f"{cookie[:-1]}",
            f"{cookie.partition('=')[0]}=nobody.{SECRET}",
            f"{cookie}; {cookie}",
        )
        for lie in lies:
            headers = {"Cookie": lie} if lie else {}
            for path, status in OPEN.items():
                assert (await site.ask("GET", path, **headers)).status == status, path
            for path in CLOSED:
                refused = await site.ask("GET", path, **site.own_page, **headers)
                assert (refused.status, refused.headers["content-type"]) == (401, "application/problem+json"), (
                    path,
                    lie,
                )
            for path in NOWHERE:
                assert (await site.ask("GET", path, **headers)).status in (400, 401, 404), path
        assert {head["path"] for head in site.root.asked[asked:]} <= {"/session"}, "nothing else reached the root half"
        assert (await site.ask("GET", "/", Cookie=cookie)).body == b"APP", "the control"
        assert (await site.ask("GET", "/assets/app-0123ABCD.js", Cookie=cookie)).body == b"app"
        assert (await site.ask("GET", "/api/v1/services", Cookie=cookie)).status == 200

    play(tmp_path, story)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "FOO"])
def test_no_other_method_opens_more(tmp_path: Path, pages: None, method: str) -> None:
    async def story(site: ServedSite) -> None:
        for path in (*OPEN, *CLOSED, *NOWHERE):
            assert (await site.ask(method, path, b"{}", **site.own_page)).status in (400, 401, 403, 404, 405, 415), path
        assert not site.root.asked and not site.root.logins

    play(tmp_path, story)


@pytest.mark.parametrize(
    "headers",
    [
        {}, {"Origin": "OWN"}, {"X_Requested_With": "csyncd"}, {"X_Requested_With": "csyncd", "Origin": "https://evil.example"},
        {"X_Requested_With": "csyncd", "Origin": "null"}, {"X_Requested_With": "csyncd", "Sec_Fetch_Site": "cross-site"},
        {"X_Requested_With": "csyncd", "Sec_Fetch_Site": "same-site", "Origin": "OWN"},
        {"X_Requested_With": "csyncd", "Sec_Fetch_Site": "none"}, {"X_Requested_With": "other", "Origin": "OWN"},
    ],
)  # fmt: skip
def test_another_sites_page_changes_nothing(tmp_path: Path, headers: dict[str, str]) -> None:
    async def story(site: ServedSite) -> None:
        cookie = (await site.log_in()).cookie
        sent = {name: site.origin if value == "OWN" else value for name, value in headers.items()}
        for method, path in (("POST", "/api/v1/x"), ("PUT", "/api/v1/x"), ("DELETE", "/api/v1/x"), ("POST", "/logout")):
            assert (await site.ask(method, path, b"{}", Cookie=cookie, **sent)).status == 403
            assert {head["method"] for head in site.root.asked} <= {"GET"}
        assert (await site.ask("POST", "/api/v1/x", b"{}", Cookie=cookie, **site.own_page)).status == 200, "the control"
        assert site.root.asked[-1]["method"] == "POST"

    play(tmp_path, story)


def test_another_sites_page_logs_nobody_in(tmp_path: Path) -> None:
    async def story(site: ServedSite) -> None:
        assert (await site.log_in(Origin="https://evil.example")).status == 403
        assert (await site.log_in(Sec_Fetch_Site="cross-site")).status == 403
        assert (await site.log_in(Content_Type="text/plain")).status == 415, "what a form may send"
        assert not site.root.logins
        assert (await site.log_in(Origin=site.origin)).status == 200, "the control"

    play(tmp_path, story)


def test_a_session_is_never_the_one_that_a_stranger_chose(tmp_path: Path) -> None:
    async def story(site: ServedSite) -> None:
        await site.root.open_session("chosen")
        name = (await site.log_in()).cookie.partition("=")[0]
        reply = await site.log_in(Cookie=f"{name}=chosen.{SECRET}")
        assert "chosen" not in reply.cookie
        assert reply.cookie != (await site.log_in()).cookie, "each login has a session of its own"

    play(tmp_path, story)


@pytest.mark.parametrize("name", ["../login", "..%2flogin", "/run/x", "a/b", "a" * 65, "", "a.b", "\x00", "é"])
def test_a_cookie_names_no_other_socket(tmp_path: Path, name: str) -> None:
    async def story(site: ServedSite) -> None:
        cookie = (await site.log_in()).cookie.partition("=")[0]
        assert (await site.ask("GET", "/api/v1/x", Cookie=f"{cookie}={name}.{SECRET}")).status in (400, 401)
        assert len(site.root.logins) == 1 and not site.root.asked

    play(tmp_path, story)


def test_logging_out_ends_the_session_and_the_cookie(tmp_path: Path) -> None:
    async def story(site: ServedSite) -> None:
        cookie = (await site.log_in()).cookie
        reply = await site.ask("POST", "/logout", Cookie=cookie, **site.own_page)
        assert reply.status == 204 and "Max-Age=0" in reply.headers["set-cookie"]
        assert (site.root.asked[-1]["method"], site.root.asked[-1]["path"]) == ("DELETE", "/session")

    play(tmp_path, story)


def test_a_session_that_is_over_is_noticed(tmp_path: Path) -> None:
    async def story(site: ServedSite) -> None:
        cookie = (await site.log_in()).cookie
        site.root.end_session("session1")
        reply = await site.ask("GET", "/api/v1/x", Cookie=cookie)
        assert (
            reply.status == 401 and reply.json["hint"] == "log in again" and "Max-Age=0" in reply.headers["set-cookie"]
        )

    play(tmp_path, story)


def test_a_token_is_a_login_of_its_own(tmp_path: Path) -> None:
    """Checked once, and again when its session is over; no cookie, and no proof that a page asks."""

    async def story(site: ServedSite) -> None:
        replies = await asyncio.gather(
            *(site.ask("POST", "/api/v1/x", b"{}", Authorization="Bearer right") for _ in range(5))
        )
        assert [reply.status for reply in replies] == [200] * 5 and "set-cookie" not in replies[0].headers
        assert len(site.root.logins) == 1 and site.root.logins[0] == {"token": "right", "address": "127.0.0.1"}
        site.root.end_session("session1")
        assert (await site.ask("GET", "/api/v1/x", Authorization="bearer right")).status == 200
        assert len(site.root.logins) == 2
        wrong = await site.ask("GET", "/api/v1/x", Authorization="Bearer wrong")
        assert wrong.status == 401 and "set-cookie" not in wrong.headers
        evil = await site.ask("POST", "/api/v1/x", b"{}", Authorization="Bearer right", Origin="https://evil.example")
        assert evil.status == 403

    play(tmp_path, story)


@pytest.mark.parametrize(
    "path",
    [
        f"/{SCRIPT}",
        f"/api/v1/{SCRIPT}",
        f"/assets/{SCRIPT}",
        f"/?q={SCRIPT}",
        f"/api/v1/x?{SCRIPT}={SCRIPT}&{SCRIPT}=2",
    ],
)
def test_nothing_that_somebody_sends_is_said_back(tmp_path: Path, pages: None, path: str) -> None:
    async def story(site: ServedSite) -> None:
        names = ("Host", "Cookie", "Origin", "Referer", "User_Agent", "Authorization", "Accept_Encoding", "X_Forwarded_For", "X_Forwarded_Host", "Content_Type")  # fmt: skip
        asked = path.replace(" ", "%20")
        for name in (*names, ""):
            headers = {name: SCRIPT} if name else {}
            for method in ("GET", "POST"):
                reply = await site.ask(method, asked, **headers)
                assert SCRIPT.encode() not in reply.body and SCRIPT not in str(reply.headers), (method, name)
                assert "alert" not in str(reply.headers)

    play(tmp_path, story)


def test_every_answer_keeps_other_sites_out(tmp_path: Path, pages: None) -> None:
    async def story(site: ServedSite) -> None:
        cookie = (await site.log_in()).cookie
        for path in ("/", "/login", "/csyncd/keys", "/assets/login-0123ABCD.js", "/api/v1/x", "/nowhere", "/live"):
            said = (await site.ask("GET", path, Cookie=cookie)).headers
            assert said["x-content-type-options"] == "nosniff" and said["x-frame-options"] == "DENY", path
            assert said["referrer-policy"] == "no-referrer" and said["cross-origin-resource-policy"] == "same-origin"
            policy = said["content-security-policy"]
            assert (
                policy.startswith("default-src 'none'") and "frame-ancestors 'none'" in policy and "server" not in said
            )
            assert ("unsafe-inline" in policy.replace("style-src-attr 'unsafe-inline'", "")) is False
            assert ("sandbox" in policy) == (path != "/")
            assert said["cache-control"] == ("max-age=31536000, immutable" if "assets" in path else "no-store")

    play(tmp_path, story)


def test_each_page_has_a_word_of_its_own_for_its_styles(tmp_path: Path, pages: None) -> None:
    async def story(site: ServedSite) -> None:
        one, two = await site.ask("GET", "/"), await site.ask("GET", "/")
        nonce = one.body.decode().removeprefix("LOGIN ")
        assert f"style-src 'self' 'nonce-{nonce}';" in one.headers["content-security-policy"]
        assert one.body != two.body and len(nonce) > 16

    play(tmp_path, story)


def test_assets_come_packed_to_who_takes_that_and_links_lead_nowhere(tmp_path: Path, pages: None) -> None:
    async def story(site: ServedSite) -> None:
        cookie = (await site.log_in()).cookie
        packed = await site.ask("GET", "/assets/app-0123ABCD.js", Cookie=cookie, Accept_Encoding="gzip, br")
        assert packed.body == b"packed" and packed.headers["content-encoding"] == "gzip"
        assert packed.headers["content-type"].startswith("text/javascript")
        assert (await site.ask("HEAD", "/assets/app-0123ABCD.js", Cookie=cookie)).headers["content-length"] == "3"
        assert (await site.ask("GET", "/assets/app.txt", Cookie=cookie)).headers["cache-control"] == "no-store"
        assert (await site.ask("GET", "/assets/login-link.js")).status == 404

    play(tmp_path, story)


def test_a_firmware_without_pages_says_so(tmp_path: Path) -> None:
    async def story(site: ServedSite) -> None:
        reply = await site.ask("GET", "/")
        assert reply.status == 503 and b"built without them" in reply.body

    play(tmp_path, story)


def test_the_first_page_knows_whether_there_is_a_password(tmp_path: Path) -> None:
    async def story(site: ServedSite) -> None:
        assert (await site.ask("GET", "/login")).json == {"setup": True}
        (tmp_path / "accounts.json").write_text("")
        assert (await site.ask("GET", "/login")).json == {"setup": False}
        body = json.dumps({"code": "abc", "password": "right"}).encode()
        assert (await site.ask("POST", "/login", body, Content_Type="application/json")).status == 200
        assert site.root.logins == [{"code": "abc", "password": "right", "address": "127.0.0.1"}]

    play(tmp_path, story)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"{}", b'{"user": "a"}', b'{"user": 1, "password": "b"}', b'{"user": "a", "password": {}}',
        b'{"user": "a", "password": "b", "address": "10.0.0.1"}', b'{"token": "right"}', b"[" * 4000, b"\xff\xfe",
        b'{"user": "a", "password": "' + b"x" * 2000 + b'"}',
    ],
)  # fmt: skip
def test_what_is_no_login_reaches_nobody(tmp_path: Path, body: bytes) -> None:
    async def story(site: ServedSite) -> None:
        reply = await site.ask("POST", "/login", body, Content_Type="application/json")
        assert reply.status == 400 and reply.json["detail"]
        assert not site.root.logins

    play(tmp_path, story)


def test_cookies_of_two_nodes_behind_one_host_do_not_collide(tmp_path: Path) -> None:
    async def story(site: ServedSite) -> None:
        names = [
            (await site.log_in(Host=host)).cookie.partition("=")[0]
            for host in ("a:8443", "a:8444", "a", "[fd00::1]:80")
        ]
        assert names == ["csyncd-8443", "csyncd-8444", "csyncd-web", "csyncd-80"]

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("head", "statuses"),
    [
        ("POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", (411,)),
        ("POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\nContent-Length: 44\r\n\r\n", (400, 411)),
        ("POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", (400, 411)),
        ("POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", (411,)),
        ("POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n", (400,)),
        ("POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n", (400,)),
        ("POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 0x0\r\n\r\n", (400,)),
        ("POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", (400,)),
        ("POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 1_0\r\n\r\n0123456789", (400,)),
        ("POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999\r\n\r\n", (413, 415, 400)),
        ("POST /login HTTP/1.1\r\nHost: a\r\nContent-Length : 0\r\nTransfer-Encoding : chunked\r\n\r\n", (400,)),
        ("nonsense\r\n\r\n", (400,)),
        ("GET / HTTP/9.9\r\n\r\n", (400, 405)),
        ("GET /csyncd/keys HTTP/1.1\r\nHost: a\r\nX: " + "y" * 20000 + "\r\n\r\n", ()),
    ],
)  # fmt: skip
def test_what_two_programs_could_read_differently_ends_the_connection(
    tmp_path: Path, head: str, statuses: tuple[int, ...]
) -> None:
    """Nothing after it is taken for a request of its own."""

    async def story(site: ServedSite) -> None:
        reader, writer = await site.connect()
        writer.write(head.encode() + b"GET /csyncd/keys HTTP/1.1\r\nHost: smuggled\r\n\r\n")
        try:
            said = await reader.read()
        except ConnectionResetError:
            said = b""
        found = [int(line.split()[1]) for line in said.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
        assert len(found) <= 1 and set(found) <= set(statuses), said
        reader, writer = await site.connect()
        writer.write(b"GET /login HTTP/1.1\r\nHost: a\r\n\r\nGET /csyncd/keys HTTP/1.1\r\nHost: a\r\n\r\n")
        assert [(await read_reply(reader)).status for _ in range(2)] == [200, 404], "the control: one after the other"

    play(tmp_path, story)


def test_a_password_that_is_too_long_is_told_in_words_that_whoever_typed_it_knows(tmp_path: Path) -> None:
    async def story(site: ServedSite) -> None:
        for length in (1025, 5000):
            reply = await site.log_in("x" * length)
            assert (
                reply.status in (400, 413)
                and "a password and a code have at most 1,024 characters" in reply.json["detail"]
            )
        assert (await site.log_in()).status == 200

    play(tmp_path, story)
