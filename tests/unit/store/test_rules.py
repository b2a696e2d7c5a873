"""The rules about what is never saved, and what is no change by itself."""

from pathlib import Path

import directory_node
import pytest

from firmware import files
from firmware.errors import Invalid
from firmware.store import rules

SHIPPED = rules.parse(directory_node.RULES.read_text())


@pytest.mark.parametrize(
    ("pattern", "fits", "differs"),
    [
        ("/etc/mtab", ["/etc/mtab", "/etc/mtab/below"], ["/etc/mtab2", "/etc/x/mtab", "/etc/x/etc/mtab"]),
        (
            "*~",
            ["/etc/a~", "/etc/x/a~", "/etc/dir~/below", "/etc/~", "/etc/new\nline/a~", "/etc/a~/new\nline"],
            ["/etc/a~b", "/etc/~a"],
        ),
        ("/etc/*/x", ["/etc/a/x", "/etc/a/x/y"], ["/etc/x", "/etc/a/b/x"]),
        ("a?c", ["/etc/abc", "/etc/x/a.c", "/etc/a\nc"], ["/etc/ac", "/etc/abbc", "/etc/a/c"]),
        ("/etc/dir/", ["/etc/dir", "/etc/dir/x"], ["/etc/dirx"]),
        ("a.b", ["/etc/a.b"], ["/etc/axb"]),
        ("two words", ["/etc/two words"], ["/etc/two"]),
        ("#*#", ["/etc/#auto#"], ["/etc/#auto"]),
        ("[a]", ["/etc/[a]"], ["/etc/a"]),
    ],
)
def test_patterns(pattern: str, fits: list[str], differs: list[str]) -> None:
    for verb in ("ignore", "quiet"):
        found = rules.parse(f"# first\n\n  {verb}   {pattern}  \n")
        asked, other = (found.ignores, found.is_quiet) if verb == "ignore" else (found.is_quiet, found.ignores)
        assert [path for path in fits if not asked(path)] == []
        assert [path for path in differs if asked(path)] == []
        assert not any(map(other, fits))


def test_no_rules_fit_nothing_but_our_own_machinery() -> None:
    assert not rules.parse("").ignores("/etc/config.rc")
    assert not rules.parse("").ignores("/etc/.staging2")
    assert rules.parse("").ignores("/etc/.staging/haproxy/tree")
    assert not rules.parse("").is_quiet("/etc/config.rc")


@pytest.mark.parametrize("line", ["ignore", "hide /etc/x", "Ignore x", "/etc/x"])
def test_errors_are_told_with_file_and_line(line: str) -> None:
    with pytest.raises(Invalid) as error:
        rules.parse(f"ignore fine\n{line}\n# comment\n{line}\n", "/etc/firmware/save.rules")
    places = [problem.split(" ")[0] for problem in error.value.problems]
    assert places == ["/etc/firmware/save.rules:2:", "/etc/firmware/save.rules:4:"]


@pytest.mark.parametrize(
    ("path", "ignored", "quiet"),
    [
        ("/etc/mtab", True, False), ("/etc/.staging/haproxy/tree/x", True, False), ("/etc/haproxy/haproxy.cfg~", True, False),
        ("/etc/haproxy/.haproxy.cfg.swp", True, False), ("/etc/passwd-", True, False), ("/etc/config.rc", False, False),
        ("/etc/passwd", False, False), ("/etc/haproxy/.hidden", False, False), ("/etc/firmware/ancestors.json", False, True),
        ("/etc/ssh/ssh_host_ed25519_key", False, True), ("/etc/ssh/ssh_host_rsa_key.pub", False, True),
        ("/etc/ssh/sshd_config", False, False), ("/etc/wui/tls.pem", False, True), ("/etc/csyncd/id_ed25519", False, False),
        ("/etc/firmware/save.rules", False, False),
    ],
)  # fmt: skip
def test_the_shipped_rules(path: str, ignored: bool, quiet: bool) -> None:
    assert (SHIPPED.ignores(path), SHIPPED.is_quiet(path)) == (ignored, quiet)


def test_our_own_half_written_files_are_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the name that files.write gives them for the time of writing."""
    seen: list[str] = []
    monkeypatch.setattr("os.replace", lambda name, path: seen.append(Path(name).name))
    monkeypatch.setattr(files, "sync_directory", lambda path: None)
    files.write(tmp_path / "haproxy.cfg", b"x")
    assert len(seen) == 1
    assert SHIPPED.ignores(f"/etc/haproxy/{seen[0]}")
    assert not SHIPPED.ignores(f"/etc/haproxy/{seen[0]}9")


def test_broken_rules_are_replaced_by_the_factorys_where_one_only_looks(tmp_path: Path) -> None:
    places = directory_node.make(tmp_path)
    directory_node.write(places.in_etc(rules.FILE), "nonsense\n")
    with pytest.raises(Invalid):
        rules.load(places)
    assert rules.load_tolerant(places) == SHIPPED
    places.in_etc(rules.FILE).unlink()
    assert rules.load(places) == rules.load_tolerant(places) == SHIPPED


def test_rules_are_as_few_and_as_short_as_a_comparison_can_bear() -> None:
    """They come with archives: many stars are in nobody's way, and what is too much is refused with its line."""
    found = rules.parse("ignore /etc/" + "*a" * 14 + "b\n" + "quiet x\n" * (rules.MAX_RULES - 1))
    assert not found.ignores("/etc/" + "a" * 255) and found.ignores("/etc/" + "a" * 254 + "b")
    with pytest.raises(Invalid) as error:
        rules.parse("quiet x\n" * rules.MAX_RULES + "ignore " + "x" * (rules.MAX_PATTERN + 1))
    assert error.value.problems == (f"{rules.FILE}:257: the pattern has 257 characters, more than 256",)
    with pytest.raises(Invalid, match="not understood") as error:
        rules.parse("quiet x\n" * (rules.MAX_RULES + 1))
    assert "more than 256 rules" in str(error.value.problems)
