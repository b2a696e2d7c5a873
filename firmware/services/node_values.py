"""Values of a node in what is pushed: variables that a pushed file names, and that each node fills in for itself.

`NODE`, `HOSTNAME` and `LOCAL_IP` are given by the node; others stand in `service system` as `env NAME VALUE`, which is
never pushed.
"""

import os
from collections.abc import Mapping

from firmware.printable import quote_word
from firmware.rc.values import ValueKind, Words
from firmware.services.declared import csyncd
from firmware.services.definition import Context

#: what a service reads that takes them (`Service.reads`)
READS = "system env"
#: what no `env` sets
_GIVEN = ("NODE", "HOSTNAME", "LOCAL_IP", "PATH", "LC_ALL")
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_DIGITS = frozenset("0123456789")


def set_variables(context: Context) -> dict[str, str]:
    """What `service system` sets, for a service that reads it."""
    return {name: value for block in context.reads[READS] for name, value in block.values("env")}


def given_variables() -> dict[str, str]:
    """What the node is by itself, now: its number and address as csyncd.cfg has them, as far as they are known."""
    fields = csyncd.settings_fields()
    values = {
        "NODE": fields.get("LOCAL_NODE", ""),
        "LOCAL_IP": fields.get("LOCAL_IP", ""),
        "HOSTNAME": os.uname().nodename,
    }
    return {name: value for name, value in values.items() if value and value.isprintable()}


def haproxy_text(variables: Mapping[str, str]) -> str:
    """A piece of haproxy's configuration that sets them, whatever their values hold."""
    quoted = {name: value.replace("'", "'\\''") for name, value in variables.items()}
    return "\n".join(["global", *(f"    setenv {name} '{value}'" for name, value in quoted.items())]) + "\n"


def _variable_problem(words: Words) -> str:
    if len(words) != 2:
        return "a variable is NAME VALUE; quotes hold a value of several words together"
    name, value = words
    if not name or not set(name) <= _LETTERS | _DIGITS or name[0] in _DIGITS:
        return f"{quote_word(name)} is not the name of a variable: letters, digits and _"
    if name in _GIVEN or name.startswith("HAPROXY_"):
        return f"{name} is given by the node itself"
    return "" if value.isprintable() else f"the value of {name} has control characters"


VARIABLE = ValueKind("NAME VALUE", _variable_problem, from_peer=False)
