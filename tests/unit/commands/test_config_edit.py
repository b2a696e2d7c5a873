"""The verbs of `config` that read and edit config.rc: what they print, what they refuse, and with which exit status."""

import errno
import fcntl
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from firmware import files
from firmware.__main__ import run_program
from firmware.commands import config_edit

TEXT = """\
# of this node
hostname lb1

service network eth0
    ip address 192.168.0.200/24   # the first
    ip address 192.168.0.201/24
    ip dhcp
    no arp
    mtu 1500
    mtu 9000

service haproxy
\tconfig /etc/haproxy/haproxy.cfg # it's the default
no service vrrp
\tnotify "/etc/vrrp/a b" 'x'
service csyncd
    no autostart
"""


@dataclass(frozen=True, slots=True)
class Said:
    status: int
    out: str
    err: str


Config = Callable[..., Said]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "config.rc"
    file.write_text(TEXT)
    return file


@pytest.fixture
def config(path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Config:
    """The program `config` with another config.rc."""
    for verb in ("get", "show", "check"):
        monkeypatch.setattr(config_edit, verb, partial(getattr(config_edit, verb), path=str(path)))
    for verb in ("assign", "add", "delete"):
        lock = str(path.parent / "lock" / "config.rc")
        monkeypatch.setattr(config_edit, verb, partial(getattr(config_edit, verb), path=str(path), lock=lock))

    def run(*argv: str) -> Said:
        status = run_program("config", list(argv))
        sys.stderr.flush()
        captured = capfdbinary.readouterr()
        return Said(status, captured.out.decode(), captured.err.decode())

    return run


@pytest.mark.parametrize(
    ("argv", "out"),
    [
        (["system", "hostname"], "lb1\n"),
        (["network.eth0", "ip address"], "192.168.0.200/24\n192.168.0.201/24\n"),
        (["network.eth0", "ip", "address"], "192.168.0.200/24\n192.168.0.201/24\n"),
        (["network.eth0", "ip dhcp"], "on\n"),
        (["network.eth0", "arp"], "off\n"),
        (["network.eth0", "mtu"], "9000\n"),
        (["network.eth0", "autostart"], "on\n"),
        (["csyncd", "autostart"], "off\n"),
        (["haproxy", "config"], "/etc/haproxy/haproxy.cfg\n"),
        (["vrrp", "notify"], "/etc/vrrp/a b x\n"),
    ],
)
def test_get_prints_one_line_for_each_value_that_counts(config: Config, argv: list[str], out: str) -> None:
    assert config("get", *argv) == Said(0, out, "")


@pytest.mark.parametrize(
    ("argv", "status", "err"),
    [
        (["haproxy", "bin"], 1, "config get: {path}: haproxy.bin: No matching variable\nhint: config show haproxy\n"),
        (
            ["network.eth1", "mtu"],
            1,
            "config get: {path}: network.eth1: No matching section found\nhint: service list\n",
        ),
        (["nothing", "autostart"], 2, "config get: nothing: there is no such service\nhint: service list\n"),
        (["snmpd", "port"], 1, "config get: {path}: snmpd: No matching section found\nhint: service list\n"),
        (["haproxy"], 2, "config get: SERVICE[.INSTANCE] KEY: a word is missing\n"),
        ([], 2, "config get: SERVICE[.INSTANCE] KEY: a word is missing\n"),
        (["haproxy", " "], 2, "config get: SERVICE[.INSTANCE] KEY: an empty key is given\n"),
        (["--json", "haproxy", "config"], 2, "config get: --json: unknown option\n"),
        (["haproxy", "config", "--json"], 2, "config get: --json: unknown option\n"),
    ],
)
def test_get_says_what_is_missing(config: Config, path: Path, argv: list[str], status: int, err: str) -> None:
    assert config("get", *argv) == Said(status, "", err.format(path=path))


def test_get_of_what_stands_there_twice(config: Config, path: Path) -> None:
    path.write_text(
        "service network\n arp on\n arp off\nservice haproxy\n config /x\n no config\nservice unknown\n a 1\n a 2\n no b\n"
    )
    assert config("get", "haproxy", "config").status == 1
    assert config("get", "network", "arp") == Said(0, "off\n", "")
    assert config("get", "unknown", "a") == Said(0, "1\n2\n", "")
    assert config("get", "unknown", "b").status == 1


@pytest.mark.parametrize(
    ("argv", "old", "new"),
    [
        (["set", "system", "hostname", "lb2"], "hostname lb1\n", "hostname lb2\n"),
        (["set", "haproxy", "config", "/etc/haproxy/other.cfg"], "haproxy.cfg # it's", "other.cfg # it's"),
        (["set", "network.eth0", "arp", "on"], "    no arp\n", "    arp on\n"),
        (["set", "csyncd", "autostart", "on"], "    no autostart\n", ""),
        (["set", "csyncd", "autostart", "off"], "", ""),
        (["set", "haproxy", "autostart", "off"], "default\n", "default\n\tno autostart\n"),
        (["add", "haproxy", "no", "autostart"], "default\n", "default\n\tno autostart\n"),
        (["add", "csyncd", "autostart"], "    no autostart\n", ""),
        (["add", "network.eth0", "ip", "address", "10.0.0.1/8"], "201/24\n", "201/24\n    ip address 10.0.0.1/8\n"),
        (["add", "network.eth0", "ip address", "10.0.0.1/8", "secondary"], "201/24\n",
         "201/24\n    ip address 10.0.0.1/8 secondary\n"),
        (["add", "network.eth0", "sysctl", "net.a=1 2"], "9000\n", "9000\n    sysctl \"net.a=1 2\"\n"),
        (["add", "network.eth0", "no", "multicast"], "9000\n", "9000\n    no multicast\n"),
        (["add", "network.eth0", "no", "mtu"], "9000\n", "9000\n    no mtu\n"),
        (["add", "network.eth0", "arp"], "    no arp\n", "    no arp\n    arp\n"),
        (["del", "network.eth0", "ip address", "192.168.0.201/24"], "    ip address 192.168.0.201/24\n", ""),
        (["del", "network.eth0", "mtu"], "    mtu 1500\n    mtu 9000\n", ""),
        (["del", "network.eth0", "no", "arp"], "    no arp\n", ""),
        (["del", "csyncd", "autostart"], "    no autostart\n", ""),
    ],
)  # fmt: skip
def test_edits(config: Config, path: Path, argv: list[str], old: str, new: str) -> None:
    assert config(*argv) == Said(0, "", "")
    assert TEXT.count(old) == 1 or not old
    assert path.read_text() == (TEXT.replace(old, new) if old else TEXT)


@pytest.mark.parametrize("on", ["on", "off"])
@pytest.mark.parametrize("service", ["network.eth0", "haproxy", "csyncd", "vrrp"])
def test_get_says_what_set_was_told(config: Config, service: str, on: str) -> None:
    assert config("set", service, "autostart", on).status == 0
    assert config("get", service, "autostart").out == f"{on}\n"


@pytest.mark.parametrize(
    ("argv", "status", "message"),
    [
        (["set", "network.eth0", "ip address", "10.0.0.1/8"], 1, "network.eth0.ip address: Multiple matching variables"),
        (["set", "network.eth1", "mtu", "1500"], 1, "network.eth1: No matching section found"),
        (["set", "wui", "port", "4445"], 1, "wui: No matching section found"),
        (["del", "haproxy", "bin"], 1, "haproxy.bin: No matching variable"),
        (["del", "network.eth0", "ip address", "10.0.0.1/8"], 1, "ip address 10.0.0.1/8: No matching variable"),
        (["del", "network.eth0", "unknown", "x"], 1, "network.eth0.unknown x: No matching variable"),
        (["add", "haproxy", "config", "/etc/haproxy/x"], 1, "it has a value already\nhint: config set gives it another one"),
        (["add", "network.eth0", "ip address", "192.168.0.201/24"], 1, "it is there already"),
        (["add", "vrrp", "track_svc", "a", "b", "c/d"], 4, "'track_svc' in service vrrp: 'c/d' is not a name"),
        (["set", "csyncd", "autostrat", "on"], 4,
         "unknown directive 'autostrat' in service csyncd (did you mean 'autostart'?)"),
        (["add", "network.eth0", "ip", "adress", "10.0.0.1/8"], 4,
         "unknown directive 'ip adress' in service network.eth0 (did you mean 'ip address'?)"),
        (["set", "network.eth0", "arp", "maybe"], 4, "'arp' in service network.eth0: 'maybe' is neither on nor off"),
        (["set", "csyncd", "autostart", "later"], 4, "'later' is neither on nor off"),
        (["set", "haproxy", "config", "/etc/shadow"], 4, "'/etc/shadow' is not a path below /etc/haproxy"),
        (["set", "haproxy", "config", "/etc/haproxy/a", "b"], 4, "one value is expected, not 2"),
        (["add", "network.eth0", "media", "a\nservice b"], 1, "a value is one line"),
        (["add", "network.eth0", "media", "'\""], 1, "not both"),
        (["add", "network.eth0", "media", "\udcff"], 1, "not UTF-8"),
        (["add", "haproxy", "no"], 4, "unknown directive 'no' in service haproxy"),
        (["set", "haproxy", "config"], 2, "haproxy.config: a value is missing: a path below /etc/haproxy"),
        (["set", "haproxy"], 2, "SERVICE[.INSTANCE] KEY VALUE…: a word is missing"),
        (["add"], 2, "SERVICE[.INSTANCE] [KEY VALUE…]: a word is missing"),
        (["del"], 2, "SERVICE[.INSTANCE] [KEY [VALUE…]]: a word is missing"),
        (["set", "csyncd", "autostart"], 2, "config set: csyncd.autostart: a value is missing: on|off\n"),
        (["set", "-x", "a", "b"], 2, "config set: -x: unknown option\n"),
        (["set", "--json", "haproxy", "config", "x"], 2, "config set: --json: unknown option\n"),
        (["add", "haproxy", "--json", "x"], 2, "config add: --json: unknown option\n"),
        (["del", "haproxy", "--json"], 2, "config del: --json: unknown option\n"),
        (["check", "--json"], 2, "config check: --json: unknown option\n"),
        (["check", "/etc/config.rc", "--json"], 2, "config check: --json: unknown option\n"),
    ],
)  # fmt: skip
def test_what_is_refused_changes_nothing(
    config: Config, path: Path, argv: list[str], status: int, message: str
) -> None:
    inode = path.stat().st_ino
    said = config(*argv)
    assert (said.status, said.out) == (status, "")
    assert said.err.startswith(f"config {argv[0]}: ")
    assert message in said.err
    assert path.read_text() == TEXT
    assert path.stat().st_ino == inode


def test_a_value_may_look_like_an_option(config: Config, path: Path) -> None:
    assert config("add", "network.eth0", "media", "--json").status == 0
    assert "    media --json\n" in path.read_text()


def test_services_that_are_not_known_can_be_cleaned_up_only(config: Config, path: Path) -> None:
    path.write_text("service other\n a 1 2\n a 1\n a 2\n")
    assert "unknown service 'other'" in config("add", "other", "b", "1").err
    assert config("set", "other", "a", "1").status == 4
    assert config("del", "other", "a", "1").status == 0
    assert path.read_text() == "service other\n a 1 2\n a 2\n"


def test_what_was_set_already_is_not_written_again(config: Config, path: Path) -> None:
    inode = path.stat().st_ino
    assert config("set", "haproxy", "config", "/etc/haproxy/haproxy.cfg").status == 0
    assert path.stat().st_ino == inode
    assert config("set", "haproxy", "config", "/etc/haproxy/other.cfg").status == 0
    assert path.stat().st_ino != inode


def test_an_edit_keeps_mode_and_waits_for_the_lock(config: Config, path: Path) -> None:
    path.chmod(0o600)
    lock = path.parent / "lock" / "config.rc"
    lock.parent.mkdir()
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        other = threading.Thread(target=config_edit.assign, args=(["system", "hostname", "lb2"],))
        other.start()
        other.join(0.2)
        assert other.is_alive()
        assert path.read_text() == TEXT
        path.write_text(TEXT.replace("mtu 9000", "mtu 1280"))
    other.join(10)
    assert path.read_text() == TEXT.replace("mtu 9000", "mtu 1280").replace("lb1", "lb2")
    assert path.stat().st_mode & 0o7777 == 0o600


def test_errors_of_the_file_system_are_said(config: Config, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path.parent / "lock").write_text("in the way")
    assert config("set", "system", "hostname", "lb2") == Said(
        1, "", f"config set: {path}: not edited: {path.parent / 'lock'}: File exists\n"
    )
    (path.parent / "lock").unlink()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "write", full)
    assert config("set", "system", "hostname", "lb2") == Said(
        1,
        "",
        f"config set: {path}: not written: No space left on device\nhint: make room: `df /etc /run` says where there is none\n",
    )


