"""`account`: who may use the web UI, as an operator of the node sees it."""

import json
from collections.abc import Iterator

import pytest
from lab_driver import Lab, Result
from service_helpers import run_service, service_row

CONSOLE = "/usr/libexec/appliance/console"


@pytest.fixture
def lab(module_lab: Lab) -> Iterator[Lab]:
    """A node without accounts."""
    yield module_lab
    module_lab.run(1, "rm", "-f", "/etc/wui/accounts.json", "/run/firmware/wui/setup-code")


def account(lab: Lab, *words: str, line: str = "", status: int = 0) -> Result:
    command = f"printf '%s\\n' '{line}' | account {' '.join(words)}"
    done = lab.run(1, "sh", "-c", command, check=False)
    assert done.status == status, f"{words}: {done.status}\n{done.stdout}{done.stderr}"
    return done


def accounts(lab: Lab) -> list[tuple[str, str]]:
    return [(one["name"], one["role"]) for one in json.loads(account(lab, "list", "--json").stdout)]


def test_accounts_are_added_and_deleted(lab: Lab) -> None:
    account(lab, "add", "boss", line="a long password")
    account(lab, "add", "night", "--role", "monitor", line="a long password")
    assert accounts(lab) == [("boss", "admin"), ("night", "monitor")]
    assert lab.run(1, "stat", "-c", "%a %U:%G", "/etc/wui/accounts.json").stdout == "600 root:root\n"
    account(lab, "del", "night")
    assert "the last one with role admin" in account(lab, "del", "boss", status=3).stderr
    assert accounts(lab) == [("boss", "admin")]


@pytest.mark.all
@pytest.mark.parametrize(
    ("words", "line", "status", "said"),
    [
        (("add", "boss"), "short", 2, "8 characters at least"),
        (("add", "boss"), "", 2, "8 characters at least"),
        (("add", "Boss"), "a long password", 2, "a letter first"),
        (("add", "boss", "--role", "root"), "a long password", 2, "a role is one of admin, monitor"),
        (("add", "boss", "--role", "monitor"), "a long password", 2, "the first account has the role admin"),
        (("password", "nobody"), "a long password", 1, "there is no such account"),
        (("del", "nobody"), "", 1, "there is no such account"),
        (("token", "nobody"), "", 1, "there is no such account"),
        (("add",), "", 2, "NAME is missing"),
        (("list", "all"), "", 2, "one word too many"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_changed(
    lab: Lab, words: tuple[str, ...], line: str, status: int, said: str
) -> None:
    assert said in account(lab, *words, line=line, status=status).stderr
    assert accounts(lab) == []


@pytest.mark.all
def test_a_token_is_shown_once_and_revoked_by_its_label(lab: Lab) -> None:
    account(lab, "add", "boss", line="a long password")
    token = account(lab, "token", "boss", "--label", "backup").stdout.strip()
    assert token.startswith("csyncd_") and token not in lab.read(1, "/etc/wui/accounts.json")
    assert "token backup, made" in account(lab, "list").stdout
    account(lab, "token", "boss", "--label", "backup", status=3)
    account(lab, "token", "boss", "--revoke", "backup")
    assert "token" not in account(lab, "list").stdout


@pytest.mark.all
def test_the_setup_code_stays_the_same_until_there_is_a_password(lab: Lab) -> None:
    code = account(lab, "code").stdout
    assert account(lab, "code").stdout == code and len(code) == 15
    account(lab, "add", "boss", line="a long password")
    assert "there are accounts already" in account(lab, "code", status=3).stderr


def greeting(lab: Lab) -> str:
    """What the console shows before its login; another program stands for getty."""
    lab.run(
        1, "sh", "-c", "mkdir -p /tmp/bin; printf '#!/bin/sh\\ncat \"$3\"\\n' >/tmp/bin/getty; chmod 755 /tmp/bin/getty"
    )
    return lab.run(1, "sh", "-c", f"PATH=/tmp/bin:$PATH {CONSOLE} null").stdout


def test_the_console_shows_it_as_long_as_it_counts(lab: Lab) -> None:
    code = account(lab, "code").stdout.strip()
    assert f"Its setup code is {code}\n" in greeting(lab)
    account(lab, "add", "boss", line="a long password")
    assert greeting(lab) == ""


def test_accounts_need_no_apply_are_saved_and_shown_to_nobody(lab: Lab) -> None:
    account(lab, "add", "boss", line="a long password")
    assert not service_row(lab, "wui")["needs_apply"]
    run_service(lab, "wui", "apply")
    assert lab.run(1, "stat", "-c", "%a %U:%G", "/etc/wui/accounts.json").stdout == "600 root:root\n"
    shown = lab.run(1, "config", "diff", "factory").stdout
    assert "password hashes, not shown: /etc/wui/accounts.json" in shown and "scrypt" not in shown
    lab.run(1, "config", "save")
    lab.run(1, "rm", "/etc/wui/accounts.json")
    lab.run(1, "config", "restore")
    assert accounts(lab) == [("boss", "admin")]
    lab.run(1, "config", "reset", "--yes")
    assert accounts(lab) == []
