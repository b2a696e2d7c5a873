"""What commands print: nothing that somebody else wrote is obeyed by a terminal, whichever command prints it."""

import io
import subprocess
import sys

from firmware.commands.csync_peer import changed_shape
from firmware.commands.output import make_printable

HOSTILE = "a\x1b[2J\rb\x07\u009b31m\u202ec\udcff\td\n"
SHOWN = "a\\x1b[2J\\rb\\x07\\x9b31m\\u202ec\\377\td\n"


def test_what_is_printed_is_shown_and_not_obeyed() -> None:
    to = io.StringIO()
    print(HOSTILE, end="", file=make_printable(make_printable(to)))
    assert to.getvalue() == SHOWN


def test_bytes_are_left_alone() -> None:
    """An archive goes to stdout whole."""
    under = io.BytesIO()
    to = make_printable(io.TextIOWrapper(under))
    to.buffer.write(b"\x1b\0")
    assert under.getvalue() == b"\x1b\0"


def test_every_program_prints_that_way() -> None:
    words = ["\x1b]0;x\x07", "\x1b[2J"]
    for program in ("csync", "config", "service"):
        done = subprocess.run([sys.executable, "-m", "firmware", program, *words], capture_output=True, check=False)
        assert b"\\x1b" in done.stderr and b"\x1b" not in done.stdout + done.stderr, program


def test_a_megabyte_takes_no_time() -> None:
    to = io.StringIO()
    print("a line of text\n" * 70_000, file=make_printable(to))
    assert len(to.getvalue()) > 1_000_000


def test_a_directory_that_becomes_a_file_is_said() -> None:
    directory = {"digest": "", "mode": "0755", "owner": "root:root", "size": 0}
    file = {"digest": "xxh3-128:" + "0" * 32, "mode": "0644", "owner": "root:root", "size": 0}
    assert changed_shape(directory, file) == ["directory → file", "mode 0755 → 0644"]
    assert changed_shape(file, directory | {"mode": "0644"}) == ["file → directory"]
    assert changed_shape(file, file | {"owner": "root:haproxy"}) == ["owner root:root → root:haproxy"]
    assert changed_shape(file, file | {"size": 1}) == changed_shape(directory, directory) == []
