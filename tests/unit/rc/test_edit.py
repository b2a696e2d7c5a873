"""Edits of config.rc touch their own line only, and say afterwards what they were told to say."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import Failure, Invalid
from firmware.rc import edit
from firmware.rc.block import Line
from firmware.rc.document import Document, parse, read
from firmware.rc.title import Title

VALUE = st.text(st.characters(exclude_characters="\n\0", exclude_categories=["Cs"]), max_size=12).filter(
    lambda word: not ("'" in word and '"' in word)
)
BLANKS = st.sampled_from([" ", "\t", "   ", " \f"])
INDENT = st.sampled_from(["", "\t", "    ", " \t "])
COMMENT = st.sampled_from(["", " # it's ~", '\t#"~', " #~", "   "])
END = st.sampled_from(["\n", "\r\n"])
KEYS = ("ip address", "mtu", "autostart", "'quoted key'")


@st.composite
def lines(
    draw: st.DrawFn,
    keys: Sequence[str] = KEYS,
    kinds: Sequence[str] = ("directive", "directive", "negated", "comment"),
    least: int = 0,
) -> str:
    """A line of a block: a directive with at least so many words after its key, its negation, a comment, or blanks."""
    kind = draw(st.sampled_from(kinds))
    if kind == "comment":
        return draw(INDENT) + draw(st.sampled_from(["", "# service x", "#"])) + draw(END)
    words = draw(st.lists(st.sampled_from(["1", "'a b'", '"#"', "x=y", "''", "it\xe9"]), min_size=least, max_size=3))
    key = draw(st.sampled_from(keys)).replace(" ", draw(BLANKS))
    start = draw(INDENT) + ("no" + draw(BLANKS) if kind == "negated" else "")
    return start + draw(BLANKS).join([key, *words]) + draw(COMMENT) + draw(END)


def bodies(keys: Sequence[str] = KEYS) -> st.SearchStrategy[str]:
    """The lines of a block."""
    return st.lists(lines(keys), max_size=6).map("".join)


@st.composite
def documents(draw: st.DrawFn, inside: st.SearchStrategy[str] | None = None) -> Document:
    """A config.rc with a block `network eth0` among others, which holds `inside`."""
    body = bodies()
    before = draw(body) + draw(st.sampled_from(["", "service haproxy\n", "# top\nno service vrrp\r\n"])) + draw(body)
    after = draw(st.sampled_from(["", "\n# next\nservice csyncd\n no autostart\n", "service network eth1\n"]))
    header = draw(st.sampled_from(["service network eth0", " service  network 'eth0' # x", "no service network eth0"]))
    text = (
        before + header + draw(END) + draw(body if inside is None else inside) + after + (draw(body) if after else "")
    )
    return parse(text[:-1] if draw(st.booleans()) and not text.endswith("\r\n") else text)


@st.composite
def documents_with(draw: st.DrawFn, keys: Sequence[str], *, once: bool = False, least: int = 0) -> tuple[Document, str]:
    """A document, and a key that stands in its block `network eth0`: with at least so many words after it, and perhaps again
    unless `once`."""
    key = draw(st.sampled_from(keys))
    others = bodies([other for other in KEYS if other != key] if once else KEYS)
    inside = st.tuples(others, lines([key], ["directive", "directive", "negated"], least), others).map("".join)
    return draw(documents(inside)), key


def single(document: Document, key: str) -> Line:
    [line] = [one.line for one in document.require(Title("network", "eth0")).occurrences(key)]
    return line


def texts(document: Document) -> list[str]:
    return [line.text for line in document.lines]


def without_end(text: str) -> str:
    return text.rstrip("\r\n")


@given(documents_with(["ip address", "mtu"], once=True), st.lists(VALUE))
def test_assign_touches_its_line_only(made: tuple[Document, str], values: list[str]) -> None:
    document, key = made
    old = single(document, key)
    new = edit.set_values(document, Title("network", "eth0"), key, values)
    assert [line.text for line in new.lines if line.number != old.number] == [
        line.text for line in document.lines if line.number != old.number
    ]
    assert new.require(Title("network", "eth0")).values(key) == [tuple(values)]
    changed = single(new, key).text
    assert changed[: len(changed) - len(changed.lstrip())] == old.text[: len(old.text) - len(old.text.lstrip())]
    assert changed.endswith(
        old.text[old.text.rindex("#") :] if "~" in old.text else old.text[len(without_end(old.text)) :]
    )


@given(documents(), st.sampled_from(["ip address", "mtu", "other"]), st.lists(VALUE), st.booleans())
def test_add_touches_no_other_line(document: Document, key: str, values: list[str], negated: bool) -> None:
    new = edit.add_directive(document, Title("network", "eth0"), key, values, negated=negated)
    old_texts, new_texts = texts(document), texts(new)
    [at] = [place for place in range(len(new_texts)) if _gone(new_texts, place) == [*map(without_end, old_texts)]][-1:]
    assert new.lines[at].words == (*(["no"] if negated else []), *key.split(), *values)
    assert new.lines[at] in new.require(Title("network", "eth0")).lines
    assert "".join(new_texts[:at] + new_texts[at + 1 :]).startswith("".join(old_texts[:at]))
    if document.text.endswith("\n"):
        assert new_texts[:at] + new_texts[at + 1 :] == old_texts
        assert new_texts[at].endswith("\n")
    else:
        assert not new.text.endswith("\n")
    same = document.require(Title("network", "eth0")).occurrences(key)
    before = same[-1].line if same else document.require(Title("network", "eth0")).lines[-1]
    assert at == before.number


def _gone(parts: Sequence[str], place: int) -> list[str]:
    return [without_end(part) for number, part in enumerate(parts) if number != place]


@given(documents_with(["ip address", "mtu", "autostart"]))
def test_delete_takes_all_lines_of_a_key_and_no_other(made: tuple[Document, str]) -> None:
    document, key = made
    found = [one.line for one in document.require(Title("network", "eth0")).occurrences(key)]
    assert found
    new = edit.delete_directive(document, Title("network", "eth0"), key)
    assert texts(new) == [line.text for line in document.lines if line not in found]
    assert new.require(Title("network", "eth0")).occurrences(key) == []


@given(documents_with(["ip address", "mtu"], least=1))
def test_delete_of_a_value_takes_the_lines_with_that_value(made: tuple[Document, str]) -> None:
    document, key = made
    found = [match for match in document.require(Title("network", "eth0")).occurrences(key) if match.values]
    assert found
    value = found[0].values
    new = edit.delete_directive(document, Title("network", "eth0"), key, value)
    gone = [match.line for match in found if match.values == value]
    assert texts(new) == [line.text for line in document.lines if line not in gone]


@given(documents(), st.booleans())
def test_autostart_is_what_it_was_set_to(document: Document, on: bool) -> None:
    old = document.require(Title("network", "eth0"))
    new = edit.set_autostart(document, Title("network", "eth0"), on)
    assert new.require(Title("network", "eth0")).flag("autostart", True) is on
    if old.flag("autostart", True) is on:
        assert new is document
    assert _without_autostart(new) == _without_autostart(document)
    assert [part.text for part in new.blocks if part.title != "network.eth0"] == [
        part.text for part in document.blocks if part.title != "network.eth0"
    ]


def _without_autostart(document: Document) -> list[str]:
    own = [one.line for one in document.require(Title("network", "eth0")).occurrences("autostart")]
    return [without_end(line.text) for line in document.lines if line not in own]


@given(documents(), documents())
def test_a_block_can_be_put_into_another_document(document: Document, other: Document) -> None:
    wanted = other.require(Title("network", "eth0"))
    new = edit.replace_block(document, Title("network", "eth0"), wanted.text)
    assert new.require(Title("network", "eth0")).statements == wanted.statements
    assert _others(new) == _others(document)
    assert new.text.startswith(
        "".join(texts(document)[: document.require(Title("network", "eth0")).lines[0].number - 1])
    )


@given(documents())
def test_a_block_can_be_taken_away_and_put_at_the_end(document: Document) -> None:
    old = document.require(Title("network", "eth0"))
    gone = edit.replace_block(document, Title("network", "eth0"), " \n# nothing\n")
    assert gone.find(Title("network", "eth0")) is None
    assert texts(gone) == [line.text for line in document.lines if line not in old.lines]
    back = edit.replace_block(gone, Title("network", "eth0"), old.text)
    assert back.blocks[-1].title == "network.eth0"
    assert back.blocks[-1].text == old.text
    assert _others(back) == _others(document)
    assert edit.replace_block(gone, Title("network", "eth0"), "") is gone


def _others(document: Document) -> list[str]:
    return [part.text.rstrip() for part in document.blocks if part.title != "network.eth0"]


BEFORE = (
    "# top\n"
    "service network eth0\n"
    "\tip   address  10.0.0.1/24   # first\r\n"
    "\tmtu 1500# not a comment\n"
    "  no arp # x\n"
    "\n"
    "service csyncd\n"
    "    no autostart  # until paired\n"
    "service haproxy # last\n"
)


@pytest.mark.parametrize(
    ("edited", "line", "text"),
    [
        (lambda d: edit.set_values(d, Title("network", "eth0"), "ip address", ["10.0.0.2/8", "secondary"]), 3,
         "\tip   address  10.0.0.2/8 secondary   # first\r\n"),
        (lambda d: edit.set_values(d, Title("network", "eth0"), "mtu", ["9000"]), 4, "\tmtu 9000\n"),
        (lambda d: edit.set_values(d, Title("network", "eth0"), "arp", ["on"]), 5, "  arp on # x\n"),
        (lambda d: edit.set_values(d, Title("network", "eth0"), "mtu", []), 4, "\tmtu\n"),
        (lambda d: edit.set_values(d, Title("network", "eth0"), "mtu", ["", "a b", "#", "it's", '"']), 4,
         "\tmtu \"\" \"a b\" \"#\" \"it's\" '\"'\n"),
        (lambda d: edit.add_directive(d, Title("network", "eth0"), "ip address", ["10.0.0.2/24"]), 4, "\tip address 10.0.0.2/24\r\n"),
        (lambda d: edit.add_directive(d, Title("network", "eth0"), "speed", ["1000"]), 6, "  speed 1000\n"),
        (lambda d: edit.add_directive(d, Title("haproxy"), "config", ["/x"]), 10, "\tconfig /x\n"),
        (lambda d: edit.delete_directive(d, Title("network", "eth0"), "arp"), 5, ""),
        (lambda d: edit.delete_directive(d, Title("network", "eth0"), "ip address", ["10.0.0.1/24"]), 3, ""),
        (lambda d: edit.set_autostart(d, Title("csyncd"), True), 8, ""),
        (lambda d: edit.set_autostart(d, Title("haproxy"), False), 10, "\tno autostart\n"),
        (lambda d: edit.set_autostart(d, Title("network", "eth0"), False), 6, "  no autostart\n"),
    ],
)  # fmt: skip
def test_an_edit_by_example(edited: object, line: int, text: str) -> None:
    assert callable(edited)
    after = edited(parse(BEFORE)).text
    before = BEFORE.splitlines(keepends=True)
    added = after.count("\n") > len(before)
    assert after == "".join([*before[: line - 1], text, *before[line - (1 if added else 0) :]])


def test_a_flag_that_was_on_is_switched_off_in_its_place() -> None:
    document = parse("service a\n  autostart on # yes\n x\n")
    off = edit.set_autostart(document, Title("a"), False)
    assert off.text == "service a\n  no autostart # yes\n x\n"
    assert edit.set_autostart(off, Title("a"), True).text == "service a\n x\n"
    both = parse("service a\n autostart on\n no autostart\n autostart off\n")
    assert edit.set_autostart(both, Title("a"), True).text == "service a\n autostart on\n"


def test_the_same_value_changes_nothing_not_even_its_quotes() -> None:
    document = parse("service a\n x  'y'  z\n")
    assert edit.set_values(document, Title("a"), "x", ["y", "z"]) is document


def test_an_edit_at_an_end_without_a_newline() -> None:
    assert edit.add_directive(parse("service a"), Title("a"), "x", ["1"]).text == "service a\n\tx 1"
    assert (
        edit.add_directive(parse("service b\r\nservice a\r\n\tx 1"), Title("a"), "y", []).text
        == "service b\r\nservice a\r\n\tx 1\r\n\ty"
    )
    assert edit.set_values(parse("service a\n x 1"), Title("a"), "x", ["2"]).text == "service a\n x 2"
    assert edit.delete_directive(parse("service a\n x 1"), Title("a"), "x").text == "service a\n"


def test_a_new_line_is_indented_like_its_neighbour() -> None:
    document = parse("service a\n\tx\nservice wg\n  interface wg0\nservice b\n")
    assert edit.add_directive(document, Title("wg"), "keepalive", ["5"]).lines[4].text == "  keepalive 5\n"
    assert edit.add_directive(document, Title("b"), "y", []).lines[5].text == "\ty\n"


def test_a_byte_order_mark_stays_where_it_is() -> None:
    document = parse("\ufeffhostname a\n")
    assert edit.set_values(document, Title("system"), "hostname", ["b"]).text == "\ufeffhostname b\n"
    assert edit.add_directive(document, Title("system"), "rtc", ["utc"]).text == "\ufeffhostname a\nrtc utc\n"


@pytest.mark.parametrize(
    ("edited", "message"),
    [
        (lambda d: edit.set_values(d, Title("vrrp"), "x", ["1"]), "FILE: vrrp: No matching section found"),
        (
            lambda d: edit.add_directive(d, Title("network", "eth1"), "x", ["1"]),
            "FILE: network.eth1: No matching section found",
        ),
        (lambda d: edit.delete_directive(d, Title("vrrp"), "x"), "FILE: vrrp: No matching section found"),
        (lambda d: edit.set_autostart(d, Title("vrrp"), True), "FILE: vrrp: No matching section found"),
        (lambda d: edit.set_values(d, Title("a"), "x", ["1"]), "FILE: a.x: Multiple matching variables"),
        (lambda d: edit.delete_directive(d, Title("a"), "z"), "FILE: a.z: No matching variable"),
        (lambda d: edit.delete_directive(d, Title("a"), "x", ["3"]), "FILE: a.x 3: No matching variable"),
        (lambda d: edit.set_values(d, Title("a"), "y", ["a\nservice b"]), "is one line without NUL bytes"),
        (lambda d: edit.set_values(d, Title("a"), "y", ["a\0"]), "is one line without NUL bytes"),
        (lambda d: edit.set_values(d, Title("a"), "y", ["\udcff"]), "not UTF-8"),
        (lambda d: edit.add_directive(d, Title("a"), "y", ["'\""]), "not both"),
        (lambda d: edit.add_directive(d, Title("a"), "service", ["b"]), "other services would change with it"),
        (lambda d: edit.add_directive(d, Title("a"), "interface", ["b"]), "other services would change with it"),
    ],
)
def test_what_cannot_be_done_is_refused(edited: object, message: str) -> None:
    assert callable(edited)
    with pytest.raises(Failure) as caught:
        edited(parse("service a\n x 1\n x 2\n y 1\n", "FILE"))
    assert message in str(caught.value)
    assert caught.value.status == 1


@pytest.mark.parametrize(
    ("text", "status", "message"),
    [
        ("service b\n", 4, "the text is to be the one block of a, but holds b"),
        ("service a\nservice b x\n", 4, "but holds b.x"),
        ("service a\nservice a\n", 4, "but holds it twice"),
        ("hostname x\nservice a\n", 4, "but holds system"),
        ("service a x\n", 4, "but holds a.x"),
        ("service a\n x 'y\n", 4, "a: 1 error"),
        ("service a\n x \udcff\n", 4, "a: 1 error"),
        ("service a\n x \0\n", 4, "a: 1 error"),
    ],
)
def test_a_block_is_replaced_by_itself_only(text: str, status: int, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        edit.replace_block(parse("service a\n"), Title("a"), text)
    assert (caught.value.status, message in str(caught.value)) == (status, True)


def test_a_block_that_stands_there_again_goes_when_it_is_replaced() -> None:
    document = parse("service a\n x\n\nservice b\nservice a\n y\n")
    assert edit.replace_block(document, Title("a"), "service a\n z\n").text == "service a\n z\n\nservice b\n"
    assert edit.replace_block(document, Title("a"), "").text == "\nservice b\n"


def test_replacing_keeps_what_stands_around() -> None:
    document = parse("# 1\nservice a\n x\n\n# 2\nservice b\n y\n# 3")
    assert (
        edit.replace_block(document, Title("a"), "service a\n z").text
        == "# 1\nservice a\n z\n\n# 2\nservice b\n y\n# 3"
    )
    assert edit.replace_block(document, Title("a"), "").text == "# 1\n\n# 2\nservice b\n y\n# 3"
    assert edit.replace_block(document, Title("c"), "service c\n").text == document.text + "\nservice c\n"
    assert edit.replace_block(parse("service b\n"), Title("c"), "no service c").text == "service b\n\nno service c"
    assert edit.replace_block(parse(""), Title("c"), "service c").text == "service c"


def test_the_system_can_be_replaced_with_and_without_header() -> None:
    implicit = parse("hostname a\nservice b\n")
    assert edit.replace_block(implicit, Title("system"), "hostname c\n").text == "hostname c\nservice b\n"
    assert (
        edit.replace_block(implicit, Title("system"), "service system\n x\n").text == "service system\n x\nservice b\n"
    )
    assert edit.replace_block(parse("service b\n"), Title("system"), "hostname c\n").text == (
        "service b\n\nservice system\nhostname c\n"
    )
    assert edit.replace_block(parse("service b\nservice system\n"), Title("system"), "hostname c\n").text == (
        "service b\nservice system\nhostname c\n"
    )


def test_no_edit_turns_a_header_into_a_directive() -> None:
    document = parse("service wg\nservice haproxy\ninterface eth0\n mtu 1500\n")
    with pytest.raises(Failure, match="haproxy: not changed: other services would change with it"):
        edit.replace_block(document, Title("haproxy"), "")
    with pytest.raises(Failure, match=r"network\.eth1: not changed"):
        edit.replace_block(parse("service wg\n"), Title("network", "eth1"), "interface eth1\n")


def test_writing_keeps_mode_and_owner(tmp_path: Path) -> None:
    path = tmp_path / "config.rc"
    path.write_bytes("service a\r\n x é\n".encode())
    path.chmod(0o640)
    owner = (1234, 4321) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    os.chown(path, *owner)
    edit.write(edit.set_values(read(path), Title("a"), "x", ["ü"]), path)
    status = path.stat()
    assert path.read_bytes() == "service a\r\n x ü\n".encode()
    assert (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (0o640, *owner)
    assert os.listdir(tmp_path) == ["config.rc"]


def test_a_full_disk_leaves_the_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.rc"
    path.write_text("service a\n x 1\n")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Failure, match=f"{path}: not written: No space left on device"):
        edit.write(parse("service b\n"), path)
    assert path.read_text() == "service a\n x 1\n"
    assert os.listdir(tmp_path) == ["config.rc"]


def test_assign_adds_what_is_not_there() -> None:
    document = parse("service wui\n\ttls off\nservice sshd\n")
    assert (
        edit.set_values(document, Title("wui"), "port", ["8443"]).text
        == "service wui\n\ttls off\n\tport 8443\nservice sshd\n"
    )


def test_edits_keep_comments_in_any_encoding_and_lines_that_go_on(tmp_path: Path) -> None:
    path = tmp_path / "config.rc"
    path.write_bytes(b"# L\xfcbeck\nservice network eth0\n ip-address \\\n  10.0.0.1/24 # M\xfcnchen\n mtu \\\n1500\n")
    title = Title("network", "eth0")
    document = edit.set_values(read(path), title, "ip address", ["10.0.0.2/24"])
    edit.write(edit.set_values(document, title, "mtu", ["9000"]), path)
    assert path.read_bytes() == (
        b"# L\xfcbeck\nservice network eth0\n ip-address \\\n  10.0.0.2/24 # M\xfcnchen\n mtu \\\n9000\n"
    )
    document = edit.add_directive(read(path), title, "ip address", ["10.0.0.3/24"])
    assert document.text.count("10.0.0.2/24 # M\udcfcnchen\n ip address 10.0.0.3/24\n") == 1
    assert "10.0.0" not in edit.delete_directive(document, title, "ip address").text


def test_the_two_parts_of_the_system_block_are_edited_as_one() -> None:
    document = parse("hostname one\n\nservice haproxy\n\nservice system\n\nservice sshd\n")
    system = Title("system")
    assert edit.set_values(document, system, "hostname", ["two"]).text.startswith("hostname two\n")
    added = edit.add_directive(document, system, "rtc", ["utc"])
    assert added.text == document.text.replace("service system\n", "service system\nrtc utc\n")
    gone = edit.replace_block(added, system, "")
    assert [block.title for block in gone.blocks] == ["haproxy", "sshd"]
    back = edit.replace_block(added, system, added.require(system).text)
    assert [block.statements for block in back.blocks] == [block.statements for block in added.blocks]
