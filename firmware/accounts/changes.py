"""How the accounts in one file differ from those in another, in words: who takes a configuration from elsewhere should see who
comes with it. Nothing secret is said, nor any digest.
"""

from collections.abc import Iterator

from firmware.accounts import register
from firmware.accounts.register import Account, Accounts
from firmware.errors import Failure

#: how each line begins: the accounts of /etc/passwd are others
_WHAT = "account of the web UI"


def account_changes(old: bytes, new: bytes) -> Iterator[str]:
    """What came, went and changed between the contents of two files of accounts (b"": no such file), a line each."""
    if old == new:
        return
    try:
        after = _parse(new)
    except Failure:
        yield "accounts of the web UI: they cannot be read: nobody gets in by it"
        return
    try:
        before = _parse(old)
    except Failure:
        before = ()
    if before and not after:
        yield "accounts of the web UI: none is left: whoever knows the setup code chooses the first password"
    yield from _differences(before, after)


def _parse(data: bytes) -> Accounts:
    return register.parse(data, str(register.FILE)) if data else ()


def _differences(before: Accounts, after: Accounts) -> Iterator[str]:
    for name in sorted({one.name for one in (*before, *after)}):
        then, now = register.find(name, before), register.find(name, after)
        if now is None:
            yield f"{_WHAT} {name}: gone"
        elif then is None:
            yield f"{_WHAT} {name}: added, role {now.role}{_with_tokens(now)}"
        else:
            yield from (f"{_WHAT} {name}: {what}" for what in _what_changed(then, now))


def _with_tokens(account: Account) -> str:
    count = len(account.tokens)
    return f", with {count} token{'s' if count > 1 else ''}" if count else ""


def _what_changed(then: Account, now: Account) -> Iterator[str]:
    if then.role != now.role:
        yield f"role {now.role}, before {then.role}"
    if then.password != now.password:
        yield "another password"
    old, new = ({one.digest: one.label for one in account.tokens} for account in (then, now))
    yield from (f"token {label!r}: added" for digest, label in new.items() if digest not in old)
    yield from (f"token {label!r}: gone" for digest, label in old.items() if digest not in new)
