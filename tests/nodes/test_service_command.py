"""The program `service`: its words, its exit statuses, what it prints, and how little time it takes."""

import json
from collections.abc import Iterator

import pytest
from lab_driver import Lab
from service_helpers import append, run_service, service_row


@pytest.fixture
def lab(module_lab: Lab) -> Iterator[Lab]:
    """A node whose config.rc is as the factory made it."""
    yield module_lab
    module_lab.run(1, "cp", "/usr/share/factory/etc/config.rc", "/etc/config.rc")


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        (
            (),
            2,
            "service: a verb is missing: it is one of list, boot, help, open-provisioning, shutdown, or NAME[.INSTANCE] and one of start, stop",
        ),
        (("start", "haproxy"), 2, "service: start comes after the name: service haproxy start"),
        (("start",), 2, "service: start comes after the name: service NAME[.INSTANCE] start"),
        (("haproxy",), 2, "service haproxy: a verb is missing: it is one of start, stop"),
        (("haproxy", "strat"), 2, "service haproxy: unknown verb 'strat'"),
        (("hapoxy", "start"), 2, "service hapoxy start: hapoxy: there is no such service\nhint: did you mean haproxy?"),
        (("hapoxy", "status"), 4, "did you mean haproxy?"),
        (("network.eth9", "start"), 1, "network.eth9: it is not in /etc/config.rc\nhint: did you mean network.eth0?"),
        (("network.eth1", "status"), 4, "network.eth1: it is not in /etc/config.rc"),
        (("haproxy", "start", "now"), 2, "'now' is one word too many"),
        (("list", "--jason"), 2, "--jason: unknown option"),
        (("csyncd", "reload"), 3, "service csyncd does not run\nhint: service csyncd start"),
        (("../x", "start"), 2, "there is no such service"),
        (("network.../../x", "stop"), 2, "there is no such service"),
        (("../../../tmp/zz", "start"), 2, "../../../tmp/zz: there is no such service"),
        (("", "start"), 2, "'': there is no such service"),
        (("", "status"), 4, "'': there is no such service"),
    ],
)
def test_wrong_words_are_named(lab: Lab, words: tuple[str, ...], status: int, error: str) -> None:
    said = run_service(lab, *words, status=status).stderr
    assert error in said and "Traceback" not in said


def test_help_is_given_wherever_it_is_asked_for(lab: Lab) -> None:
    whole = run_service(lab, "--help").stdout
    assert whole.startswith("usage: service [-v] VERB") and "service NAME[.INSTANCE] revert" in whole
    assert run_service(lab, "start", "--help").stdout == whole
    assert run_service(lab, "haproxy", "start", "--help").stdout.startswith(
        "usage: service haproxy start [--confirm [SECONDS]]\n"
    )


@pytest.mark.all(but=["start", "check"])
@pytest.mark.parametrize("verb", ["start", "stop", "restart", "reload", "check", "apply", "revert"])
def test_a_name_that_is_a_path_leaves_no_file_behind(lab: Lab, verb: str) -> None:
    run_service(lab, "../../../tmp/zz", verb, status=2)
    assert lab.run(1, "ls", "/tmp/zz", check=False).status != 0


@pytest.mark.all(but=["service list"])
@pytest.mark.parametrize("command", ["service list", "service --help", "service haproxy status --help", "config show"])
def test_what_cannot_be_printed_is_an_error_and_never_python_s_own(lab: Lab, command: str) -> None:
    said = lab.run(1, "sh", "-c", f"{command} >/dev/full", check=False)
    assert said.status == 1 and said.stderr.endswith(
        ": stdout: No space left on device\nhint: make room where the output goes\n"
    ), said
    assert said.stderr.count("\n") == 2
    begin, end = "rm -f /tmp/gone; ( until [ -e /tmp/gone ]; do sleep 0.02; done", "| ( exec <&-; touch /tmp/gone )"
    gone = lab.run(1, "sh", "-c", f"{begin}; {command}; echo $? >/tmp/ended ) {end}", check=False)
    assert gone.stderr == "" and lab.read(1, "/tmp/ended") == "1\n"
    both = lab.run(1, "sh", "-c", f"{begin}; {command} 2>&1; echo $? >/tmp/ended ) {end}", check=False)
    assert both.stderr == "" and lab.read(1, "/tmp/ended") == "1\n"
    for closed in (">&-", "2>&-", ">&- 2>&-"):
        said = lab.run(1, "sh", "-c", f"{command} {closed}", check=False)
        assert (said.status, said.stderr) == (0, ""), said


