"""haproxy's words as lines that begin with their place, FILE:LINE: …, what is wrong first."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from firmware.haproxy.configuration import Line, read_lines

#: how haproxy begins a line, what it says about itself, and the places that it names
_HEAD = r"\[(ALERT|WARNING|DIAG)\]\s+(?:[\d/]+\s+)?(?:\(\d+\) : )?(?:config : )?"
_PLACE_FIRST = r"(?:[Pp]arsing )?\[([^\[\]]+:\d+)\] ?: ?|(/[^:]+:\d+): "
_PLACE_WITHIN = r"\[(/[^\[\]:]+:\d+)\]|(?:^| )(/[^ :]+:\d+): "

#: an address that the kernel did not let it bind
_NOT_HELD = r"Cannot assign requested address\) for \[(.*):\d+\]"

#: what it says of its own processes, and that something above was wrong: nothing that helps to correct it
_NOISE = re.compile(
    r"\[(?:NOTICE|ALERT|WARNING)\].*(?:New (?:worker|program) .*forked|Loading success|Current (?:worker|program) |"
    r"exit-on-failure|"
    r"'?(?:chroot|user/uid|gid/group|group/gid)'? (?:was )?already specified\. Continuing|"
    r"All workers exited|Exiting Master|Some protocols failed|haproxy version is|path to executable is)"
)
#: that there were errors, which it has told before
_SUMMARY = re.compile(r"\[ALERT\].*(?:Error\(s\) found in configuration file|Fatal errors found in configuration)")
#: warnings after which it would serve something else than its file says
_FATAL_WARNING = r"\[WARNING\].* Binding \[.*cannot bind receiver to device"
_NO_DESCRIPTORS = r"Cannot raise FD limit to (\d+), limit is (\d+)"
#: the sections and keywords to which words without a place belong; where they have a `word`, it has to be in the line, too
_ABOUT_KEYWORD = {
    r"Cannot create pidfile": ("global", ("pidfile",)),
    r"Cannot chroot": ("global", ("chroot",)),
    r"Cannot set uid": ("global", ("user", "uid")),
    r"require full privileges, so global\.uid": ("user", "uid"),
    r"Cannot set gid": ("global", ("group", "gid")),
    _NO_DESCRIPTORS: ("global", ("maxconn", "ulimit-n")),
    r"Cannot execute (?P<word>\S+): ": ("program", ("command",)),
    r"incomplete section 'peers (?P<word>\S+)'": ("peers", ("peers",)),
}
#: what it says where the file has a pid file, and we have one, too
_OTHER_PID_FILE = r"'pidfile' already specified. Continuing."
_OUR_PID_FILE = "warning: 'pidfile': here it is /run/haproxy/haproxy.pid"
#: sockets and pid files that cannot be made where they are wanted
_NOT_THERE = r"cannot bind UNIX socket|Cannot create pidfile"
_THERE = "; what haproxy makes lies below /run/haproxy"


def not_held(address: str) -> str:
    """What helps where an address is not this node's (now), and the kernel was told to insist on that."""
    setting = f"net.ipv{6 if ':' in address else 4}.ip_nonlocal_bind"
    return (
        f"this node does not hold {address}, and {setting} is 0; a standby binds what the other node holds "
        f"with 1 (config add system sysctl {setting}=1, service system apply)"
    )


@dataclass(frozen=True, slots=True)
class Messages:
    """What haproxy said: errors, and warnings, as lines with their places. `is_fatal`: one of the errors was a warning."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    is_fatal: bool


def messages(words: str, path: str, *, failed: bool = True) -> Messages:
    """The words that haproxy said of the file, sorted: errors with a place before those without; that there were errors is said
    only where no other is told. What goes on in a further line stays with the first. If it has not failed, nothing that it said
    was an error but what is one to us."""
    errors: list[str] = []
    warnings: list[str] = []
    is_fatal = False
    for entry in _entries(words):
        fatal = re.search(_FATAL_WARNING, entry) is not None
        is_fatal = is_fatal or fatal
        text = with_places(entry, path)
        if fatal:
            text = text.replace(": warning: ", ": ", 1)
        (errors if fatal or (failed and not entry.startswith("[WARNING]")) else warnings).append(text)
    told = [error for error in errors if not _SUMMARY.match(error)] or errors
    return Messages(tuple(sorted(told, key=lambda text: text[0] == "[")), tuple(warnings), is_fatal)


def with_places(words: str, path: str = "") -> str:
    """haproxy's words, with FILE:LINE: before each line that names a place instead of severity and pid; for some that name
    none, it is looked for in the file."""
    return "\n".join(_with_place(line, path) for line in words.splitlines())


def _entries(words: str) -> Iterator[str]:
    """What it said, without the noise; an entry has the lines after its first that begin with no severity."""
    entry = ""
    for line in words.splitlines():
        begins = re.match(r"\[(?:ALERT|WARNING|NOTICE|DIAG)\]", line)
        if begins and entry:
            yield entry
            entry = ""
        if not _NOISE.match(line):
            entry = f"{entry}\n{line}" if entry else line
    if entry:
        yield entry


def _with_place(line: str, path: str) -> str:
    """One line: `… : config : parsing [FILE:LINE] : TEXT`, or a TEXT that names the place somewhere."""
    head = re.match(_HEAD, line)
    if not head:
        return line
    text = re.sub(_OTHER_PID_FILE, _OUR_PID_FILE, line[head.end() :])
    if lost := re.search(_NOT_HELD, text):
        text = f"{text}: {not_held(lost[1])}"
    more = _THERE if re.search(_NOT_THERE, text) else ""
    warning = "warning: " if head[1] == "WARNING" else ""
    if first := re.match(_PLACE_FIRST, text):
        return f"{first[1] or first[2]}: {warning}{text[first.end() :]}{more}"
    if within := re.search(_PLACE_WITHIN, text):
        return f"{within[1] or within[2]}: {warning}{text}{more}"
    found = _find_line(text, path) if path else None
    return f"{found.place}: {warning}{_explain(text, found)}{more}" if found else line


def _find_line(text: str, path: str) -> Line | None:
    """The line to which words without a place belong; the last one counts."""
    for about, (section, keywords) in _ABOUT_KEYWORD.items():
        if match := re.search(about, text):
            lines = [line for line in read_lines(path) if line.section == section and line.words[0] in keywords]
            if word := match.groupdict().get("word"):
                lines = [line for line in lines if word in line.words]
            return lines[-1] if lines else None
    return None


def _explain(text: str, line: Line) -> str:
    """The words of haproxy without the name of a function; what a number of connections needs, in ours."""
    numbers = re.search(_NO_DESCRIPTORS, text)
    if numbers and line.words[1:] and line.words[1].isdecimal():
        wanted, limit = map(int, numbers.groups())
        most = int(line.words[1]) * limit // max(wanted, 1)
        return f"{line.words[0]} {line.words[1]} needs {wanted} open files; there are {limit}: at most about {most}"
    return re.sub(r"^\[haproxy\.main\(\)\] ", "", text)
