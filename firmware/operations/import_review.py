"""What an archive from elsewhere would bring: whose it is, and what it says of accounts, keys and commands.

An archive is as good as root: an operator who takes one should see what a count of files does not tell.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from firmware.accounts import register
from firmware.accounts.changes import account_changes
from firmware.printable import escape, quote_path, shorten
from firmware.rc import check, document
from firmware.services import catalog
from firmware.store.changes import Changes
from firmware.store.paths import CONFIG
from firmware.store.snapshot import Target
from firmware.sync import settings

#: findings that are shown, and characters of each
MOST, LONGEST = 60, 200

#: where keys lie that let somebody in, and those by which this node is known; parts of paths
_LOGIN_KEYS = ("authorized_keys", "/.ssh/", "/etc/csyncd/csyncd_authorized", "/etc/ssh/sshd_config")
_OWN_KEYS = ("/etc/ssh/ssh_host_", "/etc/csyncd/ssh_host_", "/etc/csyncd/id_", "/etc/wui/tls", "/etc/wg/")
#: what says whom this node believes that fetches something, an upgrade above all
_BELIEVED = ("/etc/ssl/", "/etc/ca-certificates", "/etc/rauc/")
#: what is run, or says what is run, though it is no program
_COMMANDS = (
    "/etc/inittab",
    "/etc/profile",
    "/etc/rc",
    "/etc/init.d/",
    "/etc/ld.so",
    "/etc/crontab",
    "/etc/cron",
    "/etc/sudo",
)

Row = tuple[str, ...]


def foreign_node(new: Target, *, own: Path = settings.FILE) -> str:
    """Whose configuration it is, if it is that of another node than this; "" where it is this node's or nobody knows."""
    here = settings.values_in(own.read_bytes().decode("utf-8", "replace")) if own.is_file() else {}
    there = settings.values_in(_text(new, str(settings.FILE)))
    ours, theirs = here.get("LOCAL_NODE", ""), there.get("LOCAL_NODE", "")
    is_peer = "" != there.get("LOCAL_IP", "") == here.get("REMOTE_IP", "")
    if not ours or not theirs or (ours == theirs and not is_peer):
        return ""
    whose = f"this is node {theirs}'s configuration, and this is node {ours}"
    return escape(f"{whose}: with its keys, its csyncd.cfg and its addresses, this node would be its twin")


def notable_changes(old: Target, new: Target) -> tuple[str, ...]:
    """Which accounts, keys and commands differ between what is saved and what is to be, a line each, for people."""
    changes = Changes.between(old.entries, new.entries)
    found = [*_accounts(old, new), *_web_accounts(old, new), *_files(changes, new), *_directives(old, new)]
    lines = [shorten(escape(line), LONGEST) for line in found]
    return tuple(lines[:MOST] + [f"and {len(lines) - MOST} more of this kind"] * (len(lines) > MOST))


def _accounts(old: Target, new: Target) -> Iterator[str]:
    before, after = _table(old, "/etc/passwd"), _table(new, "/etc/passwd")
    secrets = _table(old, "/etc/shadow"), _table(new, "/etc/shadow")
    for name in sorted(before.keys() | after.keys()):
        then, now = before.get(name), after.get(name)
        if now is None:
            yield f"account {name}: gone"
            continue
        if then is None or then[2:] != now[2:]:
            powers = ", with all of root's rights" if now[2:3] == ("0",) and name != "root" else ""
            yield f"account {name}: {'changed' if then else 'added'}{powers}"
        passwords = [_password(name, table, rows) for table, rows in zip(secrets, (before, after), strict=True)]
        if passwords[0] != passwords[1]:
            yield f"account {name}: {_password_words(passwords[1])}"


def _web_accounts(old: Target, new: Target) -> Iterator[str]:
    before, after = (_text(target, str(register.FILE)).encode("utf-8", "surrogateescape") for target in (old, new))
    return account_changes(before, after)


def _password(name: str, shadow: Mapping[str, Row], passwd: Mapping[str, Row]) -> str | None:
    """The hash of an account's password, "" where it needs none; None if there is no account."""
    row = passwd.get(name)
    if row is None:
        return None
    return row[1] if row[1:2] != ("x",) else (*shadow.get(name, (name, "*")), "")[1]


def _password_words(password: str | None) -> str:
    if not password:
        return "WITHOUT A PASSWORD: whoever gives its name is in"
    return "no password lets it in" if password[0] in "*!" else "another password"


def _files(changes: Changes, new: Target) -> Iterator[str]:
    for change, paths in changes.json().items():
        for path in paths:
            item = new.items.get(path)
            if item and item.entry.kind == "dir":
                continue
            if any(part in path for part in _LOGIN_KEYS):
                yield f"who may log in: {quote_path(path)}: {change}"
            elif path.startswith(_BELIEVED):
                yield f"whose certificates are believed, by upgrades too: {quote_path(path)}: {change}"
            elif path.startswith(_OWN_KEYS):
                yield f"keys of the node: {quote_path(path)}: {change}"
            elif path.startswith(_COMMANDS) or (item and item.entry.kind == "file" and item.entry.mode & 0o111):
                yield f"a command, or what runs some: {quote_path(path)}: {change}"


def _directives(old: Target, new: Target) -> Iterator[str]:
    """The directives of config.rc that name programs, modules and kernel settings, and were not there."""
    before, after = (document.parse_tolerant(_text(target, CONFIG))[0] for target in (old, new))
    known = {(block.title, line.words) for block in before.blocks if block.enabled for line in block.directives}
    for block in after.blocks:
        service = catalog.find(block.name) if block.enabled else None
        index = check.directive_index(service) if service else {}
        for line in block.directives:
            declared = check.find_directive(index, line.words)
            if declared and not declared.value.from_peer and (block.title, line.words) not in known:
                yield f"{CONFIG}:{line.number}: service {block.title}: {' '.join(line.words)}"


def _table(target: Target, path: str) -> dict[str, Row]:
    rows = (tuple(line.split(":")) for line in _text(target, path).splitlines())
    return {row[0]: row for row in rows if row[0] and len(row) > 1}


def _text(target: Target, path: str) -> str:
    item = target.items.get(path)
    is_file = item is not None and item.entry.kind == "file"
    return target.content(path).decode("utf-8", "surrogateescape") if is_file else ""
