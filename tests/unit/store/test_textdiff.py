"""Differences as text: what they say, and what they never say."""

import random
import re
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.store import textdiff
from firmware.store.confidential import holds_private_key, secret_kind
from firmware.store.textdiff import Differences, unified_diff


def test_a_changed_line() -> None:
    assert (
        unified_diff("/etc/x", b"a\nb\nc\n", b"a\nB\nc\n")
        == "--- a/etc/x\n+++ b/etc/x\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"
    )


def test_added_removed_and_equal() -> None:
    assert unified_diff("/etc/x", None, b"a\n") == "--- /dev/null\n+++ b/etc/x\n@@ -0,0 +1 @@\n+a\n"
    assert unified_diff("/etc/x", b"a\n", None) == "--- a/etc/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"
    assert unified_diff("/etc/x", b"a\n", b"a\n") == ""


def test_the_missing_end_of_a_line_is_said() -> None:
    found = unified_diff("/etc/x", b"a\n", b"a")
    assert found == "--- a/etc/x\n+++ b/etc/x\n@@ -1 +1 @@\n-a\n+a\n\\ No newline at end of file\n"


@pytest.mark.parametrize("data", [b"\0", b"text\0text", b"\xff\xfe", b"latin \xe9\n"])
def test_what_is_no_text_is_not_shown(data: bytes) -> None:
    assert unified_diff("/etc/x", data, b"text\n") is None
    assert unified_diff("/etc/x", b"text\n", data) is None


KINDS = [
    "PRIVATE KEY",
    "RSA PRIVATE KEY",
    "EC PRIVATE KEY",
    "OPENSSH PRIVATE KEY",
    "ENCRYPTED PRIVATE KEY",
    "PGP PRIVATE KEY BLOCK",
]


@pytest.mark.parametrize("kind", KINDS)
def test_private_keys_are_never_shown(kind: str) -> None:
    key = f"-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n-----BEGIN {kind}-----\nc2VjcmV0\n".encode()
    assert holds_private_key(key)
    for old, new in ((key, None), (None, key), (key, key + b"x"), (key, b"public\n"), (b"public\n", key)):
        assert unified_diff("/etc/haproxy/cert.pem", old, new) is None


def test_real_keys_are_recognised(tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "ssh")], check=True)
    made = subprocess.run(["openssl", "genpkey", "-algorithm", "ED25519"], check=True, capture_output=True).stdout
    assert holds_private_key((tmp_path / "ssh").read_bytes())
    assert holds_private_key(made)
    assert not holds_private_key((tmp_path / "ssh.pub").read_bytes())
    assert holds_private_key(b"yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n")
    assert holds_private_key(b"PuTTY-User-Key-File-3: ssh-ed25519\n")


@pytest.mark.parametrize(
    "data", [b"-----BEGIN CERTIFICATE-----\n", b"-----BEGIN PUBLIC KEY-----\n", b"ssh-ed25519 AAAA x\n", b""]
)
def test_public_things_are_no_private_keys(data: bytes) -> None:
    assert not holds_private_key(data)


@pytest.mark.parametrize(
    "line",
    [
        "PrivateKey = {}",
        "  private_key {}",
        "\twg private_key {}",
        "preshared_key {}",
        "PresharedKey={}",
        "  no private_key {}",
    ],
)
def test_keys_within_a_line_are_hidden_but_a_change_is_seen(line: str) -> None:
    one, other = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=", "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
    found = unified_diff("/etc/config.rc", f"a\n{line.format(one)}\n".encode(), f"a\n{line.format(other)}\n".encode())
    assert found is not None
    assert one not in found
    assert other not in found
    assert found.count("not shown") == 2
    assert unified_diff("/etc/config.rc", line.format(one).encode(), line.format(one).encode()) == ""


def test_public_keys_within_a_line_are_shown() -> None:
    assert "PEER" in (unified_diff("/etc/config.rc", b"", b"  public_key PEER\n") or "")


texts = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "\n", "long line\r\n"]), max_size=30).map("".join)


@given(old=texts, new=texts, ends=st.booleans())
def test_patch_makes_the_new_from_the_old(old: str, new: str, ends: bool) -> None:
    old, new = old + "x" * ends, new
    found = unified_diff("/etc/x", old.encode(), new.encode())
    assert found is not None
    assert applied(old, found) == new
    assert (found == "") == (old == new)


def applied(old: str, diff: str) -> str:
    """What patch makes of it."""
    lines, made, at = diff.split("\n")[:-1], [], 0
    before = old.split("\n")
    before = [line + "\n" for line in before[:-1]] + [before[-1]] * bool(before[-1])
    for number, line in enumerate(lines[2:], 2):
        bare = lines[number + 1 : number + 2] == ["\\ No newline at end of file"]
        text = line[1:] + "\n" * (not bare)
        if line.startswith("@@"):
            start, _, length = line.split()[1][1:].partition(",")
            begin = int(start) - (length != "0")
            made += before[at:begin]
            at = begin
        elif line[0] in " -":
            assert before[at] == text
            at += 1
            made += [text] * (line[0] == " ")
        elif line[0] == "+":
            made.append(text)
    return "".join(made + before[at:])


@pytest.mark.parametrize(
    "path", ["/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/x/gshadow-", "/etc/haproxy/shadow"]
)
def test_password_hashes_are_not_shown(path: str) -> None:
    line = b"root:$6$salt$hash:20000:0:99999:7:::\n"
    for old, new in ((line, b""), (None, line), (line, None)):
        assert unified_diff(path, old, new) is None
    assert secret_kind(path, line) == "password hashes"


