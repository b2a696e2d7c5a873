"""Logins on consoles: lines for init, which keeps a getty on each of them."""

from firmware.rc.block import Block
from firmware.services.definition import Argv

INITTAB, FACTORY = "/etc/inittab", "/usr/share/factory/etc/inittab"
PROGRAM = "/usr/libexec/appliance/console"
#: what the factory's own line is for
FACTORY_CONSOLE = "ttyS0"
#: $1 is 1 if a line of ours takes the place of the factory's. init is told only of what has changed.
_WRITE = f"""
umask 022; new=/etc/.inittab.new; ours=$1; shift
if [ "$ours" = 1 ]; then grep -v '{PROGRAM}$' {FACTORY} >$new; else cat {FACTORY} >$new; fi
[ $# = 0 ] || printf '%s\\n' "$@" >>$new
if cmp -s $new {INITTAB}; then rm -f $new; else mv -f $new {INITTAB}; kill -HUP 1; fi
"""


def commands(block: Block) -> list[Argv]:
    """What starts a login on each console that the block names; nothing if it names none."""
    lines = _lines(block)
    replaces = any(line.split()[1:2] == [FACTORY_CONSOLE] for line in lines)
    return [_write_inittab(lines, replaces=replaces)] if lines else []


def undo(block: Block) -> list[Argv]:
    """The factory's console alone."""
    return [_write_inittab([], replaces=False)] if _lines(block) else []


def _lines(block: Block) -> list[str]:
    screens = [f"tty{number} 38400 linux" for number in range(1, int(block.value("vt_consoles") or 0) + 1)]
    serial = [word.split(":") for words in block.values("extra_consoles") for word in words]
    lines = [" ".join((fields[0], fields[1], fields[2] if len(fields) > 2 else "vt100")) for fields in serial]
    return [f"::respawn:{PROGRAM} {line}" for line in dict.fromkeys([*screens, *lines])]


def _write_inittab(lines: list[str], *, replaces: bool) -> Argv:
    return ["sh", "-ec", _WRITE, "sh", str(int(replaces)), *lines]
