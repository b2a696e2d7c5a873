"""Every route of the web UI: who gets in, and what an answer says."""

from pathlib import Path

from served_site import ServedSite, play


def test_a_login_makes_a_session_and_its_cookie_leads_to_it(tmp_path: Path) -> None:
    async def story(site: ServedSite) -> None:
        reply = await site.log_in()
        assert (reply.status, reply.json) == (200, {"account": "admin", "role": "admin"})
        assert reply.headers["set-cookie"].endswith("; Path=/; HttpOnly; SameSite=Strict")
        shown = await site.ask("GET", "/api/v1/services?a=b%20c", Cookie=reply.cookie)
        assert shown.json == {"path": "/services", "query": {"a": "b c"}, "size": 0}
        assert site.root.asked[-1]["address"] == "127.0.0.1" and site.root.logins[0]["address"] == "127.0.0.1"

    play(tmp_path, story)
