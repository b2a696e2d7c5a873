"""What is noted as applied, where its note is damaged."""

from pathlib import Path

import pytest

from firmware.services import applied


@pytest.mark.parametrize("name", ["digest", "context-digest"])
def test_a_damaged_digest_is_nobodys(tmp_path: Path, name: str) -> None:
    """Whatever lies on disk needs an apply then, and nothing ends in a trace."""
    place = tmp_path / "haproxy"
    place.mkdir()
    assert applied.context_digest("haproxy", top=tmp_path) == applied.digest("haproxy", top=tmp_path) == ""
    (place / "digest").write_text("xxh3-128:ab")
    assert applied.context_digest("haproxy", top=tmp_path) == applied.digest("haproxy", top=tmp_path) == "xxh3-128:ab"
    (place / name).write_bytes(b"\xff\xfe")
    assert applied.context_digest("haproxy", top=tmp_path) == ""
    (place / name).unlink()
    (place / name).mkdir()
    assert applied.context_digest("haproxy", top=tmp_path) == ""


def test_a_file_in_the_place_of_its_directory_is_nobodys(tmp_path: Path) -> None:
    (tmp_path / "haproxy").write_text("x")
    assert applied.digest("haproxy", top=tmp_path) == ""
