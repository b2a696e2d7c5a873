"""Addresses of others in haproxy.cfg: refused where the node does not allow it, for every connection would die."""

from pathlib import Path

import pytest

from firmware.haproxy.transparent import ALLOWED, transparent_problems, transparent_warnings


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "base").mkdir()
    return tmp_path / "base"


def problems(base: Path, text: str) -> list[str]:
    path = base.parent / "haproxy.cfg"
    path.write_text(text)
    return [line.removeprefix(f"{path}:") for line in transparent_problems(str(path), str(base))]


@pytest.mark.parametrize(
    "line", ["source 0.0.0.0 usesrc clientip", "server a 10.0.0.1:80 source 0.0.0.0 usesrc hdr_ip(x)"]
)
def test_an_address_of_clients_is_refused_with_its_line_until_the_node_allows_it(base: Path, line: str) -> None:
    (found,) = problems(base, f"backend b\n  {line}\n")
    assert found.startswith("2: 'usesrc' is not allowed") and "config set system transparent_source on" in found
    (base / ALLOWED).touch()
    assert problems(base, f"backend b\n  {line}\n") == []


def test_haproxy_takes_no_account_beside_it(base: Path) -> None:
    """As stock haproxy, which says so without the line."""
    (base / ALLOWED).touch()
    text = "global\n  user haproxy\n  group haproxy\nbackend b\n  source 0.0.0.0 usesrc client\n"
    assert [found[:9] for found in problems(base, text)] == ["2: 'user'"]
    assert problems(base, text.replace("user haproxy", "user root")) == []


def test_a_transparent_address_is_bound_and_told_what_it_lacks(base: Path) -> None:
    path = base.parent / "haproxy.cfg"
    path.write_text("frontend x\n  bind 10.0.0.1:80 transparent\n")
    assert problems(base, path.read_text()) == []
    assert [line[: len(str(path)) + 12] for line in transparent_warnings(str(path), str(base))] == [
        f"{path}:2: warning:"
    ]
