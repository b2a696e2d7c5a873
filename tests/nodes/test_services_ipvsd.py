"""Layer 4 on lab nodes: its checker. The kernel of a lab node has no LVS, so what it serves is tested on virtual units."""

import pytest
from lab_driver import Lab
from service_helpers import append, run_service

FILE = "/etc/ipvsd/ipvsd.conf"
GOOD = """\
global_defs {
    router_id one
}
virtual_server 10.32.0.100 80 {
    delay_loop 2
    lb_algo wrr
    lb_kind NAT
    protocol TCP
    real_server 10.32.0.21 8080 {
        weight 1
        TCP_CHECK {
            connect_timeout 1
        }
    }
}
"""


@pytest.fixture(scope="module")
def lab(module_lab: Lab) -> Lab:
    append(module_lab, "/etc/config.rc", "\nservice ipvsd\n")
    module_lab.run(1, "mkdir", "/etc/ipvsd")
    return module_lab


def problems(lab: Lab, text: str, status: int = 4) -> str:
    lab.write(1, FILE, text)
    return run_service(lab, "ipvsd", "check", status=status).stderr


def test_a_good_file_passes(lab: Lab) -> None:
    assert problems(lab, GOOD, 0) == ""


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("MISC_CHECK {\n misc_path /bin/id\n}", "'MISC_CHECK' is not supported: programs are not run for layer 4"),
        ('"misc_path" /bin/id', "'misc_path' is not supported: programs"),
        ("notify_up /bin/id", "'notify_up' is not supported: programs"),
        ("include /etc/shadow", "'include' is not supported: all of it stands in this one file"),
        ("PING_CHECK {\n}", "'PING_CHECK' is not supported: it takes raw sockets"),
        ("$A notify_up", "'$A' is not supported: variables"),
        ("notify\\\n_up /bin/id", "is not supported: variables, conditions and lines that go on"),
    ],
)
def test_what_would_run_programs_or_read_other_files_is_refused(lab: Lab, line: str, words: str) -> None:
    at = GOOD[: GOOD.index("        TCP_CHECK")].count("\n") + 1
    told = problems(lab, GOOD.replace("        TCP_CHECK", f"{line}\nTCP_CHECK", 1))
    assert f"{FILE}:{at}: " in told and words in told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", f"{FILE}:1: nothing is configured here"),
        (GOOD[:-2], f"{FILE}:4: the '{{' of 'virtual_server 10.32.0.100 80' is never closed"),
        (GOOD.replace("router_id", "net_namespace"), f"{FILE}:2: 'net_namespace' is not supported"),
        (f"vrrp_instance a {{\n}}\n{GOOD}", f"{FILE}:1: 'vrrp_instance' does not belong to layer 4"),
        (GOOD.replace("wrr", "best"), f"{FILE}:6: "),
        (f"{{\n}}\n{GOOD}", f"{FILE}:1: '' does not belong to layer 4"),
        (GOOD.replace("wrr", "wrr\0"), f"{FILE}:6: a control character stands in this line"),
        (f"SSL {{\n  ca /etc/ipvsd/../wui/tls.pem\n}}\n{GOOD}", f"{FILE}:2: 'ca' names a file elsewhere"),
    ],
)
def test_mistakes_are_named_with_their_line(lab: Lab, text: str, words: str) -> None:
    assert words in problems(lab, text)


def test_without_a_file_it_does_not_start(lab: Lab) -> None:
    lab.run(1, "rm", "-f", FILE)
    assert f"{FILE}: there is no such file" in run_service(lab, "ipvsd", "start", status=4).stderr
