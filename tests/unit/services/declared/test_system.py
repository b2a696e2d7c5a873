"""The declaration of system: what its lines are made into."""

import pytest

from firmware.rc import check
from firmware.rc.document import parse
from firmware.services.declared import system
from firmware.services.definition import Argv, Context


def commands(*lines: str) -> list[Argv]:
    document = parse("service system\n" + "".join(f"\t{line}\n" for line in lines))
    return system.setup(Context.of(system.SERVICE, document.blocks[0], document))


def problems(line: str) -> list[str]:
    return check.block_problems(parse(f"service system\n\t{line}\n").blocks[0], system.SERVICE, "F")


def test_file_max_is_a_setting_of_the_kernel() -> None:
    assert commands("file_max 500000") == [["sysctl", "-q", "-w", "fs.file-max=500000"]]


def test_a_block_that_says_nothing_does_nothing() -> None:
    assert commands() == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("rtc local", "'local': the hardware clock is /dev/rtc0 and runs in UTC"),
        ("timezone Europe/Atlantis", "'Europe/Atlantis' is not a time zone such as Europe/Paris"),
        ("timezone ../../../etc/passwd", "is not a time zone"),
        ("timezone localtime", "is not a time zone"),
        ("timezone leapseconds", "is not a time zone"),
        ("host 192.0.2.7", "an entry is ADDRESS NAME…"),
        ("host store 192.0.2.7", "'store' is not an address"),
        ("host 192.0.2.7 a;b", "'a;b' is neither a host name nor an address"),
    ],
)
def test_what_cannot_take_effect_is_refused_at_its_line(line: str, words: str) -> None:
    (problem,) = problems(line)
    assert problem.startswith("F:2: ") and words in problem


@pytest.mark.parametrize("line", ["rtc utc", "rtc /dev/rtc0", "timezone UTC", "timezone Etc/GMT+5", "host ::1 me here"])
def test_what_takes_effect_passes(line: str) -> None:
    assert problems(line) == []
