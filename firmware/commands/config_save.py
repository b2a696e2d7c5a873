"""`config changes`, `diff`, `save` and the other verbs about what is saved on flash."""

import json
import sys
from pathlib import Path

from firmware.commands import operator_identity
from firmware.commands.cli import STDOUT, parse_arguments
from firmware.commands.secret_input import read_new_secret, read_secret
from firmware.errors import Refused, Usage
from firmware.operations import saved_config
from firmware.printable import escape
from firmware.store.changes import Changes
from firmware.store.generations import SaveResult


def changes(argv: list[str]) -> int:
    """The paths that a reboot would take away, one a line; with -q only the exit status: 0 none, 1 some."""
    _, options = parse_arguments(argv, "", flags=("-q", "--json"))
    found = saved_config.changes()
    if "-q" in options:
        return 1 if found.paths else 0
    if "--json" in options:
        print(json.dumps(found.json(), indent=2))
    else:
        marks = {path: mark for mark, paths in zip("+~-", _kinds(found), strict=True) for path in paths}
        for path in found.paths:
            print(marks[path], escape(path))
    return 0


def diff(argv: list[str]) -> int:
    """How /etc differs, as text, from the last save, the factory or a generation; or with two of them, how the second one differs
    from the first. Private keys are never shown."""
    positional, options = parse_arguments(argv, "[BASE [OTHER]]", flags=("--json",))
    found = saved_config.diff_between(*positional) if len(positional) == 2 else saved_config.diff(*positional)
    if "--json" in options:
        print(json.dumps([one.json() for one in found], indent=2))
    else:
        print("".join(one.text for one in found), end="")
    return 0


def save(argv: list[str]) -> int:
    """Save what is below /etc. When this says so, it is on flash and verified."""
    _, options = parse_arguments(argv, "", flags=("--json",), values=("-m",))
    message = options.get("-m", "")
    if len(message) > saved_config.MESSAGE_LIMIT:
        raise Usage(f"-m: the message has more than {saved_config.MESSAGE_LIMIT} characters")
    _print_save(saved_config.save(message, who=operator_identity.identify()), "--json" in options)
    return 0


def history(argv: list[str]) -> int:
    """The generations, newest first, each verified now."""
    _, options = parse_arguments(argv, "", flags=("--json",))
    found = saved_config.history()
    if "--json" in options:
        print(json.dumps([entry.json() for entry in found], indent=2))
        return 0
    for entry in found:
        one, mark = entry.generation, "*" if entry.current else " "
        digest = one.digest.removeprefix("sha256:")[:12]
        about = f"{one.time}  {one.version}  {escape(one.who)}  {digest}  {escape(one.message)}".rstrip()
        if one.problem:
            about = one.problem if one.newer else f"damaged: {one.problem}"
        print(f"{mark}{'>' if entry.running else ' '}{one.number:>4}  {about}")
    _say("* comes back at a reboot, > is below /etc now" if found else "nothing is saved: a reboot gives the factory")
    return 0


def rollback(argv: list[str]) -> int:
    """Put a generation below /etc; it lasts once it is saved."""
    (number,), _ = parse_arguments(argv, "N")
    done = saved_config.roll_back(saved_config.parse_generation(number), who=operator_identity.identify())
    print(f"generation {done.generation} is below /etc: {_counts(done.changes)}")
    _say_notes(done.notes)
    _say("it is not saved yet: `service list` says what needs apply; then `config save`")
    return 0


def restore_(argv: list[str]) -> int:
    """Put below /etc what is saved, as at boot; exit status 1 if that is not the newest, for that cannot be read; refused if
    nothing is saved."""
    parse_arguments(argv, "")
    done = saved_config.restore_saved(who=operator_identity.identify())
    for problem in done.problems:
        _say(f"config restore: {problem}")
    if done.problems:
        _say(f"config restore: NOT THE NEWEST: what is below /etc now is generation {done.generation}, an OLDER one")
    print(done.notes[0])
    for line in done.notes[1:]:
        _say(line)
    if done.changes.paths:
        _say(f"{_counts(done.changes)}; `service list` says what needs apply")
    return 1 if done.problems else 0


