"""The web UI's daemon on a real node: its account, its certificate, where it listens."""

from collections.abc import Iterator

import pytest
from lab_driver import Lab
from service_helpers import run_service, service_pid, service_row

CERTIFICATE = "/etc/wui/tls.pem"
PAGE = "4444/csyncd/keys"


@pytest.fixture
def lab(module_lab: Lab) -> Iterator[Lab]:
    """A node whose web UI is as the factory has it."""
    yield module_lab
    module_lab.run(1, "cp", "/usr/share/factory/etc/config.rc", "/etc/config.rc")
    module_lab.run(1, "rm", "-rf", "/etc/wui")
    run_service(module_lab, "wui", "apply")


def fetch(lab: Lab, scheme: str, port: str = PAGE, host: str = "127.0.0.1") -> str:
    """The status of what it answers, or why it does not."""
    words = ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}%{errormsg}", f"{scheme}://{host}:{port}"]
    return lab.run(1, *words, check=False).stdout


def served(lab: Lab) -> str:
    """The certificate that it shows, as text."""
    show = "openssl s_client -connect 127.0.0.1:4444 </dev/null 2>/dev/null | openssl x509"
    return lab.run(1, "sh", "-c", show).stdout


def certificate(lab: Lab) -> str:
    return lab.run(1, "openssl", "x509", "-in", CERTIFICATE).stdout


def test_it_shows_a_certificate_whose_key_only_root_and_its_account_can_read(lab: Lab) -> None:
    assert served(lab) == certificate(lab)
    assert lab.run(1, "stat", "-c", "%a %U %G", CERTIFICATE).stdout == "640 root wui\n"
    assert fetch(lab, "https") == "404", "there are no keys yet"


@pytest.mark.parametrize("gone", [CERTIFICATE, "/etc/wui"])
def test_a_certificate_that_is_gone_is_made_anew(lab: Lab, gone: str) -> None:
    before = certificate(lab)
    lab.run(1, "rm", "-r", gone)
    run_service(lab, "wui", "apply")
    assert served(lab) == certificate(lab) != before
    assert "needs apply" not in run_service(lab, "wui", "status").stdout


def test_a_certificate_of_the_operators_own_is_kept_and_made_readable(lab: Lab) -> None:
    make = "openssl req -x509 -newkey rsa:2048 -noenc -subj /CN=mine -keyout /tmp/k -out /tmp/c 2>/dev/null && cat /tmp/k /tmp/c"
    lab.run(1, "sh", "-c", f"umask 077; {make} >{CERTIFICATE}; chmod 600 {CERTIFICATE}; chown root:root {CERTIFICATE}")
    mine = certificate(lab)
    run_service(lab, "wui", "apply")
    assert served(lab) == certificate(lab) == mine


def test_one_that_cannot_be_used_is_refused_and_the_daemon_runs_on(lab: Lab) -> None:
    before = service_pid(lab, "wui")
    lab.write(1, CERTIFICATE, "no certificate\n")
    said = run_service(lab, "wui", "restart", status=4).stderr
    assert f"wui: {CERTIFICATE}: [SSL]" in said and f"hint: remove {CERTIFICATE}" in said
    assert service_pid(lab, "wui") == before
    run_service(lab, "wui", "revert")
    assert served(lab) == certificate(lab)


def test_it_listens_where_its_block_says(lab: Lab) -> None:
    """Also below 1024, and where its account cannot read config.rc."""
    for words in (("port", "443"), ("listen", "127.0.0.1"), ("tls", "off")):
        lab.run(1, "config", "set", "wui", *words)
    lab.run(1, "chmod", "600", "/etc/config.rc")
    run_service(lab, "wui", "apply")
    assert fetch(lab, "http", "443/csyncd/keys") == "404"
    assert fetch(lab, "http", "443/csyncd/keys", "10.32.0.11").startswith("000")


def test_what_could_not_be_started_leaves_what_ran_before_and_revert_brings_its_configuration_back(lab: Lab) -> None:
    lab.run(1, "config", "set", "wui", "port", "22")
    error = run_service(lab, "wui", "apply", status=1).stderr
    assert "address already in use" in error and "what ran before runs again" in error
    assert service_row(lab, "wui")["state"] == "running" and service_row(lab, "wui")["needs_apply"]
    run_service(lab, "wui", "revert")
    assert service_row(lab, "wui")["state"] == "running" and not service_row(lab, "wui")["needs_apply"]
    assert fetch(lab, "https") == "404"


def test_the_first_command_that_fails_ends_what_is_made_ready(lab: Lab) -> None:
    lab.run(1, "rm", "-r", "/etc/wui")
    lab.run(1, "sh", "-c", "mv /usr/bin/openssl /usr/bin/openssl.away && ln -s /bin/false /usr/bin/openssl")
    try:
        said = run_service(lab, "wui", "apply", status=1).stderr
        assert "service wui: not prepared: openssl" in said
        assert "mv" not in said
    finally:
        lab.run(1, "mv", "/usr/bin/openssl.away", "/usr/bin/openssl")
