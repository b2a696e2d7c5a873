"""What the scripts of a daemon do as root, in places where its account may write."""

import os
import subprocess
from pathlib import Path

import pytest

from firmware.rc import document
from firmware.services import catalog, run_scripts
from firmware.services.definition import Context

SHELLS = [["sh"], ["busybox", "sh"]]


def write_pid(shell: list[str], path: Path) -> int:
    process = subprocess.Popen(
        [*shell, "-c", f"{run_scripts.pid_command(str(path))}; exit 0"], stderr=subprocess.DEVNULL
    )
    assert process.wait(10) == 0
    return process.pid


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_the_pid_file_is_written_anew(shell: list[str], tmp_path: Path) -> None:
    path = tmp_path / "some daemon's.pid"
    for _ in range(2):
        pid = write_pid(shell, path)
        assert path.read_text() == f"{pid}\n"


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_no_link_in_the_place_of_the_pid_file_is_followed(shell: list[str], tmp_path: Path) -> None:
    path = tmp_path / "pid"
    for target in ("precious", "new"):
        (tmp_path / "precious").write_text("x")
        path.unlink(missing_ok=True)
        path.symlink_to(target)
        pid = write_pid(shell, path)
        assert not path.is_symlink() and path.read_text() == f"{pid}\n"
        assert sorted(os.listdir(tmp_path)) == ["pid", "precious"] and (tmp_path / "precious").read_text() == "x"


@pytest.mark.parametrize(("name", "expected"), [("csyncd", -900), ("sshd", 0), ("haproxy", 500), ("wui", 500)])
def test_where_memory_runs_out_csyncd_goes_last(monkeypatch: pytest.MonkeyPatch, name: str, expected: int) -> None:
    monkeypatch.setattr(run_scripts.permissions, "account_ids", lambda user: (401, 401))
    service = catalog.find(name)
    assert service
    now = document.parse(f"service {name}\n")
    context = Context.of(service, now.blocks[0], now)
    script = run_scripts.service_files(service, context, Path("/log"), more=False)[f"{name}/run"]
    assert f"\necho {expected} 2>/dev/null >/proc/self/oom_score_adj\n" in script