def export(argv: list[str]) -> int:
    """Write what is saved to a file, readable for its owner only; private keys are only in it with --secrets, and encrypted."""
    (name,), options = parse_arguments(argv, "FILE|-", flags=("--secrets",))
    if name == "-" and sys.stdout.isatty():
        raise Refused("an archive is not for a terminal", "config export FILE, or redirect it")
    exported = saved_config.export(read_new_secret("passphrase") if "--secrets" in options else None)
    if name != "-":
        saved_config.write_archive(exported, Path(name))
    else:
        try:
            sys.stdout.buffer.write(exported.data)
            sys.stdout.buffer.flush()
        except OSError as error:
            error.filename = STDOUT
            raise
    _say(f"generation {exported.generation} exported: {exported.digest}")
    if exported.withheld:
        count = len(exported.withheld)
        _say(
            f"note: not in it: {count} {_files(count)} with secrets, such as private keys (config export FILE --secrets)"
        )
    if exported.unsaved:
        _say(f"note: not in it: {exported.unsaved} unsaved {_paths(exported.unsaved)} below /etc (config changes)")
    return 0


def import_(argv: list[str]) -> int:
    """Make an exported archive a new generation. /etc is left alone until a restore or a reboot."""
    (name,), options = parse_arguments(argv, "FILE|-", flags=("--json", "--force"))
    data = saved_config.read_archive(Path(name), sys.stdin.buffer if name == "-" else None)
    shown, who = "stdin" if name == "-" else name, operator_identity.identify()
    passphrase = read_secret("passphrase", name == "-") if saved_config.is_encrypted(data) else ""
    done = saved_config.import_archive(data, who=who, name=shown, force="--force" in options, passphrase=passphrase)
    _print_save(done, "--json" in options)
    _say("/etc is as it was; `config restore` or a reboot brings it into /etc")
    return 0


def reset(argv: list[str]) -> int:
    """Back to the factory's /etc, now and at every boot. The generations before are kept."""
    _, options = parse_arguments(argv, "", flags=("--yes",))
    if "--yes" not in options:
        _require_confirmation()
    done = saved_config.reset(who=operator_identity.identify())
    print(f"/etc is as the factory made it: {_counts(done.changes)}; saved as generation {done.generation or 0}")
    _say_notes(done.notes)
    _say("reboot to start with it; `config history` has what was saved before")
    return 0


def _require_confirmation() -> None:
    hint = "config reset --yes"
    if not sys.stdin.isatty():
        raise Refused("not confirmed: nothing was changed", hint)
    print('Everything below /etc goes back to the factory. Type "Yes" to do it: ', end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline().strip()
    if answer != "Yes":
        raise Refused(f'{answer!r} is not "Yes": nothing was changed', hint)


def _print_save(done: SaveResult, as_json: bool) -> None:
    if as_json:
        print(json.dumps(done.json(), indent=2))
    elif done.fresh:
        print(f"saved generation {done.generation.number}: {_counts(done.changes)} ({done.digest})")
    else:
        print(f"nothing to save: generation {done.generation.number} has it all ({done.digest})")
    _say_notes(done.notes)


def _say_notes(notes: tuple[str, ...]) -> None:
    for note in notes:
        _say(f"note: {note}")


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _counts(found: Changes) -> str:
    added, changed, removed = map(len, _kinds(found))
    return f"{added} added, {changed} changed, {removed} removed"


def _kinds(found: Changes) -> tuple[tuple[str, ...], ...]:
    return found.added, found.changed, found.removed


def _files(count: int) -> str:
    return "file" if count == 1 else "files"


def _paths(count: int) -> str:
    return "path" if count == 1 else "paths"
