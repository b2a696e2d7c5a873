"""What haproxy says of its file, with the place in front."""

from pathlib import Path

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
    ],
)
def test_places_in_haproxys_words(said: str, placed: str) -> None:
    assert words.with_places(said) == placed


def test_what_helps_nobody_to_correct_it_is_left_out() -> None:
    said = "[NOTICE]   (9) : haproxy version is 2\n[NOTICE]   (9) : path to executable is /x\n[NOTICE]   (9) : New worker (8) forked\n"
    assert words.messages(said, "").errors == words.messages(said, "").warnings == ()


def test_that_there_were_errors_is_said_only_where_no_other_is_told() -> None:
    summary = "[ALERT]    (9) : config : Error(s) found in configuration file : /x\n[ALERT] (9) : config : Fatal errors found in configuration."
    error = "[ALERT]    (9) : config : Proxy 'w': unable to find required default_backend: 'b'."
    assert words.messages(f"{error}\n{summary}", "").errors == (error,)
    assert len(words.messages(summary, "").errors) == 2


def test_a_warning_keeps_its_further_lines_and_is_no_error() -> None:
    said = f"[WARNING]  (9) : config : parsing [{PLACE}] : one\n   | more\n[ALERT]    (9) : config : parsing [{PLACE}] : two\n"
    found = words.messages(said, "")
    assert found.warnings == (f"{PLACE}: warning: one\n   | more",) and found.errors == (f"{PLACE}: two",)


def test_an_interface_that_is_not_there_is_no_mere_warning() -> None:
    """haproxy would listen on all of them."""
    said = f"[WARNING]  (9) : Binding [{PLACE}] for frontend f: cannot bind receiver to device 'eth9' (No such device) for [::]:80]\n"
    found = words.messages(said, "")
    assert found.is_fatal and not found.warnings and found.errors[0].startswith(f"{PLACE}: Binding")


@pytest.mark.parametrize(
    ("line", "said", "told"),
    [
        (
            "maxconn 4000",
            "Cannot raise FD limit to 8039, limit is 1000.",
            "maxconn 4000 needs 8039 open files; there are 1000: at most about 497",
        ),
        (
            "pidfile /x",
            "Cannot create pidfile /x",
            "Cannot create pidfile /x; what haproxy makes lies below /run/haproxy",
        ),
        ("chroot /x", "Cannot chroot(/x).", "Cannot chroot(/x)."),
        ("uid 0", "Cannot set uid 0.", "Cannot set uid 0."),
    ],
)
def test_words_without_a_place_get_the_one_of_their_line(tmp_path: Path, line: str, said: str, told: str) -> None:
    file = tmp_path / "x.cfg"
    file.write_text(f"global\n {line}\nlisten x\n maxconn 5\n")
    assert words.messages(f"[ALERT]    (6) : [haproxy.main()] {said}\n", str(file)).errors == (f"{file}:2: {told}",)


def test_a_socket_that_cannot_be_made_is_told_where_it_may_lie() -> None:
    said = f"[ALERT]    (6) : Binding [{PLACE}] for frontend GLOBAL: cannot bind UNIX socket (Permission denied) [/opt/x]\n"
    assert words.messages(said, "").errors[0].endswith("[/opt/x]; what haproxy makes lies below /run/haproxy")
