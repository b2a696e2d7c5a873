"""`account list|add|password|del|token|code`: who may use the web UI and its API."""

import json
import sys

from firmware.commands import operator_identity
from firmware.commands.cli import local_time, parse_arguments
from firmware.errors import Refused, Usage
from firmware.operations import accounts


def table(argv: list[str]) -> int:
    """Print every account, with its role and tokens."""
    _, options = parse_arguments(argv, "", flags=("--json",))
    rows = accounts.list_accounts()
    if "--json" in options:
        print(json.dumps([row.json() for row in rows], indent=2))
        return 0
    for row in rows:
        about = [row.role, *([f"logged in {row.sessions} times"] if row.sessions > 1 else ["logged in"] * row.sessions)]
        print(f"{row.name:<16}  {', '.join(about)}")
        for token in row.tokens:
            print(f"    token {token.label}, made {local_time(token.since)}")
    if not rows:
        print("there is no account yet: account code shows the setup code for the browser", file=sys.stderr)
    return 0


def add(argv: list[str]) -> int:
    """Add an account; its password is read from the terminal, or as one line from standard input."""
    (name,), options = parse_arguments(argv, "NAME", values=("--role",))
    role = options.get("--role", "admin")
    accounts.require_addable(name, role)
    accounts.add(name, role, _read_password(), who=operator_identity.identify())
    print(f"account {name}: added as {role}; config save makes it last", file=sys.stderr)
    return 0


def password(argv: list[str]) -> int:
    """Give an account another password, read in the same way."""
    (name,), _ = parse_arguments(argv, "NAME")
    accounts.require_known(name)
    accounts.set_password(name, _read_password(), who=operator_identity.identify())
    print(f"account {name}: has another password, and is logged out; config save makes it last", file=sys.stderr)
    return 0


def delete(argv: list[str]) -> int:
    """Delete an account with its tokens."""
    (name,), _ = parse_arguments(argv, "NAME")
    accounts.delete(name, who=operator_identity.identify())
    print(f"account {name}: deleted; config save makes it last", file=sys.stderr)
    return 0


def token(argv: list[str]) -> int:
    """Print a new token of an account, or take one back."""
    (name,), options = parse_arguments(argv, "NAME", values=("--label", "--revoke"))
    if len(options) > 1:
        raise Usage("--label makes a token, --revoke takes one back: one of them")
    who = operator_identity.identify()
    if "--revoke" in options:
        accounts.delete_token(name, options["--revoke"], who=who)
        return 0
    label = options.get("--label", f"made {local_time(_now())}")
    print(accounts.make_token(name, label, who=who))
    print(f"account {name}: this is shown once; config save makes it last", file=sys.stderr)
    return 0


def code(argv: list[str]) -> int:
    """Print the setup code with which the first password is chosen in the browser."""
    parse_arguments(argv, "")
    print(accounts.first_code())
    return 0


def _now() -> float:
    import time

    return time.time()


def _read_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    from getpass import getpass

    first = getpass("New password: ")
    if getpass("The same password again: ") != first:
        raise Refused("they are not the same: nothing was changed")
    return first
