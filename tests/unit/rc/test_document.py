"""config.rc as a document: nothing is lost, words and blocks are what the language says, bad input has one clear error."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import Failure, Invalid
from firmware.rc.block import Block
from firmware.rc.document import parse, parse_tolerant, read
from firmware.rc.title import Title

#: texts in which everything that means something stands close together
CRAMPED = st.text(st.sampled_from("ab#'\"\\\n\r\t\f\v \x1c\x85\xa0\u2028\ufeffé"), max_size=60)
PIECES = (
    "service ",
    "no ",
    "interface ",
    "section ",
    "wg",
    "eth0",
    "\n",
    "\r\n",
    " ",
    "'",
    '"',
    "#",
    "\\",
    "ip address ",
    "x",
)
SHAPED = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)
TEXTS = st.one_of(st.text(), CRAMPED, SHAPED)


def block(text: str) -> Block:
    return parse(text).blocks[0]


@given(TEXTS)
def test_reading_and_writing_back_gives_the_same_text(text: str) -> None:
    document, _ = parse_tolerant(text)
    assert document.text == text
    ends = [line.text.count("\n") for line in document.lines]
    assert [line.number for line in document.lines] == [1 + sum(ends[:place]) for place in range(len(ends))]
    assert all("\n" not in line.text[:-1].replace("\\\r\n", "").replace("\\\n", "") for line in document.lines)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]) | st.sampled_from("#'\"\n\r \t")))
def test_a_file_keeps_every_byte(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "config.rc"
    path.write_bytes(text.encode())
    try:
        assert read(path).text.encode() == text.encode()
    except Invalid as error:
        assert all(problem.startswith(f"{path}:") for problem in error.problems)


@given(TEXTS)
def test_any_text_parses_or_is_invalid_with_the_lines(text: str) -> None:
    try:
        parse(text, "FILE")
    except Invalid as error:
        numbers = [int(problem.split(":")[1]) for problem in error.problems]
        assert numbers == sorted(numbers)
        assert all(problem.startswith("FILE:") for problem in error.problems)
        assert set(numbers) <= set(range(1, text.count("\n") + 2))


@given(TEXTS)
def test_every_word_of_a_block_is_the_words_of_one_of_its_lines(text: str) -> None:
    document, _ = parse_tolerant(text)
    inside = [line for part in document.blocks for line in part.lines]
    assert [line for line in document.lines if line.words] == [line for line in inside if line.words]
    assert all(part.lines[0].words and part.lines[-1].words for part in document.blocks)


def test_only_a_newline_ends_a_line() -> None:
    document = parse("service a\r\nx 1\r\n\ry\x0b\x0c\x85\u2028z\nlast")
    assert [line.text for line in document.lines] == ["service a\r\n", "x 1\r\n", "\ry\x0b\x0c\x85\u2028z\n", "last"]
    assert document.lines[1].words == ("x", "1")


def test_the_first_line_is_read_through_a_byte_order_mark() -> None:
    document = parse("\ufeffservice haproxy\n")
    assert document.blocks[0].title == "haproxy"
    assert document.text.startswith("\ufeff")


def test_lines_before_the_first_service_are_the_system() -> None:
    document = parse("# top\n\nhostname one\n# between\nrtc utc\n\n# of haproxy\nservice haproxy\n")
    system, haproxy = document.blocks
    assert (system.title, system.enabled, system.text) == ("system", True, "hostname one\n# between\nrtc utc\n")
    assert system.statements == (("service", "system"), ("hostname", "one"), ("rtc", "utc"))
    assert haproxy.text == "service haproxy\n"


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", " \t\n#'"])
def test_no_words_make_no_block(text: str) -> None:
    assert parse(text).blocks == ()


@pytest.mark.parametrize(
    ("legacy", "today"),
    [
        ("section system\n hostname one\n", "service system\n  hostname one\n"),
        ("hostname one\n", "service system\nhostname one\n"),
        ("interface eth0\n mtu 1500\n", "service network eth0\nmtu 1500 # bytes\n"),
        ("no interface eth0\n mtu 1500\n", "no service network eth0\nmtu '1500'\n"),
        ("no section vrrp\n", "no service vrrp"),
    ],
)
def test_legacy_spellings_mean_the_same(legacy: str, today: str) -> None:
    assert block(legacy).statements == block(today).statements
    assert block(legacy).title == block(today).title
    assert block(legacy).text == legacy


def test_interface_is_a_directive_of_wg_and_a_header_elsewhere() -> None:
    document = parse("service wg\n interface wg0\n no interface wg1\nservice haproxy\ninterface eth0\n mtu 1500\n")
    assert [part.title for part in document.blocks] == ["wg", "haproxy", "network.eth0"]
    assert document.blocks[0].values("interface") == [("wg0",)]
    assert [part.title for part in parse("service wg\nservice interface\nno service interface x\n").blocks] == [
        "wg",
        "interface",
        "interface.x",
    ]


def test_blocks_run_to_their_last_directive() -> None:
    text = "service a\n\n x 1 # inline\n # inner\n y 2\n\n # of b\nno service b c\n z\n\n"
    first, second = parse(text).blocks
    assert first.text == "service a\n\n x 1 # inline\n # inner\n y 2\n"
    assert (second.name, second.instance, second.enabled) == ("b", "c", False)
    assert second.text == "no service b c\n z\n"
    assert second.statements == (("no", "service", "b", "c"), ("z",))
    assert [line.number for line in second.lines] == [8, 9]


def test_the_same_service_with_other_instances() -> None:
    document = parse("service network eth0\n mtu 1\nservice network eth0.100\n mtu 2\nservice network\n mtu 3\n")
    assert [part.title for part in document.blocks] == ["network.eth0", "network.eth0.100", "network"]
    for instance, mtu in (("eth0", "1"), ("eth0.100", "2"), ("", "3")):
        found = document.find(Title("network", instance))
        assert found is not None
        assert found.value("mtu") == mtu
    assert document.find(Title("network", "eth1")) is None
    with pytest.raises(Failure, match=r"config\.rc: network\.eth1: No matching section found"):
        document.require(Title("network", "eth1"))


def test_of_two_blocks_with_one_title_the_first_is_found() -> None:
    found = parse("service a\n x 1\nservice a\n x 2\n").find(Title("a"))
    assert found is not None
    assert found.value("x") == "1"


@pytest.mark.parametrize("instance", ["", "eth0.100", "br-lan", "a_b", "0", "A:1", "x@y", "b" * 64])
@pytest.mark.parametrize("name", ["haproxy", "a-b", "a_b", "9p", "a" * 64])
def test_names(name: str, instance: str) -> None:
    part = block(f"service {name} {instance}\n")
    assert (part.name, part.instance) == (name, instance)


@pytest.mark.parametrize(
    ("text", "number", "why"),
    [
        ("service a\n x 'b\n y\n", 2, "the quote ' is opened and not closed"),
        ('service a\n x\n y b"c d # e', 3, 'the quote " is opened and not closed'),
        ("a\0b\n", 1, "a NUL byte"),
        ("# é\nservice a\n\0", 3, "a NUL byte"),
        ("# é\nx \udcff\n", 2, "not UTF-8: byte 0xff"),
        ("x\n\n\ud800", 3, "not UTF-8"),
        ("x\nservice\n", 2, "the name of a service is missing"),
        ("no service # haproxy\n", 1, "the name of a service is missing"),
        ("service a b c\n", 1, "too many words after a service and its instance"),
        ("service ../x\n", 1, "'../x' cannot be the name of a service"),
        ("service ''\n", 1, "'' cannot be the name of a service"),
        ("service a.b\n", 1, "'a.b' cannot be the name of a service (did you mean 'service a b'?)"),
        ("service a\nservice a ..\n", 2, "'..' cannot be the name of an instance"),
        ("service a -rf\n", 1, "'-rf' cannot be the name of an instance"),
        ("service a b/c\n", 1, "'b/c' cannot be the name of an instance"),
        (f"service a {'b' * 65}\n", 1, "cannot be the name of an instance"),
        ("service a ''\n", 1, "'' cannot be the name of an instance"),
        (f"service {'a' * 65}\n", 1, "cannot be the name of a service"),
        ("service é\n", 1, "'é' cannot be the name of a service"),
    ],
)
def test_errors_in_form_name_their_line(text: str, number: int, why: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(text, "/etc/config.rc")
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(f"/etc/config.rc:{number}: ")
    assert caught.value.problems[0].endswith(why)


def test_all_errors_in_form_come_at_once() -> None:
    with pytest.raises(Invalid, match="FILE: 4 errors") as caught:
        parse("service a/b\n x 'y\nx\0\n\n\"", "FILE")
    assert [problem.split(": ")[0] for problem in caught.value.problems] == ["FILE:1", "FILE:2", "FILE:3", "FILE:5"]


def test_parse_tolerant_goes_on_where_parse_refuses() -> None:
    document, problems = parse_tolerant("service ssh d x\n a\nservice b\n y 'z  \r\nservice c\n")
    assert [problem.number for problem in problems] == [1, 4]
    assert [part.title for part in document.blocks] == ["", "b", "c"]
    assert document.blocks[1].value("y") == "z"


def test_bytes_that_are_not_utf8_are_reported_by_line(tmp_path: Path) -> None:
    path = tmp_path / "config.rc"
    path.write_bytes(b"service a\n# caf\xc3\xa9\n x \xff\n y \xc3\n")
    with pytest.raises(Invalid) as caught:
        read(path)
    assert caught.value.problems == (f"{path}:3: not UTF-8: byte 0xff", f"{path}:4: not UTF-8: byte 0xc3")


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name, why in (
        ("", "it is a directory"),
        ("missing", "No such file or directory"),
        ("pipe", "it is not a regular file"),
        ("pipe/below", "Not a directory"),
        ("loop", "Too many levels of symbolic links"),
    ):
        with pytest.raises(Failure, match=f"{tmp_path / name}: not read: {why}") as caught:
            read(tmp_path / name)
        assert caught.value.status == 1
    with pytest.raises(Failure, match="not read: embedded null byte"):
        read("a\0b")


def test_an_unreadable_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "config.rc"
    path.write_text("service a\n")
    path.chmod(0)
    tmp_path.chmod(0o755)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        with pytest.raises(Failure, match="not read: Permission denied"):
            read(path)
    finally:
        if root:
            os.seteuid(0)


def test_a_line_of_ten_megabytes() -> None:
    long = "b " * 5_000_000
    document = parse(f"service a\n x {long}\n y '{long}'\n z 1\n")
    assert len(document.lines[1].words) == 5_000_001
    assert document.lines[2].words == ("y", long)
    assert document.blocks[0].value("z") == "1"


def test_a_hundred_thousand_services() -> None:
    text = "".join(f"service network eth{number}\n mtu {number}\n" for number in range(100_000))
    document = parse(text)
    assert len(document.blocks) == 100_000
    assert document.blocks[-1].value("mtu") == "99999"
    assert document.text == text


@pytest.mark.parametrize(
    "make",
    [
        lambda count: "service network eth0\n    ip address 10.0.0.1/24\n" * count,
        lambda count: "    ip address '10.0.0.1/24' # it's\n" * count,
        lambda count: "".join(f"service a{number}\n\n\n# b\n" for number in range(count)),
        lambda count: "x " + "'a'\"b\" c#d " * count,
        lambda count: "x " + "''" * 4 * count,
        lambda count: ("service a\n" + " \n" * count) * 2,
        lambda count: "x é'" * count,
        lambda count: "interface a\nservice wg\ninterface b\n" * count,
    ],
)
def test_time_is_linear_in_size(make: Callable[[int], str]) -> None:
    small, large = make(4_000), make(32_000)

    def seconds(text: str) -> float:
        times = []
        for _ in range(3):
            start = time.process_time()
            parse_tolerant(text)
            times.append(time.process_time() - start)
        return min(times)

    assert seconds(large) < 24 * seconds(small) + 0.02  # 8 is linear, 64 quadratic


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ip address \\\n 10.0.0.1/24\n", ("ip", "address", "10.0.0.1/24")),
        ("load a \\\r\n b \\\n\tc # d\n", ("load", "a", "b", "c")),
        ("hostname lb\\\n1\n", ("hostname", "lb1")),
        ("load 'a \\' b\\c \\\n", ("load", "a \\", "b\\c")),
        ("load a\\ b\n", ("load", "a\\", "b")),
        ("load a \\", ("load", "a", "\\")),
    ],
)
def test_a_line_that_ends_in_a_backslash_goes_on(text: str, words: tuple[str, ...]) -> None:
    document = parse(text)
    assert document.text == text
    assert [line.words for line in document.lines] == [words]


@pytest.mark.parametrize("text", ["# a \\\nx 1\n", "y # a \\\nx 1\n", "\\ #\\\nx 1\n"])
def test_a_comment_ends_with_its_line_whatever_it_ends_in(text: str) -> None:
    document = parse(text)
    assert [line.number for line in document.lines] == [1, 2] and document.lines[1].words == ("x", "1")


def test_errors_after_a_line_that_goes_on_have_their_own_number() -> None:
    with pytest.raises(Invalid) as caught:
        parse("service a\n x \\\n  \\\n  y\n z 'open\n", "F")
    assert caught.value.problems == ("F:5: the quote ' is opened and not closed",)


def test_lines_before_the_first_service_and_a_later_service_system_are_one_block() -> None:
    text = "hostname one\n\nservice haproxy\n\nservice system\n rtc utc\n\nservice sshd\n"
    document = parse(text)
    assert [part.title for part in document.blocks] == ["system", "haproxy", "sshd"]
    system = document.blocks[0]
    assert system.text == "hostname one\nservice system\n rtc utc\n" and document.text == text
    assert system.statements == parse("service system\nhostname one\nrtc utc\n").blocks[0].statements
    assert parse(system.text).blocks[0].statements == system.statements


def test_bytes_in_comments_are_kept_and_nobodys_business(tmp_path: Path) -> None:
    path = tmp_path / "config.rc"
    path.write_bytes(b"# L\xfcbeck\nservice a # M\xfcnchen\n x 1\n")
    document = read(path)
    assert document.blocks[0].value("x") == "1"
    assert document.text.encode("utf-8", "surrogateescape") == path.read_bytes()


@pytest.mark.parametrize("spelling", ["ip-address", "ip addr", "ip address", "'ip-address'"])
def test_other_spellings_of_a_directive(spelling: str) -> None:
    part = block(f"service network eth0\n {spelling} 10.0.0.1/24\n no {spelling} 10.0.0.2/24\n")
    assert part.values("ip address") == [("10.0.0.1/24",)]
    assert part.statements[2] == ("no", "ip", "address", "10.0.0.2/24")
