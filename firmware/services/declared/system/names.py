"""Names that the node knows without a name server: lines in /etc/hosts, beside those that an operator has written there."""

import ipaddress

from firmware import identity
from firmware.printable import quote_word
from firmware.rc.block import Block
from firmware.rc.values import HOST, ValueKind, Words
from firmware.services.definition import Argv

HOSTS, MARK = "/etc/hosts", "# service system"
#: other lines stay, and the file is replaced in one step: programs read it at any time
_WRITE = f"""
umask 022; new=/etc/.hosts.new
grep -v '{MARK}$' {HOSTS} >$new || [ $? = 1 ]
for line in "$@"; do echo "$line {MARK}" >>$new; done
if cmp -s $new {HOSTS}; then rm -f $new; else mv -f $new {HOSTS}; fi
"""


def commands(block: Block) -> list[Argv]:
    """The lines that the block wants; nothing if it wants none."""
    lines = [" ".join(words) for words in block.values("host")]
    return [["sh", "-ec", _WRITE, "sh", *lines]] if lines else []


def identity_name() -> str:
    """The host name that the unit was provisioned with; "" for a node without an identity."""
    known = identity.known_identity()
    return known.hostname if known else ""


def undo(block: Block) -> list[Argv]:
    """None of the block's lines."""
    return [["sh", "-ec", _WRITE]] if block.values("host") else []


def _entry_problem(words: Words) -> str:
    if len(words) < 2:
        return "an entry is ADDRESS NAME…"
    try:
        ipaddress.ip_address(words[0])
    except ValueError:
        return f"{quote_word(words[0])} is not an address"
    return next(filter(None, (HOST.problem((name,)) for name in words[1:])), "")


ENTRY = ValueKind("ADDRESS NAME…", _entry_problem)
