"""`config changes`, `diff`, `save` and the other verbs about what is saved on flash."""

import json
import sys
from contextlib import AbstractContextManager
from pathlib import Path

from firmware import files
from firmware.commands import caller
from firmware.commands.cli import parse_arguments
from firmware.errors import Failure, Refused, Usage
from firmware.printable import quote_path
from firmware.store import archive, flash, generations, restore, saved_state
from firmware.store.archive import Archive
from firmware.store.changes import Changes, differences, unsaved_changes

#: characters that a message may have
LONGEST = 500


def changes(argv: list[str]) -> int:
    """The paths that a reboot would take away, one a line; with -q only the exit status: 0 none, 1 some."""
    _, options = parse_arguments(argv, "", flags=("-q", "--json"))
    saved_state.refresh()
    found = unsaved_changes()
    if "-q" in options:
        return 1 if found.paths else 0
    if "--json" in options:
        print(json.dumps(found.json(), indent=2))
    else:
        marks = {path: mark for mark, paths in zip("+~-", _three(found), strict=True) for path in paths}
        for path in found.paths:
            print(marks[path], quote_path(path))
    return 0


def diff(argv: list[str]) -> int:
    """How /etc differs, as text, from the last save, the factory or a generation. Private keys are never shown."""
    positional, options = parse_arguments(argv, "[BASE]", flags=("--json",))
    base = positional[0] if positional else "saved"
    found = differences(_archive_of(base))
    if "--json" in options:
        print(json.dumps([one.json() for one in found], indent=2))
    else:
        print("".join(one.text for one in found), end="")
    return 0


def _archive_of(base: str) -> Archive | None:
    """The generation that is meant by "saved" or by a number; None if the factory is."""
    if base in ("saved", "factory"):
        return generations.load_current() if base == "saved" else None
    return generations.load(_number(base))


def save(argv: list[str]) -> int:
    """Save what is below /etc. When this says so, it is on flash and verified."""
    _, options = parse_arguments(argv, "", flags=("--json",), values=("-m",))
    message = options.get("-m", "")
    if len(message) > LONGEST:
        raise Usage(f"-m: the message has more than {LONGEST} characters")
    from firmware.flows import save as flow

    _told(flow.save(message, who=_who()), "--json" in options)
    return 0


def history(argv: list[str]) -> int:
    """The generations, newest first, each verified now."""
    _, options = parse_arguments(argv, "", flags=("--json",))
    found = generations.history()
    if "--json" in options:
        print(json.dumps([entry.json() for entry in found], indent=2))
        return 0
    for entry in found:
        one, mark = entry.generation, "*" if entry.current else " "
        about = f"{one.time}  {one.version}  {quote_path(one.message)}".rstrip()
        if one.problem:
            about = one.problem if one.newer else f"damaged: {one.problem}"
        print(f"{mark} {one.number:>4}  {about}")
    print("* comes back at a reboot" if found else "nothing is saved: a reboot gives the factory", file=sys.stderr)
    return 0


def rollback(argv: list[str]) -> int:
    """Put a generation below /etc; it lasts once it is saved."""
    (number,), _ = parse_arguments(argv, "N")
    lost = len(unsaved_changes().paths)
    with _pushes_kept_out():
        done = restore.roll_back(_number(number), who=_who())
    print(f"generation {int(number)} is below /etc: {_counted(done.changes)}")
    _notes(done.lines)
    _warn_lost(lost)
    _say("it is neither in effect nor saved yet: `service list` says what needs apply; then `config save`")
    return 0


def restore_(argv: list[str]) -> int:
    """Put below /etc what is saved, as at boot."""
    parse_arguments(argv, "")
    lost = len(unsaved_changes().paths)
    with _pushes_kept_out():
        done = restore.restore(live=True)
    print(done.lines[0])
    for line in done.lines[1:]:
        _say(line)
    _warn_lost(lost)
    if done.changes.paths:
        _say(f"{_counted(done.changes)}; `service list` says what needs apply")
    return 0


