"""keepalived's checker, run as a program: `checker.py MAIN [FILE KIND]`. MAIN is what keepalived is started with; it
includes FILE, which an operator wrote, or a peer.

First what `keepalived -t` passes without a word or names no line for: a file that is missing or empty, a brace without its
partner, and for KIND ipvsd, which a peer may push, what would make keepalived run programs or read other files. Then
`keepalived -t`. Every message begins FILE:LINE: where the line is known.
"""

import posixpath
import re
import sys
from pathlib import Path

from firmware import log
from firmware.errors import Failure
from firmware.run import run
from firmware.services.keepalived import configuration

KINDS = {"vrrp": "-P", "ipvsd": "-C"}

#: what may stand outermost in a file for layer 4, and in its global_defs
_LAYER4 = ("global_defs", "virtual_server", "virtual_server_group", "SSL")
_GLOBAL = frozenset(
    (
        "router_id", "smtp_server", "smtp_helo_name", "smtp_connect_timeout", "notification_email", "smtp_alert",
        "notification_email_from", "smtp_alert_checker", "no_email_faults", "lvs_flush", "lvs_flush_on_stop", "lvs_timeouts",
        "checker_log_all_failures",
    )
)  # fmt: skip
#: below virtual servers, what would run a program, or read a file elsewhere
_PROGRAMS = frozenset(
    ("MISC_CHECK", "misc_path", "notify_up", "notify_down", "quorum_up", "quorum_down", "script_user")
)
#: in SSL, what names a file, and where that may lie
_FILES = frozenset(("ca", "certificate", "key"))
_OWN = "/etc/ipvsd/"
_CONTROL = re.compile(r"[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]")
_REASONS = {
    "programs": "programs are not run for layer 4: its file may come from the other node",
    "PING_CHECK": "it takes raw sockets, which this service does not get; use TCP_CHECK or HTTP_GET",
    "include": "all of it stands in this one file",
    "words": "variables, conditions and lines that go on are not taken here: write the words out",
}
_PLACE = re.compile(r"\((?:([^()\s]+): )?Line (\d+)\) (.*)")
_INSTANCE = re.compile(r"\(([^()\s]+)\):? (.*)")
#: what keepalived says of itself, and no fault
_REMARKS = ("NOTICE: ", "Opening file ", "Configuration file ", "Starting ", "Running on ", "Command line: ")


def file_problems(path: str, kind: str) -> list[str]:
    """What is wrong with an operator's file before keepalived reads it, as FILE:LINE: …"""
    try:
        text = Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return [f"{path}: there is no such file"]
    except OSError as error:
        return [f"{path}: {error.strerror}"]
    if kind == "ipvsd" and (wrong := _control_characters(path, text)):
        return wrong
    try:
        top = configuration.parse(text)
    except configuration.BraceProblem as problem:
        return [f"{path}:{problem.line}: {problem.text}"]
    if not top:
        return [f"{path}:1: nothing is configured here"]
    return [f"{path}:{line}: {words}" for line, words in _unsupported_lines(top)] if kind == "ipvsd" else []


def _unsupported_lines(top: tuple[configuration.Statement, ...]) -> list[tuple[int, str]]:
    found = [(one.line, f"'{one.keyword}' does not belong to layer 4") for one in top if one.keyword not in _LAYER4]
    for one in (inner for outer in top if outer.keyword == "global_defs" for inner in outer.body):
        if one.words and one.words[0] not in _GLOBAL:
            found.append((one.line, f"'{one.words[0]}' is not supported: this firmware sets it, or nothing does"))
    for one in configuration.statements_below(top):
        if reason := _refusal(one.words):
            found.append((one.line, f"'{one.keyword}' is not supported: {reason}"))
    for one in (inner for outer in top if outer.keyword == "SSL" for inner in outer.body):
        if one.keyword in _FILES and not _is_own_file(one.words[1:]):
            found.append((one.line, f"'{one.keyword}' names a file elsewhere: it has to lie in {_OWN}"))
    return sorted(set(found))


def _is_own_file(words: tuple[str, ...]) -> bool:
    return len(words) == 1 and posixpath.normpath(words[0]).startswith(_OWN)


def _control_characters(path: str, text: str) -> list[str]:
    """keepalived ends a line elsewhere than we do where there are any."""
    lines = enumerate(text.split("\n"), 1)
    return [
        f"{path}:{number}: a control character stands in this line" for number, line in lines if _CONTROL.search(line)
    ]


def _refusal(words: tuple[str, ...]) -> str:
    keyword = words[0] if words else ""
    if keyword.startswith("include"):
        return _REASONS["include"]
    if keyword[:1] in ("$", "@", "~") or words[-1:] == ("\\",) or any("$" in word for word in words) or "\\" in keyword:
        return _REASONS["words"]
    return _REASONS["programs"] if keyword in _PROGRAMS else _REASONS.get(keyword, "")


def keepalived_problems(main: str, path: str, kind: str) -> list[str]:
    """What `keepalived -t` says of it."""
    done = run(["keepalived", "-t", KINDS[kind], "-f", main], check=False)
    found = [_with_place(line, path) for line in done.output.splitlines() if line and not line.startswith(_REMARKS)]
    problems = list(dict.fromkeys(found))
    return (problems or [f"{path}: keepalived finds it wrong (exit status {done.status})"]) if done.status else []


def _with_place(line: str, path: str) -> str:
    if match := _PLACE.search(line):
        return f"{match[1] or path}:{match[2]}: {match[3]}"
    if (match := _INSTANCE.search(line)) and (number := _instance_line(path, match[1])):
        return f"{path}:{number}: {match[2]}"
    return f"{path}: {line}"


def _instance_line(path: str, name: str) -> int:
    text = Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    return next((one.line for one in configuration.parse(text) if one.words[1:2] == (name,)), 0)


def main(main_file: str, path: str = "", kind: str = "vrrp") -> int:
    """Say what is wrong; the exit status is 1 if anything is."""
    wrong = file_problems(path, kind) if path else []
    wrong = wrong or keepalived_problems(main_file, path or main_file, kind)
    for problem in wrong:
        log.line(problem)
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except Failure as error:
        log.line(str(error))
        sys.exit(1)
