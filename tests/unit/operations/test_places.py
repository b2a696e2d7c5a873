"""The words of checkers as places in files."""

from firmware.operations.places import Place, find_places

WORDS = """\
/etc/haproxy/haproxy.cfg:5: unknown keyword 'x' in 'frontend' section
  did you mean 'maxconn'?
/etc/haproxy/haproxy.cfg:9: warning: 'user' is passed over
/etc/haproxy/\x1b[2Jname:12: something
[ALERT]    (13) : config : Error(s) found in configuration file : /etc/haproxy/haproxy.cfg
[ALERT]    (13) : config : Fatal errors found in configuration."""


def test_several_errors_and_warnings_have_their_lines() -> None:
    assert find_places(WORDS.splitlines()) == (
        Place("/etc/haproxy/haproxy.cfg", 5, "unknown keyword 'x' in 'frontend' section\n  did you mean 'maxconn'?"),
        Place("/etc/haproxy/haproxy.cfg", 9, "'user' is passed over", "warning"),
        Place("/etc/haproxy/\\x1b[2Jname", 12, "something"),
    )


def test_what_begins_with_a_severity_belongs_to_no_place_before_it() -> None:
    words = [
        "/etc/x:1: one",
        "[ALERT]    (9) : config : Proxy 'w': no backend",
        "[ALERT] (9) : config : Fatal errors found in configuration.",
    ]
    assert find_places(words) == (Place("/etc/x", 1, "one"), Place("", 0, words[1]))


def test_words_without_a_place_are_not_lost() -> None:
    assert find_places(["keepalived: it does not start"]) == (Place("", 0, "keepalived: it does not start"),)
    assert find_places(["[ALERT] (13) : config : Fatal errors found in configuration."])[0].line == 0
    assert find_places([""]) == ()


def test_other_programs_name_places_in_other_ways() -> None:
    words = [
        "/etc/ssh/sshd_config: line 1: Bad option",
        "/etc/csyncd/csyncd.cfg: LOCAL_NODE is missing",
        "csyncd: 2 errors",
    ]
    assert find_places(words) == (
        Place("/etc/ssh/sshd_config", 1, "Bad option"),
        Place("/etc/csyncd/csyncd.cfg", 0, "LOCAL_NODE is missing\ncsyncd: 2 errors"),
    )


def test_what_only_warns_is_a_warning() -> None:
    assert find_places(["/etc/x:1: it lacks names"], "warning") == (Place("/etc/x", 1, "it lacks names", "warning"),)
