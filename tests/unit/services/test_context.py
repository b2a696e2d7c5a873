"""What a service gets to see of config.rc, what it generates of that, and that both make it need an apply."""

import os
import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from firmware import native
from firmware.errors import Failure, Invalid, Refused
from firmware.rc import document
from firmware.rc.values import TEXT
from firmware.services import applied, catalog, content, generated
from firmware.services.declared import vrrp
from firmware.services.definition import Context, Directive, Service

RC = """\
service network eth0
    ip address 192.0.2.1/24
    vrrp address 192.0.2.100
    vrrp id 5

service network eth1
    mtu 1400

no service network eth2
    vrrp id 9

service wg far
    interface wg0

service made
    word one
"""


def generate(context: Context) -> Mapping[str, str]:
    peers = [f"{block.instance}\n" for block in context.reads["wg"]]
    return {"word": context.block.value("word") + "\n", "below/peers": "".join(peers)}


PLAIN = Service("made", "", owns="/etc/made", directives=(Directive("word", TEXT, ""),))
MADE = replace(PLAIN, reads=("wg", "network vrrp"), generates=generate)


def context(service: Service, text: str = RC, name: str = "made") -> Context:
    config = document.parse(text)
    (block,) = [block for block in config.blocks if block.name == name]
    return Context.of(service, block, config)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return tmp_path / "applied"


def needs_apply(service: Service, text: str, top: Path) -> bool:
    return applied.needs_apply(service, context(service, text), top=top, root=top.parent)


def test_a_context_has_the_blocks_that_are_named_and_switched_on() -> None:
    seen = context(MADE)
    assert seen.title == "made" and seen.document.text == RC
    assert [block.statements for block in seen.reads["wg"]] == [(("service", "wg", "far"), ("interface", "wg0"))]
    assert [block.statements for block in seen.reads["network vrrp"]] == [
        (("service", "network", "eth0"), ("vrrp", "address", "192.0.2.100"), ("vrrp", "id", "5"))
    ]
    with pytest.raises(KeyError):
        seen.reads["network"]


@pytest.mark.parametrize(
    ("old", "new", "needed"),
    [
        ("vrrp id 5", "vrrp id 6", True),
        ("vrrp id 5", "no vrrp id", True),
        ("interface wg0", "interface wg1", True),
        ("no service network eth2", "service network eth2", True),
        ("service wg far", "no service wg far", True),
        ("service wg far", "service wg near", True),
        ("word one", "word two", True),
        ("ip address 192.0.2.1/24", "ip address 192.0.2.2/24", False),
        ("    mtu 1400\n", "", False),
        ("    vrrp id 9\n", "", False),
        ("    vrrp id 5", "\tvrrp   id '5' # why", False),
    ],
)
def test_what_is_read_makes_a_service_need_an_apply_and_nothing_else_does(
    old: str, new: str, needed: bool, top: Path
) -> None:
    assert needs_apply(MADE, RC, top)
    applied.mark_applied(MADE, context(MADE), top=top, root=top.parent)
    assert not needs_apply(MADE, RC, top)
    changed = RC.replace(old, new)
    assert changed != RC and needs_apply(MADE, changed, top) is needed
    applied.mark_applied(MADE, context(MADE, changed), top=top, root=top.parent)
    assert not needs_apply(MADE, changed, top) and needs_apply(MADE, RC, top) is needed


def test_the_content_stays_what_it_is_and_so_does_what_is_applied_of_who_reads_nothing_else(top: Path) -> None:
    """The digests are those of released firmware: nodes compare them with each other."""
    digests = {content.read(service, context(service).block, root=top).digest for service in (PLAIN, MADE)}
    statements = [repr(("service", "made")), repr(("word", "one"))]
    assert digests == {native.bytes_digest("\n".join(statements).encode())}
    for service in (PLAIN, MADE):
        applied.mark_applied(service, context(service), top=top, root=top.parent)
        assert {applied.digest("made", top=top)} == digests
        assert (applied.context_digest("made", top=top) in digests) is (service is PLAIN)
        assert sorted(os.listdir(top / "made")) == [
            "block",
            *(["context", "context-digest"] * (service is MADE)),
            "digest",
        ]


def test_what_is_generated_counts_also_where_nothing_else_is_read(top: Path) -> None:
    one = replace(PLAIN, generates=lambda _: {"a": "1"})
    applied.mark_applied(one, context(one), top=top, root=top.parent)
    assert not needs_apply(one, RC, top)
    for other in ({"a": "2"}, {"b": "1"}, {}, {"a": "1", "b": ""}):
        assert needs_apply(replace(one, generates=lambda _, made=other: made), RC, top)


