"""Interfaces that come and go after a block was set up: a companion of the whole network watches, and has each block that needs
one of them set up again. So the state of the block says what is not there, and what needs it is back when that is.

/run/firmware/network/interfaces/TITLE has a line for each interface that the block needs: its name, and its number in the
kernel when the block was set up, 0 where it was not there. One that was made anew has another number.
"""

from collections.abc import Iterable
from pathlib import Path

from firmware import files
from firmware.locks import hold, service_lock
from firmware.services import companion
from firmware.services.declared.network.record import TOP
from firmware.services.definition import Companion

NEEDED = TOP / "interfaces"
_SYS = Path("/sys/class/net")
#: of no block, so that it goes with none
_TITLE, _NAME = "interfaces", "watch"
_LOCK = service_lock(f"{_TITLE}~{_NAME}")

#: how soon, the kernel says; the first looks are for what happens while `ip` is started
_WATCH = """\
ip -o monitor link | while :; do
    for file in "$0"/*; do
        [ -e "$file" ] || continue
        while read -r name known; do
            number=0
            [ ! -e "/sys/class/net/$name" ] || read -r number <"/sys/class/net/$name/ifindex"
            if [ "$number" != "$known" ]; then
                setsid /usr/bin/python3 -m firmware.services.declared.network.resume "${file##*/}" </dev/null
                break
            fi
        done <"$file"
    done
    if [ -z "$late" ]; then read -r -t 2 line || late=1; else read -r line || exit; fi
done
"""


def watch(title: str, names: Iterable[str], *, top: Path = NEEDED) -> str:
    """Have the block of that title set up again whenever one of these interfaces comes, goes or is made anew. Returns what went
    wrong."""
    text = "".join(f"{name} {_number(name)}\n" for name in dict.fromkeys(names))
    if not text:
        ignore(title, top=top)
        return ""
    path = top / title
    with hold(_LOCK):
        top.mkdir(mode=0o755, parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            files.write(path, text.encode(), mode=0o600)
        return companion.problem(_watcher(top))


def ignore(title: str, *, top: Path = NEEDED) -> None:
    """The block needs none any more. The last one takes the watcher along."""
    with hold(_LOCK):
        (top / title).unlink(missing_ok=True)
        if not any(top.glob("*")):
            companion.stop(_TITLE, _NAME)


def _watcher(top: Path) -> Companion:
    return Companion(_TITLE, _NAME, ["busybox", "sh", "-c", _WATCH, str(top)])


def _number(name: str) -> str:
    try:
        return (_SYS / name / "ifindex").read_text().strip()
    except OSError:
        return "0"
