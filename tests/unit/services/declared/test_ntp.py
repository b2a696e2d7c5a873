"""The declaration of ntp: what config.rc may say of it, and what its daemon gets."""

import pytest

from firmware.rc import check
from firmware.rc.document import Document, parse
from firmware.services.declared import ntp
from firmware.services.definition import Context


def document(*lines: str) -> Document:
    return parse("service ntp\n" + "".join(f"\t{line}\n" for line in lines))


def context(*lines: str) -> Context:
    config = document(*lines)
    return Context.of(ntp.SERVICE, config.blocks[0], config)


def said(*lines: str) -> list[str]:
    config = document(*lines)
    return check.block_problems(config.blocks[0], ntp.SERVICE, "F", config)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ((), "F:1: service ntp names no server to take the time from"),
        (
            ("config /etc/ntp/a", "server 192.0.2.1"),
            "F:3: server in service ntp has no effect beside 'config /etc/ntp/a'",
        ),
        (
            ("server 192.0.2.1", "keys /etc/ntp/keys"),
            "F:3: 'keys' in service ntp: not supported: OpenNTPD knows no keys",
        ),
        (
            ("server 192.0.2.1", "sync_servers a b"),
            "F:3: 'sync_servers' in service ntp: not supported: the clock is set",
        ),
    ],
)
def test_what_would_have_no_effect_is_refused(lines: tuple[str, ...], words: str) -> None:
    (problem,) = said(*lines)
    assert problem.startswith(words)


def test_servers_are_named_to_both_releases() -> None:
    made = ntp.generates(context("server 192.0.2.1", "server time.example.org", "server 2001:db8::1"))
    assert made[ntp.SERVERS] == "server 192.0.2.1\nserver time.example.org\nserver 2001:db8::1\n"
    assert made[ntp.TRUSTED] == made[ntp.SERVERS].replace("\n", " trusted\n")
    assert said("server 192.0.2.1") == said("config /etc/ntp/ntpd.conf") == []


def test_the_clock_is_set_at_the_start_unless_it_is_not_to_be() -> None:
    assert ntp.daemon(context("server 192.0.2.1", "no hard_sync")) == [
        "ntpd", "-d", "-f", "/run/firmware/generated/ntp/ntpd.conf",
    ]  # fmt: skip
    assert ntp.daemon(context("config /etc/ntp/a")) == ["ntpd", "-d", "-s", "-f", "/etc/ntp/a"]
    assert ntp.daemon(context("server 192.0.2.1"))[0] == "sh", "the program is asked which release it is"
