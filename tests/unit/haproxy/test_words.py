"""What haproxy says of its file, with the place in front."""

import pytest

from firmware.haproxy import words

PLACE = "/etc/haproxy/haproxy.cfg:5"


@pytest.mark.parametrize(
    ("said", "placed"),
    [
        (f"[ALERT]    (9) : config : parsing [{PLACE}] : unknown keyword 'x : y'", f"{PLACE}: unknown keyword 'x : y'"),
        (f"[ALERT]    (9) : config : Parsing [{PLACE}]: frontend 'w'", f"{PLACE}: frontend 'w'"),
        (f"[WARNING]  (9) : config : parsing [{PLACE}]: a rule", f"{PLACE}: warning: a rule"),
        (f"[WARNING] 12/3456 (9) : parsing [{PLACE}] : a rule", f"{PLACE}: warning: a rule"),
        (f"[ALERT]    (9) : config : [{PLACE}] : 'server b/a' : no", f"{PLACE}: 'server b/a' : no"),
        (f"[ALERT]    (9) : config : backend 'b' [{PLACE}]: no", f"{PLACE}: backend 'b' [{PLACE}]: no"),
        (f"[ALERT] {PLACE}: no", f"{PLACE}: no"),
        (f"[ALERT]    (9) : config : in {PLACE}: no", f"{PLACE}: in {PLACE}: no"),
        (
            "[ALERT]    (9) : config : parsing [/etc/haproxy/a b.cfg:5] : Lua: /x.lua:1: a\nb",
            "/etc/haproxy/a b.cfg:5: Lua: /x.lua:1: a\nb",
        ),
        ("[ALERT]    (9) : config : Proxy 'w': no [1:2]", "[ALERT]    (9) : config : Proxy 'w': no [1:2]"),
        ("[ALERT]    (9) : config : Fatal errors found.", "[ALERT]    (9) : config : Fatal errors found."),
        ("[NOTICE]   (9) : other words", "[NOTICE]   (9) : other words"),
        ("[NOTICE]   (9) : haproxy version is 2\n[NOTICE]   (9) : path to executable is /x\nno", "no"),
    ],
)
def test_places_in_haproxys_words(said: str, placed: str) -> None:
    assert words.with_places(said, failed=True) == placed


def test_what_haproxy_says_about_itself_stays_where_nothing_is_wrong() -> None:
    said = "[NOTICE]   (9) : haproxy version is 2"
    assert words.with_places(said, failed=False) == said
