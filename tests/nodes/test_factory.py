"""The factory /etc, on a node: it is whole, and the programs that read it accept it."""

import re

from lab_driver import Lab

#: in a lab of this module
NODES = 1

FACTORY = "/usr/share/factory/etc"


def table(lab: Lab, name: str) -> dict[str, list[str]]:
    """One of passwd's relatives, by name."""
    rows = [line.split(":") for line in lab.read(1, f"{FACTORY}/{name}").splitlines()]
    assert len({row[0] for row in rows}) == len(rows)
    return {row[0]: row for row in rows}


def test_accounts_are_whole_and_without_passwords(lab: Lab) -> None:
    accounts, groups, secrets = (table(lab, name) for name in ("passwd", "group", "shadow"))
    assert set(accounts) == set(secrets)
    assert {row[3] for row in accounts.values()} <= {row[2] for row in groups.values()}
    assert {row[1] for row in secrets.values()} == {"*"}, "a locked one (!) could not log in with a key either"
    assert {name for name, row in accounts.items() if row[6] != "/bin/false"} == {"root"}
    assert len({row[2] for row in accounts.values()}) == len(accounts)


def test_the_services_in_their_order(lab: Lab) -> None:
    text = lab.read(1, f"{FACTORY}/config.rc")
    assert re.findall(r"^service (.*)$", text, re.M) == [
        "system", "network eth0", "syslogd", "sshd", "haproxy", "wui", "csyncd",
    ]  # fmt: skip
    assert re.search(r"service csyncd\n\s+no autostart$", text.rstrip())
    assert lab.run(1, "config", "check", f"{FACTORY}/config.rc").status == 0


def test_haproxy_accepts_its_configuration_as_its_account(lab: Lab) -> None:
    account = ("env", "--chdir=/", "setpriv", "--reuid=haproxy", "--regid=haproxy", "--clear-groups", "--no-new-privs")
    assert lab.run(1, *account, "haproxy", "-c", "-f", f"{FACTORY}/haproxy/haproxy.cfg").status == 0
    text = lab.read(1, f"{FACTORY}/haproxy/haproxy.cfg")
    assert not re.search(r"^\s*(user|group|chroot|daemon)\b", text, re.M)
    assert lab.run(1, "stat", "-c", "%U:%G %a", f"{FACTORY}/haproxy").stdout == "root:haproxy 750\n"


def test_sshd_accepts_its_configuration(lab: Lab) -> None:
    script = """
        set -e
        mkdir -p /run/sshd
        ssh-keygen -q -t ed25519 -N '' -f /tmp/key
        sed 's,/etc/ssh/ssh_host_ed25519_key,/tmp/key,' "$0" >/tmp/config
        /usr/sbin/sshd -t -f /tmp/config
        rm /tmp/key /tmp/key.pub /tmp/config
    """
    assert lab.run(1, "sh", "-c", script, f"{FACTORY}/ssh/sshd_config").stderr == ""


def test_secrets_are_roots_alone(lab: Lab) -> None:
    for path in (f"{FACTORY}/shadow", f"{FACTORY}/config.rc", "/etc/config.rc"):
        assert lab.run(1, "stat", "-c", "%U:%G %a", path).stdout == "root:root 600\n"


def test_no_account_reads_a_secret_of_config_rc_anywhere(fresh_lab: Lab) -> None:
    lab = fresh_lab
    lab.write(
        1,
        "/etc/config.rc",
        lab.read(1, "/etc/config.rc") + "\nservice dataplaneapi\n\tconfig /etc/dataplaneapi/Xecret42\n",
    )
    for words in (
        ("config", "set", "dataplaneapi", "autostart", "off"),
        ("service", "dataplaneapi", "apply"),
        ("config", "save"),
    ):
        lab.run(1, *words)
    found = ("grep", "-rlsF", "Xecret42", "/etc", "/run", "/var", "/flash", "/tmp")
    assert lab.run(1, *found, check=False).stdout.splitlines(), "root finds it"
    for account in ("wui", "haproxy", "syslog", "nobody"):
        as_account = ("setpriv", f"--reuid={account}", "--clear-groups", f"--regid={account}")
        assert lab.run(1, *as_account, *found, check=False).stdout == "", account


def test_a_login_shell_knows_ll(lab: Lab) -> None:
    assert "ls -alF" in lab.run(1, "sh", "-lc", "alias ll").stdout


def test_the_programs_of_the_firmware_are_there(lab: Lab) -> None:
    for program in ("service", "config", "csync"):
        assert lab.run(1, program, "--help").stdout.startswith(f"usage: {program}")
        assert lab.run(1, "sh", "-c", f"command -v {program}").stdout == f"/usr/sbin/{program}\n"
    shown = "import firmware.native as n; print(n.__file__, n.ffi is not None, n.__cached__)"
    where, _, compiled = lab.run(1, "python", "-c", shown).stdout.split()
    assert where == "/usr/lib/python3/dist-packages/firmware/native.py"
    assert lab.run(1, "test", "-e", compiled).status == 0
