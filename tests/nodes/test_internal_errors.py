"""What a person sees of an error inside the program, on a node, and the external commands that `-v` shows."""

import json
from functools import partial

from lab_driver import eventually
from service_helpers import PYTHON
from story import Stage, page

#: a program with a bug: `service list`
BUG = """
import sys
from firmware.commands import service_all
from firmware.__main__ import run_program
service_all.list_services = lambda: {}["no such key"]
sys.exit(run_program("service", ["list"]))
"""
CONTROL = "/run/firmware/csyncd.sock"


def is_in_log(stage: Stage, number: str) -> bool:
    return eventually(
        lambda: stage.lab.run(1, "sh", "-c", f"logread | grep {number} | grep Error", check=False).status == 0
    )


def is_in_csyncds_log(stage: Stage, words: str) -> bool:
    return words in stage.on(1, "sh", "-c", "cat /run/firmware/log/csyncd/*")


def test_one_line_names_a_number_and_the_log_has_the_trace_below_it(stage: Stage) -> None:
    done = stage.lab.run(1, PYTHON, "-c", BUG, check=False)
    number = done.stderr.partition("(number ")[2][:6]
    said = f"service list: an error inside the program (number {number}): see the log\nhint: logread | grep {number}\n"
    assert (done.status, done.stdout, done.stderr) == (1, "", said)
    assert is_in_log(stage, number)


def test_while_no_log_listens_the_trace_is_in_a_file(stage: Stage) -> None:
    stage.on(1, "service", "syslogd", "stop")
    try:
        done = stage.lab.run(1, PYTHON, "-c", BUG, check=False)
    finally:
        stage.on(1, "service", "syslogd", "start")
    hint = done.stderr.splitlines()[-1]
    assert hint.startswith("hint: grep ") and "Traceback" not in done.stderr
    assert "KeyError: 'no such key'" in stage.on(1, "sh", "-c", hint.removeprefix("hint: "))


def test_csyncd_answers_with_a_number_and_goes_on(stage: Stage) -> None:
    body = json.dumps({"by": {"account": "root", "no such field": 1}})
    said = stage.on(1, "curl", "-s", "--unix-socket", CONTROL, "-d", body, "http://csyncd/status")
    answer = json.loads(said)
    assert answer["error"].startswith("an error inside the program (number ") and "Traceback" not in said
    assert is_in_log(stage, answer["hint"].split()[-1])
    stage.shows(1, "green")


def test_v_shows_each_command_so_that_it_can_be_copied(stage: Stage) -> None:
    done = stage.lab.run(1, "service", "-v", "haproxy", "restart")
    shown = [line for line in done.stderr.splitlines() if line.startswith("+ ")]
    assert any(line.startswith("+ s6-svc ") for line in shown) and any("--reuid=" in line for line in shown)
    assert done.stdout == stage.lab.run(1, "service", "haproxy", "restart").stdout
    status = next(line for line in shown if line.startswith("+ s6-svstat "))
    assert stage.on(1, "sh", "-c", status.removeprefix("+ ")).split()[-1] in ("true", "false")


def test_a_daemon_shows_them_in_its_log_if_its_environment_says_so(stage: Stage) -> None:
    stage.on(1, "config", "add", "csyncd", "cmdline", "env", "FIRMWARE_VERBOSE=1", PYTHON, "-m", "firmware", "csyncd")
    stage.on(1, "config", "add", "csyncd", "procname", "python3", "-m", "firmware", "csyncd")
    stage.on(1, "service", "csyncd", "restart")
    try:
        stage.shows(1, "green")
        for command in ("+ setpriv --pdeathsig TERM ssh -N ", "sshd -D -e"):
            assert eventually(partial(is_in_csyncds_log, stage, command)), command
    finally:
        stage.on(1, "config", "del", "csyncd", "cmdline")
        stage.on(1, "config", "del", "csyncd", "procname")
        stage.on(1, "service", "csyncd", "restart")


def test_v_shows_what_csyncd_runs_for_a_push_on_this_node(stage: Stage) -> None:
    """The link is there already, so a push may need no command here; the other node's are in the log of its csyncd."""
    stage.edit(1, page("shown"))
    stage.on(1, "service", "haproxy", "apply")
    done = stage.lab.run(1, "csync", "-v", "push", "haproxy", check=False)
    shown = [line for line in done.stderr.splitlines() if line.startswith("+ ")]
    assert done.status == 0 and shown, done
    stage.edit(1, page("shown no more"))
    stage.on(1, "service", "haproxy", "apply")
    assert "+ " not in stage.lab.run(1, "csync", "push", "haproxy").stderr
    print(shown)