def test_who_is_not_root_is_told_so(lab: Lab) -> None:
    nobody, locks = ("setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"), "/run/firmware/lock"
    said = lab.run(1, *nobody, "service", "haproxy", "start", check=False)
    assert said.status == 1
    assert said.stderr == "service haproxy start: /etc/config.rc: not read: Permission denied\nhint: run it as root\n"
    said = lab.run(1, *nobody, "config", "set", "haproxy", "autostart", "off", check=False)
    assert said.status == 1
    assert said.stderr.endswith(f"{locks}/config.rc: Permission denied\nhint: run it as root\n")


def test_help(lab: Lab) -> None:
    shown = run_service(lab, "--help").stdout
    for line in ("service list [--json]", "service boot", "service NAME[.INSTANCE] start", "NAME[.INSTANCE] revert"):
        assert line in shown
    assert "usage: service haproxy status [--json]" in run_service(lab, "haproxy", "status", "--help").stdout


def test_the_table_for_people(lab: Lab) -> None:
    lines = run_service(lab, "list").stdout.splitlines()
    assert lines[0].split() == ["SERVICE", "STATE", "PID", "SINCE", "AUTOSTART"]
    cells = {line.split()[0]: line.split() for line in lines[1:]}
    assert list(cells) == ["system", "network.eth0", "syslogd", "sshd", "haproxy", "wui", "csyncd"]
    assert cells["haproxy"][1] == "running" and cells["haproxy"][2].isdigit()
    assert cells["csyncd"][1:] == ["stopped", "-", "-", "no"]
    append(lab, "/etc/haproxy/haproxy.cfg", "# more\n")
    assert "needs apply" in next(line for line in run_service(lab, "list").stdout.splitlines() if "haproxy" in line)
    run_service(lab, "haproxy", "revert")
    assert "needs apply" not in run_service(lab, "list").stdout


def test_the_keys_of_json(lab: Lab) -> None:
    rows = json.loads(run_service(lab, "list", "--json").stdout)
    keys = {"name", "instance", "autostart", "state", "pid", "since", "needs_apply"}
    assert all(set(one) == keys for one in rows)
    assert rows[1]["name"] == "network" and rows[1]["instance"] == "eth0"
    assert isinstance(rows[4]["pid"], int) and isinstance(rows[4]["since"], float)
    assert (rows[0]["name"], rows[0]["pid"]) == ("system", None)
    assert (rows[6]["name"], rows[6]["pid"], rows[6]["since"]) == ("csyncd", None, None)
    never = json.loads(run_service(lab, "csyncd", "status", "--json", status=3).stdout)
    assert (never["pid"], never["since"]) == (None, None)
    shown = json.loads(run_service(lab, "haproxy", "status", "--json").stdout)
    assert keys < set(shown) and shown["crashes"] == 0


def test_no_service_switches_it_off(lab: Lab) -> None:
    lab.run(1, "sed", "-i", "s/^service haproxy/no service haproxy/", "/etc/config.rc")
    assert service_row(lab, "haproxy")["state"] == "running" and service_row(lab, "haproxy")["needs_apply"]
    assert "switched off in config.rc, line" in run_service(lab, "haproxy", "restart", status=3).stderr
    run_service(lab, "haproxy", "apply")
    assert service_row(lab, "haproxy")["state"] == "disabled" and not service_row(lab, "haproxy")["needs_apply"]
    run_service(lab, "haproxy", "status", status=3)
    run_service(lab, "haproxy", "start", status=3)
    lab.run(1, "sed", "-i", "s/^no service haproxy/service haproxy/", "/etc/config.rc")
    run_service(lab, "haproxy", "start")
    assert service_row(lab, "haproxy")["state"] == "running"


