"""Every fact about a service stands in its declaration: what elsewhere has to fit it is compared with that here."""

import re
from pathlib import Path

import pytest

from firmware.services import catalog
from firmware.services.definition import Service

PROJECT = Path(__file__).parents[3]
OVERLAY = PROJECT / "overlay"
FACTORY = "/usr/share/factory"
#: accounts that belong to no service: who administers, who owns nothing, and tcpdump's
NO_SERVICE = {"root", "nobody", "tcpdump"}

each_service = pytest.mark.parametrize("service", list(catalog.services()), ids=lambda service: service.name)


def table(path: Path, separator: str | None = ":") -> list[list[str]]:
    return [line.split(separator) for line in path.read_text().splitlines() if line and line[0] != "#"]


PASSWD = {row[0]: row for row in table(OVERLAY / "etc/passwd")}
GROUP = {row[0]: row[2] for row in table(OVERLAY / "etc/group")}
SHADOW = {row[0]: row[1] for row in table(OVERLAY / "etc/shadow")}
OWNERS = {row[3]: row[:3] for row in table(PROJECT / "buildroot/board/owners", None)}


def accounts(service: Service) -> set[str]:
    return {service.account.user, service.account.checker, *service.more_accounts} - {"root"}


@each_service
def test_its_accounts_are_there_and_nobody_logs_in_with_them(service: Service) -> None:
    for name in accounts(service):
        assert name in PASSWD, f"service {service.name}: overlay/etc/passwd lacks {name}"
        _, password, uid, _, _, _, shell = PASSWD[name]
        assert (password, shell) == ("x", "/bin/false") and 400 <= int(uid) < 500, name
        assert SHADOW.get(name) == "*", f"service {service.name}: overlay/etc/shadow lacks {name}"


@each_service
def test_the_account_it_runs_as_has_a_group_of_its_own(service: Service) -> None:
    name = service.account.user
    if name != "root":
        assert name in GROUP, f"service {service.name}: overlay/etc/group lacks {name}"
        assert GROUP[name] == PASSWD[name][3] == PASSWD[name][2], f"{name}: its group is another one"
        assert [other.name for other in catalog.services() if name in accounts(other)] == [service.name]


@each_service
def test_its_checker_has_an_account_of_its_own_in_the_same_group(service: Service) -> None:
    """So neither signals nor traces the other, and both read the same."""
    daemon, checker = PASSWD[service.account.user], PASSWD[service.account.checker]
    assert checker[3] == daemon[3] and (checker[2] == daemon[2]) == (service.account.user == "root")


def test_there_are_no_accounts_but_those_of_services() -> None:
    assert set(PASSWD) - NO_SERVICE == set().union(*map(accounts, catalog.services()))
    assert set(SHADOW) == set(PASSWD)
    assert len({row[2] for row in PASSWD.values()}) == len(PASSWD)


@each_service
def test_its_directories_below_run_are_its_own(service: Service) -> None:
    for directory in service.runtime_directories:
        assert re.fullmatch(r"/run/[a-z]+", directory) and directory not in ("/run/firmware", "/run/lock")
        sharing = [one.name for one in catalog.services() if directory in one.runtime_directories]
        assert sharing == [service.name]


def test_nothing_else_makes_directories_for_services() -> None:
    texts = [OVERLAY / "usr/libexec/appliance/early", OVERLAY / "etc/fstab", OVERLAY / "etc/inittab"]
    words = set(re.findall(r"[\w-]+", "\n".join(path.read_text() for path in texts)))
    # The name below which a host says what comes before the first service.
    assert words & {service.name for service in catalog.services()} == {"csyncd"}


@each_service
def test_its_account_reads_its_factory_files_and_nobody_else_does(service: Service) -> None:
    if service.account.user == "root" or not (OVERLAY / service.owns[1:]).exists():
        return
    group = GROUP[service.account.user]
    for path in (OVERLAY / service.owns[1:], *(OVERLAY / service.owns[1:]).rglob("*")):
        mode = "750" if path.is_dir() else "640"
        assert OWNERS.get(f"{FACTORY}/{path.relative_to(OVERLAY)}") == [mode, "0", group], (
            f"buildroot/board/owners: {path}"
        )


@each_service
def test_its_packages_are_in_both_lists(service: Service) -> None:
    debian = (PROJECT / "tests/quick_image/packages").read_text().splitlines()
    selects = re.findall(
        r"^\tselect BR2_PACKAGE_(\w+)", (PROJECT / "buildroot/package/csyncd-firmware/Config.in").read_text(), re.M
    )
    for package in service.packages:
        assert package.debian in debian, f"tests/quick_image/packages lacks {package.debian}"
        assert package.buildroot in selects, f"buildroot/package/csyncd-firmware/Config.in lacks {package.buildroot}"


def test_what_the_node_makes_by_itself_is_quiet_when_it_is_saved() -> None:
    quiet = {words[1] for words in table(OVERLAY / "etc/firmware/save.rules", None) if words[0] == "quiet"}
    made = {pattern for service in catalog.services() for pattern in service.makes}
    assert made <= quiet
    assert quiet - made == {"/etc/machine-id"}


@each_service
def test_the_factorys_files_belong_to_services(service: Service) -> None:
    """A service that the factory starts is declared, and what it follows or makes by itself is never pushed."""
    assert not service.makes or service.node_specific, service.name
    assert all(path.startswith(f"{service.owns}/") for path in service.follows), service.name
    assert service.generates is None or service.account.user != "root" or service.node_specific, service.name
