"""Where a command begins: the programs `service`, `config`, `csync`, `account`, `provision` and `upgrade`, and the daemons
`csyncd`, `wui` and, for each who is logged in to the web UI, `session`.

Nothing is imported here that the command at hand does not use; `config get` has to be fast.
"""

import sys

PROGRAMS = ("service", "config", "csync", "account", "provision", "upgrade")
DAEMONS = ("csyncd", "wui", "session", "provisioning")


def main(argv: list[str] | None = None) -> int:
    """`python -m firmware NAME …`: one of the programs, or a daemon in the foreground (`NAME check`: only its check)."""
    words = sys.argv[1:] if argv is None else argv
    if words and words[0] in DAEMONS and _takes_words(words[0], words[1:]):
        return _run_daemon(words[0], words[1:])
    if words and words[0] in PROGRAMS:
        return run_program(words[0], words[1:]) if words[0] != "provision" else provision(words[1:])
    known = " | ".join((*PROGRAMS, *DAEMONS))
    print(f"usage: python -m firmware {known} …", file=sys.stdout if words[:1] == ["--help"] else sys.stderr)
    return 0 if words[:1] == ["--help"] else 2


def _run_daemon(name: str, words: list[str]) -> int:
    from importlib import import_module

    part = "check" if words[-1:] == ["check"] else "daemon"
    if name == "csyncd" and part == "daemon":
        _keep_ssl_out()
    try:
        return int(import_module(f"firmware.{name}.{part}").main([word for word in words if word != "check"]))
    except Exception as error:
        from firmware import log
        from firmware.errors import report

        failure = log.internal_error(name, error, daemon=True)
        log.line(report(name, failure))
        return failure.status


def _takes_words(daemon: str, words: list[str]) -> bool:
    """Whether a daemon takes these words: `check`, csyncd also `recover` and `save NAME`, the web UI also where it listens,
    provisioning also its line."""
    others = words[:-1] if words[-1:] == ["check"] else words
    return (
        not others
        or (daemon == "wui" and len(others) == 3)
        or (daemon == "csyncd" and (words == ["recover"] or (len(words) == 2 and words[0] == "save")))
        or (daemon == "provisioning" and len(words) == 1)
    )


def _keep_ssl_out() -> None:
    """csyncd speaks over Unix sockets alone. asyncio does without ssl where it cannot be imported: 4 MB less for good."""
    from typing import Any, cast

    cast(dict[str, Any], sys.modules)["ssl"] = None


def run_program(name: str, argv: list[str]) -> int:
    """One of the programs on PATH."""
    from importlib import import_module

    from firmware.commands import cli

    module = import_module(f"firmware.commands.{name}")
    return cli.dispatch(name, module.VERBS, argv, getattr(module, "ABOUT", ""), getattr(module, "LATER", None))


def service() -> int:
    """The program `service`."""
    return run_program("service", sys.argv[1:])


def config() -> int:
    """The program `config`."""
    return run_program("config", sys.argv[1:])


def csync() -> int:
    """The program `csync`."""
    return run_program("csync", sys.argv[1:])


def account() -> int:
    """The program `account`."""
    return run_program("account", sys.argv[1:])


def provision(words: list[str] | None = None) -> int:
    """The program `provision`, at a station of the factory: nothing of it is on an appliance."""
    from importlib.util import find_spec

    if find_spec("firmware.station") is None:
        print("provision: it belongs to a station of the factory, and is not on an appliance", file=sys.stderr)
        return 2
    return run_program("provision", sys.argv[1:] if words is None else words)


def upgrade() -> int:
    """The program `upgrade`."""
    return run_program("upgrade", sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