def test_a_deleted_block_can_be_stopped_applied_and_reverted(lab: Lab) -> None:
    lab.run(1, "sed", "-i", "/^service haproxy/d", "/etc/config.rc")
    found = service_row(lab, "haproxy")
    assert found["state"] == "running" and found["needs_apply"] and not found["autostart"]
    run_service(lab, "haproxy", "status")
    run_service(lab, "haproxy", "restart", status=1)
    run_service(lab, "haproxy", "revert")
    assert lab.read(1, "/etc/config.rc").endswith("\nservice haproxy\n")
    assert not service_row(lab, "haproxy")["needs_apply"]
    lab.run(1, "sed", "-i", "/^service haproxy/d", "/etc/config.rc")
    run_service(lab, "haproxy", "apply")
    assert "haproxy" not in run_service(lab, "list").stdout
    run_service(lab, "haproxy", "status", status=4)
    lab.run(1, "cp", "/usr/share/factory/etc/config.rc", "/etc/config.rc")
    run_service(lab, "haproxy", "start")


def test_a_whole_block_is_deleted_once_its_service_is_stopped(lab: Lab) -> None:
    before = lab.read(1, "/etc/config.rc")
    lab.run(1, "config", "add", "firewall", "from_peer", "on")
    run_service(lab, "firewall", "start")
    done = lab.run(1, "config", "del", "firewall", check=False)
    assert (done.status, "service firewall stop" in done.stderr) == (3, True), done
    run_service(lab, "firewall", "stop")
    lab.run(1, "config", "del", "firewall")
    assert lab.read(1, "/etc/config.rc").strip() == before.strip()
    run_service(lab, "firewall", "status", status=4)
    assert lab.run(1, "config", "del", "firewall", check=False).status == 1
    lab.write(1, "/etc/config.rc", before)


def test_a_wrong_directive_is_named_with_its_line_and_the_nearest_word(lab: Lab) -> None:
    append(lab, "/etc/config.rc", "\nservice dataplaneapi\n\tautostrat\n\tcheck_interval never\n")
    error = run_service(lab, "dataplaneapi", "check", status=4).stderr
    number = len(lab.read(1, "/etc/config.rc").splitlines())
    assert (
        f"/etc/config.rc:{number - 1}: unknown directive 'autostrat' in service dataplaneapi (did you mean 'autostart'?)"
        in error
    )
    assert f"/etc/config.rc:{number}: 'check_interval' in service dataplaneapi: " in error


def test_what_this_firmware_cannot_run_is_not_said_to_run(lab: Lab) -> None:
    append(lab, "/etc/config.rc", "\nservice dataplaneapi\n")
    assert "nothing to run for it" in run_service(lab, "dataplaneapi", "start", status=3).stderr
    run_service(lab, "dataplaneapi", "status", status=3)
    run_service(lab, "dataplaneapi", "apply")
    assert not service_row(lab, "dataplaneapi")["needs_apply"]
    lab.run(1, "sh", "-c", "mkdir -p /etc/dataplaneapi && echo x >/etc/dataplaneapi/x.conf")
    assert service_row(lab, "dataplaneapi")["needs_apply"]
    run_service(lab, "dataplaneapi", "revert")
    assert lab.run(1, "ls", "/etc/dataplaneapi", check=False).status != 0


def test_framework_directives_reach_the_daemon(lab: Lab) -> None:
    lab.run(1, "config", "add", "haproxy", "cpumask", "0")
    lab.run(1, "config", "add", "haproxy", "pidfile", "/run/some haproxy.pid")
    run_service(lab, "haproxy", "apply")
    try:
        pid = service_row(lab, "haproxy")["pid"]
        assert "Cpus_allowed_list:\t0\n" in lab.read(1, f"/proc/{pid}/status")
        assert lab.read(1, "/run/some haproxy.pid") == f"{pid}\n"
    finally:
        lab.run(1, "config", "del", "haproxy", "cpumask")
        lab.run(1, "config", "del", "haproxy", "pidfile")
        run_service(lab, "haproxy", "apply")