def test_show_prints_the_exact_text(config: Config, path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf# caf\xc3\xa9\r\n\tservice haproxy # x\r\n config  'a'\n\n# end")
    assert config("show").out.encode() == path.read_bytes()
    assert config("show", "haproxy") == Said(0, "\tservice haproxy # x\r\n config  'a'\n", "")


def test_show_writes_out_what_a_terminal_would_obey(config: Config, path: Path) -> None:
    path.write_bytes("service haproxy # \x1b]0;title\x07\u009b2J\rhidden\n".encode())
    assert config("show").out == "service haproxy # \\x1b]0;title\\x07\\x9b2J\\rhidden\n"
    path.write_text("service other\n a é\x1b\u009b\n")
    said = config("show", "other", "--json").out
    assert not {"\x1b", "\u009b"} & {*said} and json.loads(said)["directives"][0]["values"] == ["é\x1b\u009b"]


def test_show_json(config: Config) -> None:
    said = config("show", "--json")
    blocks = json.loads(said.out)
    assert [(block["service"], block["instance"], block["enabled"], block["line"]) for block in blocks] == [
        ("system", "", True, 2), ("network", "eth0", True, 4), ("haproxy", "", True, 12),
        ("vrrp", "", False, 14), ("csyncd", "", True, 16),
    ]  # fmt: skip
    one = json.loads(config("show", "network.eth0", "--json").out)
    assert one == blocks[1]
    assert one["directives"][:4] == [
        {"line": 5, "key": "ip address", "values": ["192.168.0.200/24"], "negated": False},
        {"line": 6, "key": "ip address", "values": ["192.168.0.201/24"], "negated": False},
        {"line": 7, "key": "ip dhcp", "values": [], "negated": False},
        {"line": 8, "key": "arp", "values": [], "negated": True},
    ]
    assert json.loads(config("show", "--json", "vrrp").out)["directives"] == [
        {"line": 15, "key": "notify", "values": ["/etc/vrrp/a b", "x"], "negated": False}
    ]


def test_show_of_what_a_service_does_not_know(config: Config, path: Path) -> None:
    path.write_text("service other\n a 'b c' é\n no\n")
    said = config("show", "other", "--json")
    assert "é" in said.out
    assert json.loads(said.out)["directives"] == [
        {"line": 2, "key": "a", "values": ["b c", "é"], "negated": False},
        {"line": 3, "key": "", "values": [], "negated": True},
    ]


def test_show_refuses_other_words(config: Config, path: Path) -> None:
    assert config("show", "a", "b").status == 2
    assert config("show", "--yaml").status == 2
    assert config("show", "wui") == Said(
        1, "", f"config show: {path}: wui: No matching section found\nhint: service list\n"
    )


def test_check_says_everything_with_lines(config: Config, path: Path) -> None:
    assert config("check") == Said(0, "", f"{path}: no errors\n")
    path.write_bytes(b"service csyncd\n autostrat\n x \xff\n port 'a\0\n\nservce haproxy\n")
    assert config("check") == Said(4, "", f"""\
{path}:2: unknown directive 'autostrat' in service csyncd (did you mean 'autostart'?)
{path}:3: not UTF-8: byte 0xff
{path}:4: a NUL byte
{path}:4: the quote ' is opened and not closed
{path}:6: unknown directive 'servce' in service csyncd (did you mean 'service'?)
config check: {path}: 5 errors
""")  # fmt: skip


def test_check_of_another_file(config: Config, tmp_path: Path) -> None:
    other = tmp_path / "other.rc"
    other.write_text("service nothing\n")
    assert config("check", str(other)) == Said(
        4, "", f"{other}:1: unknown service 'nothing'\nconfig check: {other}: 1 error\n"
    )
    assert config("check", str(tmp_path)) == Said(1, "", f"config check: {tmp_path}: not read: it is a directory\n")
    assert config("check", str(other), "x").status == 2
    assert config("check", "--all").status == 2


@pytest.mark.parametrize(
    "verb", [["get", "a", "b"], ["set", "a", "b", "c"], ["add", "a", "b"], ["del", "a", "b"], ["show"]]
)
@pytest.mark.parametrize(
    ("data", "line"), [(b"service a\n x \xff\n", 2), (b"\0", 1), (b"service a\n b 'c\n", 2), (b"\n\nservice\n", 3)]
)
def test_a_broken_file_is_an_error_with_its_line(
    config: Config, path: Path, verb: list[str], data: bytes, line: int
) -> None:
    path.write_bytes(data)
    said = config(*verb)
    assert (said.status, said.out) == (4, "")
    assert said.err.startswith(f"{path}:{line}: ")
    assert said.err.endswith(f"config {verb[0]}: {path}: 1 error\n")
    assert path.read_bytes() == data


@pytest.mark.parametrize("verb", [["get", "a", "b"], ["set", "a", "b", "c"], ["show"], ["check"]])
def test_a_missing_file_is_an_error(config: Config, path: Path, verb: list[str]) -> None:
    path.unlink()
    assert config(*verb) == Said(1, "", f"config {verb[0]}: {path}: not read: No such file or directory\n")
    assert not path.exists()


def test_get_loads_nothing_that_it_does_not_use(path: Path) -> None:
    """By name and not by time: what is slow to load, and every service's declaration."""
    code = (
        "import sys; from functools import partial; from firmware.commands import config_edit as c; "
        f"c.get = partial(c.get, path={str(path)!r}); from firmware.__main__ import run_program; "
        "run_program('config', ['get', 'haproxy', 'config']); print(*sys.modules)"
    )
    top = Path(config_edit.__file__).parents[2]
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=top, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "/etc/haproxy/haproxy.cfg" in loaded
    assert {name for name in loaded if name.startswith("firmware.services")} == set()
    slow = {
        "asyncio",
        "pathlib",
        "json",
        "typing",
        "tempfile",
        "ipaddress",
        "argparse",
        "difflib",
        "subprocess",
        "random",
    }
    assert loaded & slow == set()


def test_add_makes_the_block_that_is_not_there(config: Config, path: Path) -> None:
    path.write_text("service haproxy\n\tconfig /etc/haproxy/x # kept")
    assert config("add", "vrrp", "group", "eth0", "eth1").status == 0
    assert config("add", "network.eth1").status == 0
    assert path.read_text() == (
        "service haproxy\n\tconfig /etc/haproxy/x # kept\n\nservice vrrp\n\tgroup eth0 eth1\n\nservice network eth1\n"
    )
    assert config("add", "network.eth1").err == (
        f"config add: {path}: network.eth1: not added: it is there already\nhint: config show network.eth1\n"
    )


@pytest.mark.parametrize(
    ("argv", "status", "said"),
    [
        (("add", "nothing"), 2, "nothing: there is no such service"),
        (("add", "nothing", "x", "1"), 2, "nothing: there is no such service"),
        (("add", "vrrp", "nonsense"), 4, "unknown directive 'nonsense' in service vrrp"),
        (("add", "wui.x"), 2, "service wui has no instances, but 'x' is given"),
        (("add", "../x"), 2, "../x: there is no such service"),
        (("set", "vrrp", "group", "eth0"), 1, "vrrp: No matching section found\nhint: config add vrrp makes it"),
        (("set", "nothing", "x", "1"), 2, "nothing: there is no such service"),
        (("del", "nothing", "x"), 2, "nothing: there is no such service"),
        (("show", "nothing"), 2, "nothing: there is no such service"),
        (("show", "nothing", "--json"), 2, "nothing: there is no such service"),
    ],
)
def test_a_service_that_does_not_exist_is_wrong_usage_for_every_verb(
    config: Config, path: Path, argv: tuple[str, ...], status: int, said: str
) -> None:
    path.write_text("service haproxy\n")
    found = config(*argv)
    assert found.status == status and said in found.err, found
    assert path.read_text() == "service haproxy\n"