def test_other_names_are_shown() -> None:
    for path in ("/etc/shadow/x", "/etc/shadows", "/etc/passwd"):
        assert unified_diff(path, b"a\n", b"b\n")
        assert secret_kind(path, b"a\n", None) == ""


@pytest.mark.parametrize("old", [b"", b"y\n"])
@pytest.mark.parametrize("count", [30_000, 1])
def test_a_difference_is_bounded_and_says_what_is_missing(old: bytes, count: int) -> None:
    new = b"x" * (300_000 // count)
    found = unified_diff("/etc/x", old, (new + b"\n") * count)
    assert found is not None
    *lines, last = found.splitlines()
    assert sum(len(line) + 1 for line in lines) <= textdiff.LIMIT + 100
    more = count + 3 + bool(old) - len(lines)
    assert last == f"... {more} more line{'s' if more > 1 else ''}, not shown"


def test_a_difference_that_is_too_long_to_be_counted_says_so() -> None:
    found = unified_diff("/etc/x", b"x\n" * 400_000, b"y\n" * 300_000)
    assert found is not None
    assert len(found) < textdiff.LIMIT + 200
    assert re.fullmatch(r"\.\.\. \d+ more lines or more, not shown", found.splitlines()[-1])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\n" * (8 << 20), b"\n" * ((8 << 20) - 1) + b"x"),
        (random.Random(1).choices(b"ab", k=1 << 20), random.Random(2).choices(b"ab", k=1 << 20)),
    ],
    ids=["more lines than memory", "the most work"],
)
def test_what_takes_more_than_a_person_waits_for_is_too_different(
    old: bytes | list[int], new: bytes | list[int]
) -> None:
    """Ended by its limits, it is neither no difference nor an error."""
    texts = [text if isinstance(text, bytes) else b"".join(b"%c\n" % letter for letter in text) for text in (old, new)]
    start = time.monotonic()
    assert unified_diff("/etc/x", *texts) == textdiff.TOO_DIFFERENT
    assert time.monotonic() - start < textdiff.SECONDS + 2


def test_two_lines_are_found_in_two_versions_of_8_mib() -> None:
    lines = [b"10.%d.%d.%d backend%d" % (n >> 16, n >> 8 & 255, n & 255, n % 7) for n in range(360_000)]
    found = unified_diff("/etc/x", b"\n".join(lines), b"\n".join([b"first", *lines[1:-1], b"last"]))
    assert found is not None
    assert [line for line in found.splitlines() if line in ("+first", "+last")] == ["+first", "+last"]


def test_all_differences_of_one_answer_are_bounded_together() -> None:
    texts = Differences(characters=2000, seconds=60)
    shown = [texts.between("/etc/x", lambda: b"a\n" * 200, lambda: b"b\n" * 200) for _ in range(5)]
    assert shown[0] == shown[1] != textdiff.ENOUGH
    assert shown[2:] == [textdiff.ENOUGH] * 3
    assert Differences(seconds=0).between("/etc/x", pytest.fail, pytest.fail) == textdiff.ENOUGH


def test_a_difference_that_fits_is_whole() -> None:
    found = unified_diff("/etc/x", b"", b"x" * (textdiff.LIMIT - 100) + b"\n")
    assert found is not None
    assert "not shown" not in found


def test_large_files_take_no_forever() -> None:
    old = b"".join(b"%d\n" % number for number in range(20_000))
    new = b"".join(b"%d\n" % (number * 2) for number in range(20_000))
    start = time.monotonic()
    assert unified_diff("/etc/x", old, new)
    assert time.monotonic() - start < 5


def test_patch_itself_agrees(tmp_path: Path) -> None:
    old, new = (
        "".join(f"{number}\n" for number in range(50)),
        "".join(f"{number}\n" for number in range(1, 60) if number != 30),
    )
    (tmp_path / "x").write_text(old)
    ours = (unified_diff("/x", old.encode(), new.encode()) or "").splitlines()
    (tmp_path / "y").write_text(new)
    theirs = subprocess.run(
        ["diff", "-u", tmp_path / "x", tmp_path / "y"], capture_output=True, text=True
    ).stdout.splitlines()
    assert ours[2:] == theirs[2:]


@pytest.mark.parametrize("run", [b" ", b"\t", b"= ", b"A ", b"a", b"-----BEGIN ", b"private_key ", b"private_key\n"])
def test_the_patterns_are_linear(run: bytes) -> None:
    """A peer's file of blanks must not cost more than one of anything else: they were quadratic once."""
    for before in (b"", b"private_key", b"private_key = ", b"x private_key "):
        data = (before + run * (300_000 // len(run)))[:300_000] + b"\n"
        start = time.process_time()
        unified_diff("/etc/x", data, None)
        assert time.process_time() - start < 1


def test_config_rc_is_text_whatever_its_comments_hold() -> None:
    old, new = b"# L\xfcbeck\nservice a\n", b"# L\xfcbeck\nservice b\n"
    assert unified_diff("/etc/config.rc", old, new) == (
        "--- a/etc/config.rc\n+++ b/etc/config.rc\n@@ -1,2 +1,2 @@\n # L\\xfcbeck\n-service a\n+service b\n"
    )
    assert unified_diff("/etc/other", old, new) is None
