"""Interfaces that are not there yet: a companion of the block waits for them, and then has it set up again."""

from firmware.services.definition import Companion

#: its name among the companions of a block
NAME = "wait"

#: $0 is what is run once every interface that is named is there; how soon, the kernel says, and a look at times
_WAIT = """\
ip monitor link | while :; do
    missing=
    for name; do [ -e "/sys/class/net/$name" ] || missing=$name; done
    if [ -z "$missing" ]; then
        setsid /usr/bin/python3 -m firmware.services.declared.network.resume "$0" &
        exec sleep 60
    fi
    read -r -t 30 line || sleep 1
done
"""


def waiting(title: str, names: list[str]) -> Companion:
    """A companion that waits for these interfaces, and then has the block set up again."""
    return Companion(title, NAME, ["busybox", "sh", "-c", _WAIT, title, *names])