def export(argv: list[str]) -> int:
    """Write what is saved to a file, readable for its owner only: private keys are in it."""
    (name,), _ = parse_arguments(argv, "FILE|-")
    found = generations.load_current()
    if found is None:
        raise Failure("nothing is saved: there is nothing to export", "config save")
    if Path(name).is_dir():
        raise Failure(f"{name}: it is a directory", "config export FILE")
    waiting = len(unsaved_changes().paths)
    if name == "-":
        if sys.stdout.isatty():
            raise Refused("an archive is not for a terminal", "config export FILE, or redirect it")
        sys.stdout.buffer.write(found.data)
        sys.stdout.buffer.flush()
    else:
        with flash.convert_os_errors(Path(name)):
            files.write(Path(name).absolute(), found.data, mode=0o600)
    _say(f"generation {found.label.generation} exported: {found.digest}")
    if waiting:
        _say(f"note: not in it: {waiting} unsaved {_paths(waiting)} below /etc (config changes)")
    return 0


def import_(argv: list[str]) -> int:
    """Make an exported archive a new generation. /etc is left alone until a restore or a reboot."""
    (name,), options = parse_arguments(argv, "FILE|-", flags=("--json",))
    with flash.convert_os_errors(Path(name)):
        if name == "-":
            data = sys.stdin.buffer.read(archive.LIMIT + 1)
        else:
            with open(name, "rb") as file:
                data = file.read(archive.LIMIT + 1)
    _told(generations.import_archive(data, who=_who()), "--json" in options)
    _say("/etc is as it was; `config restore` or a reboot brings it into /etc")
    return 0


def reset(argv: list[str]) -> int:
    """Back to the factory's /etc, now and at every boot. The generations before are kept."""
    _, options = parse_arguments(argv, "", flags=("--yes",))
    if "--yes" not in options:
        _confirm()
    with _pushes_kept_out():
        done = restore.reset_to_factory(who=_who())
    number = done.generation.number if done.generation else 0
    print(f"/etc is as the factory made it: {_counted(done.changes)}; saved as generation {number}")
    _notes(done.lines)
    _say("reboot to start with it; `config history` has what was saved before")
    return 0


def _confirm() -> None:
    hint = "config reset --yes"
    if not sys.stdin.isatty():
        raise Refused("not confirmed: nothing was changed", hint)
    print('Everything below /etc goes back to the factory. Type "Yes" to do it: ', end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline().strip()
    if answer != "Yes":
        raise Refused(f'{answer!r} is not "Yes": nothing was changed', hint)


def _pushes_kept_out() -> AbstractContextManager[None]:
    """All of /etc is ours for a while: no push is in the middle of it, and none waits to be confirmed."""
    from firmware.flows.save import pushes_kept_out

    return pushes_kept_out()


def _told(done: generations.SaveResult, as_json: bool) -> None:
    if as_json:
        print(json.dumps(done.json(), indent=2))
    elif done.fresh:
        print(f"saved generation {done.generation.number}: {_counted(done.changes)} ({done.digest})")
    else:
        print(f"nothing to save: generation {done.generation.number} has it all ({done.digest})")
    _notes(done.notes)


def _notes(notes: tuple[str, ...]) -> None:
    for note in notes:
        _say(f"note: {note}")


def _warn_lost(count: int) -> None:
    if count:
        _say(f"note: {count} {_paths(count)} below /etc had not been saved")


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _counted(found: Changes) -> str:
    added, changed, removed = map(len, _three(found))
    return f"{added} added, {changed} changed, {removed} removed"


def _three(found: Changes) -> tuple[tuple[str, ...], ...]:
    return found.added, found.changed, found.removed


def _paths(count: int) -> str:
    return "path" if count == 1 else "paths"


def _number(word: str) -> int:
    if not (word.isascii() and word.isdigit() and 0 < int(word[:10]) < 10**9):
        raise Usage(f"{word!r}: it is the number of a generation", "config history")
    return int(word)


def _who() -> str:
    """Who is at work: the account, and from where."""
    place = caller.origin()
    return f"{caller.account()} at {place}" if place else caller.account()
