"""Who may administer the unit, and the unit's own keys."""

from dataclasses import replace
from pathlib import Path

from firmware import files
from firmware.accounts import register
from firmware.accounts.register import ADMIN, FIRST, Account, Accounts
from firmware.provision.answers import AdminIsSet, UnitKeys
from firmware.provision.questions import MakeKeys, SetAdmin
from firmware.provisioning.unit import WORKER, Unit
from firmware.run import run
from firmware.services.declared import sshd
from firmware.sync import audit, keys

#: root's keys, as sshd_config names the file
AUTHORIZED = "/etc/ssh/authorized_keys/root"


def set_admin(unit: Unit, question: SetAdmin) -> AdminIsSet:
    """Give account admin its password, by the hash, and root its ssh keys, in place of those that there are."""
    places = unit.places
    if question.password:
        register.change(
            lambda old: _with_password(question.password, old), path=places.accounts, lock=places.accounts_lock
        )
    authorized = places.in_etc(AUTHORIZED)
    if question.ssh_keys:
        authorized.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        files.write(authorized, "".join(f"{line}\n" for line in question.ssh_keys).encode(), mode=0o600)
    names = tuple(one.name for one in register.read(places.accounts))
    audit.note("provisioning", who=WORKER, result="admin", directory=places.trail, accounts=list(names))
    return AdminIsSet(names, fingerprints(authorized))


def _with_password(made: str, old: Accounts) -> Accounts:
    found = register.find(FIRST, old)
    return (
        register.add(Account(FIRST, ADMIN, made), old)
        if found is None
        else register.update(replace(found, password=made), old)
    )


def fingerprints(path: Path) -> tuple[str, ...]:
    """SHA256:… of each key in a file; none if it is not there."""
    if not path.exists():
        return ()
    lines = run(["ssh-keygen", "-l", "-E", "sha256", "-f", str(path)]).output.splitlines()
    return tuple(line.split()[1] for line in lines)


def make_keys(unit: Unit, question: MakeKeys) -> UnitKeys:
    """Make the keys that there are not yet; returns the public ones."""
    host = unit.places.in_etc(sshd.HOST_KEY)
    if not host.exists():
        host.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(host)])
    directory = unit.places.in_etc(keys.DIRECTORY)
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    made = (
        keys.generate(question.node, directory)
        if keys.missing_files(directory)
        else keys.load(question.node, directory)
    )
    public = keys.parse_key(host.with_name(f"{host.name}.pub").read_text())
    return UnitKeys(public.line, made.host.line, made.user.line, made.code)