def test_what_was_applied_comes_back_with_the_document_of_that_time(top: Path) -> None:
    now = document.parse("service made\n    word two\n")
    assert applied.context(MADE, "made", now, top=top) is None
    applied.mark_applied(MADE, context(MADE), top=top, root=top.parent)
    back = applied.context(MADE, "made", now, top=top)
    assert back is not None and back.document.text == RC and generate(back) == generate(context(MADE))
    applied.mark_applied(PLAIN, context(PLAIN), top=top, root=top.parent)
    back = applied.context(PLAIN, "made", now, top=top)
    assert back is not None and back.document.text == "service made\n    word one\n"


def test_what_was_set_aside_comes_back_though_its_content_is_the_same(top: Path) -> None:
    applied.mark_applied(MADE, context(MADE), top=top, root=top.parent)
    before = applied.context_digest("made", top=top)
    applied.set_aside("made", top=top)
    applied.mark_applied(MADE, context(MADE, RC.replace("wg0", "wg1")), top=top, root=top.parent)
    assert applied.context_digest("made", top=top) != before
    applied.restore_set_aside("made", before, top=top)
    assert applied.context_digest("made", top=top) == before


def in_place(service: Service, tmp_path: Path, text: str = RC) -> Context:
    return replace(context(service, text), generated=tmp_path / "generated/made")


def facts(path: Path) -> tuple[str, int, int]:
    status = path.stat()
    return oct(stat.S_IMODE(status.st_mode)), status.st_uid, status.st_gid


@pytest.mark.skipif(os.geteuid() != 0, reason="it gives files to another group")
def test_generated_files_belong_to_root_and_are_read_by_the_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware.services.permissions.account_ids", lambda account: (1234, 4321))
    seen = in_place(MADE, tmp_path)
    generated.write(MADE, seen)
    assert (seen.generated / "word").read_text() == "one\n" and (seen.generated / "below/peers").read_text() == "far\n"
    for name, mode in ((".", "0o750"), ("below", "0o750"), ("word", "0o640"), ("below/peers", "0o640")):
        assert facts(seen.generated / name) == (mode, 0, 4321)
    generated.write(replace(MADE, generates=lambda _: {"other": "x"}), seen)
    assert [path.name for path in seen.generated.rglob("*")] == ["other"]
    assert os.listdir(tmp_path / "generated") == ["made"]
    generated.remove(seen.generated)
    assert os.listdir(tmp_path / "generated") == []


@pytest.mark.parametrize("name", ["/etc/passwd", "../word", "a/../../b", "", ".", "a//b"])
def test_nothing_is_generated_elsewhere(name: str, tmp_path: Path) -> None:
    stray = replace(MADE, generates=lambda _: {"fine": "", name: "x"})
    seen = in_place(stray, tmp_path)
    with pytest.raises(Refused, match="not a path below"):
        generated.write(stray, seen)
    assert not seen.generated.exists() and not (tmp_path / "word").exists()


def test_nothing_is_generated_of_what_is_invalid(tmp_path: Path, top: Path) -> None:
    for right, line in (("word one", 16), ("interface wg0", 13)):
        text = RC.replace(right, "wrd x")
        with pytest.raises(Invalid) as raised:
            generated.write(MADE, in_place(MADE, tmp_path, text))
        assert [problem.split(": ")[0] for problem in raised.value.problems] == [f"{document.PATH}:{line}"]
        assert applied.needs_apply(MADE, context(MADE, text), top=top, root=top.parent)  # no error for who only looks


def test_a_failure_to_generate_is_no_failure_of_a_look(top: Path) -> None:
    def fail(_: Context) -> Mapping[str, str]:
        raise Failure("no such key")

    broken = replace(PLAIN, generates=fail)
    applied.mark_applied(broken, context(broken), top=top, root=top.parent)
    assert not needs_apply(broken, RC, top) and needs_apply(PLAIN, RC, top)


def test_declared_services_read_services_that_there_are() -> None:
    assert vrrp.SERVICE.reads == ("network vrrp",)
    for service in catalog.services():
        for words in service.reads:
            name, _, key = words.partition(" ")
            other = catalog.find(name)
            assert other is not None, service.name
            assert not key or any(f"{one.key} ".startswith(f"{key} ") for one in other.directives), service.name


@pytest.mark.root
def test_bytes_that_are_no_utf8_stay_what_they_are(top: Path, tmp_path: Path) -> None:
    text = b"service made\n    word one # gr\xfcn\n".decode("utf-8", "surrogateescape")
    config = document.parse_tolerant(text)[0]
    seen = replace(Context.of(MADE, config.blocks[0], config), generated=tmp_path / "generated/made")
    applied.mark_applied(MADE, seen, top=top, root=top.parent)
    back = applied.context(MADE, "made", config, top=top)
    assert back is not None and back.block.text == back.document.text == text
    latin = replace(MADE, generates=lambda context: {"whole": context.document.text})
    generated.write(latin, seen)
    assert (seen.generated / "whole").read_bytes() == b"service made\n    word one # gr\xfcn\n"
