"""The program `account`: who may use the web UI and its API."""

from firmware.commands.cli import Verbs

_HERE = "firmware.commands.account_verbs"

VERBS: Verbs = {
    "list": (f"{_HERE}:table", "[--json]", "who may log in, and as what"),
    "add": (
        f"{_HERE}:add",
        "NAME [--role admin|monitor]",
        "add an account; the password is read from the terminal, or as one line from standard input\n"
        "admin (without --role) may do everything, monitor may look.",
    ),
    "password": (f"{_HERE}:password", "NAME", "give it another password, read in the same way; it is logged out"),
    "del": (f"{_HERE}:delete", "NAME", "delete it with its tokens; it is logged out"),
    "token": (
        f"{_HERE}:token",
        "NAME [--label TEXT | --revoke LABEL]",
        "print a new token for the API, which is shown once; or have the one of that label count no more",
    ),
    "code": (f"{_HERE}:code", "", "the setup code with which the browser asks for the first password"),
}
