"""What the image is made of, before it is made: the lists in buildroot/ are whole and fit each other."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import finish
import pytest

PROJECT = Path(__file__).resolve().parents[2]
BOARD, QUICK = PROJECT / "buildroot/board", PROJECT / "tests/quick_image"
OVERLAY = PROJECT / "overlay"


def lines(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line and not line.startswith("#")]


SYSCTL = OVERLAY / "usr/lib/sysctl.d/appliance.conf"


@pytest.mark.root
def test_without_namespaces_of_users_root_still_makes_all_the_others() -> None:
    """In one of them, for the bound holds for what is below; a unit sets it for all."""
    assert "user.max_user_namespaces = 0" in lines(SYSCTL)
    script = """
    unshare --user true && echo control
    echo 0 >/proc/sys/user/max_user_namespaces
    unshare --user true 2>/dev/null && echo nested
    unshare --mount --pid --fork --kill-child --mount-proc --ipc --net echo confined
    """
    argv = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", script]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.stdout == "control\nconfined\n", done.stderr


def test_no_account_gets_at_parts_of_the_kernel_that_it_does_not_need() -> None:
    """A `-`: a kernel that lacks the part lacks the setting."""
    assert {"-kernel.io_uring_disabled = 2", "-kernel.unprivileged_bpf_disabled = 1"} <= set(lines(SYSCTL))


def test_a_boot_says_nothing_of_settings_that_the_kernel_lacks(tmp_path: Path) -> None:
    """With the words of `early`; the control: it does say what the kernel does not take."""
    (step,) = (line for line in lines(OVERLAY / "usr/libexec/appliance/early") if line.startswith("sysctl "))
    path = tmp_path / "settings"
    argv = [word.replace("/usr/lib/sysctl.d/appliance.conf", str(path)) for word in step.split()]
    said = {}
    for setting in ("-kernel.no_such_setting = 1", "kernel.ostype = Other"):
        path.write_text(f"# a line\n{setting}\n")
        said[setting] = subprocess.run(argv, capture_output=True, text=True).stderr
    assert said["-kernel.no_such_setting = 1"] == "" and "ostype" in said["kernel.ostype = Other"]


def test_the_kernel_is_set_before_there_is_a_network_card() -> None:
    """Each card begins with the defaults of the moment when it is found."""
    steps = lines(OVERLAY / "usr/libexec/appliance/early")
    assert steps.index("sysctl -e -q -p /usr/lib/sysctl.d/appliance.conf") < steps.index("drivers")
    said = lines(SYSCTL)
    for name in ("accept_redirects", "send_redirects"):
        assert {f"net.ipv4.conf.{whom}.{name} = 0" for whom in ("all", "default")} <= set(said)
    for name in ("accept_redirects", "accept_ra"):
        assert {f"-net.ipv6.conf.{whom}.{name} = 0" for whom in ("all", "default")} <= set(said)
    # The kernel takes the stricter one of a card and of `all`: an operator could not allow less.
    assert "net.ipv4.conf.default.rp_filter = 2" in said and not [line for line in said if "all.rp_filter" in line]


def enclose(top: Path, memory: str = "262144", threads: str = "2000") -> int:
    """The exit status of what bounds a daemon `made` with pid 4711, on such a machine."""
    program = OVERLAY / "usr/libexec/appliance/enclose"
    return subprocess.run([program, "made", "4711", top, threads, memory], stderr=subprocess.DEVNULL).returncode


@pytest.mark.parametrize(("threads", "expected"), [("2000", "1000"), ("190000", "4096")])
def test_a_daemon_gets_a_part_of_the_machine(tmp_path: Path, threads: str, expected: str) -> None:
    (tmp_path / "cgroup.procs").touch()
    for _ in range(2):
        assert enclose(tmp_path, threads=threads) == 0
    said = {path.name: path.read_text().strip() for path in (tmp_path / "made").iterdir()}
    assert said == {"pids.max": expected, "memory.max": "196608K", "cgroup.procs": "4711"}


def test_without_control_groups_the_daemon_is_told_apart_by_its_account(tmp_path: Path) -> None:
    assert enclose(tmp_path) != 0 and not list(tmp_path.iterdir())


def test_every_file_that_a_service_account_reads_has_its_owner() -> None:
    rights = {right.path: right for right in finish.rights()}
    passwd = {row.split(":")[0]: row.split(":") for row in lines(OVERLAY / "etc/passwd")}
    for service, account in (("haproxy", "haproxy"), ("syslogd", "syslog")):
        group = int(passwd[account][3])
        for path in (OVERLAY / "etc" / service, *(OVERLAY / "etc" / service).rglob("*")):
            right = rights[f"/{finish.FACTORY}/{path.relative_to(OVERLAY / 'etc')}"]
            assert (right.owner, right.group) == (0, group)
            assert right.mode == (0o750 if path.is_dir() else 0o640)


def test_the_owners_name_nothing_that_is_not_there() -> None:
    for right in finish.rights():
        assert (OVERLAY / "etc" / right.path.removeprefix(f"/{finish.FACTORY}/")).exists()
        assert not right.mode & 0o007, "what others may read needs no line"


def test_the_lock_has_every_package_and_none_that_is_left_out() -> None:
    assert lines(QUICK / "packages.lock") == sorted(set(lines(QUICK / "packages.lock")))
    locked = [line.partition("=")[0] for line in lines(QUICK / "packages.lock")]
    assert all(re.fullmatch(r"[a-z0-9.+-]+=[0-9a-zA-Z.:+~-]+", line) for line in lines(QUICK / "packages.lock"))
    for line in lines(QUICK / "packages"):
        sign, _, name = line.rpartition(" ")
        if sign == "-":
            assert name not in locked
        elif name != "linux-image-amd64":  # which only names the newest one
            assert name in locked
    assert [name for name in locked if re.fullmatch(r"linux-image-[0-9.-]+-amd64", name)]


def test_the_kernel_list_is_well_formed() -> None:
    rows = [line.split() for line in lines(BOARD / "kernel.list")]
    assert all(row[0] in ("boot", "run") and re.fullmatch(r"[A-Z0-9_]+", row[1]) for row in rows)
    assert len({row[1] for row in rows}) == len(rows)
    assert all(row[2] == "-" or re.fullmatch(r"[A-Za-z0-9_]+", row[2]) for row in rows)


def test_grub_has_every_module_that_its_scripts_load() -> None:
    """The list is Buildroot's, which makes the product's grub.img of it; the quick image takes it from there."""
    defconfig = (BOARD.parent / "configs/csyncd_x86_64_defconfig").read_text()
    (builtin,) = re.findall(r'^BR2_TARGET_GRUB2_BUILTIN_MODULES_PC="(.*)"$', defconfig, re.M)
    scripts = (BOARD / "grub.cfg").read_text() + (BOARD / "slot.cfg").read_text()
    assert set(re.findall(r"\binsmod (\w+)", scripts)) <= set(builtin.split())


@pytest.mark.parametrize("name", ["grub.cfg", "slot.cfg"])
def test_the_boot_loader_understands(name: str) -> None:
    done = subprocess.run(["grub-script-check", str(BOARD / name)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def small() -> Iterator[Path]:
    """A root with a file and a link, all of somebody who is not root; where that somebody can go."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "root"
        (root / "boot").mkdir(parents=True)
        (root / "file").write_text("text")
        (root / "link").symlink_to("file")
        os.utime(root / "file", (1e9, 1e9))
        for path in (root.parent, root, *root.rglob("*")):
            os.chown(path, 1000, 1000, follow_symlinks=False)
        yield root


def slot(root: Path, name: str, **environment: str) -> Path:
    """The slot that uid 1000 makes of it."""
    made = root.parent / name
    who = ["setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups"]
    subprocess.run([*who, BOARD / "make-slot", root, made], check=True, env={**os.environ, **environment})
    return made


def test_everything_in_a_slot_is_roots_whoever_made_it(small: Path) -> None:
    """An sshd lets nobody in where / is somebody else's."""
    done = subprocess.run(["unsquashfs", "-lln", slot(small, "slot")], capture_output=True, text=True, check=True)
    rows = [line.split() for line in done.stdout.splitlines() if "squashfs-root" in line]
    assert {"squashfs-root", "squashfs-root/file", "squashfs-root/link"} <= {word for row in rows for word in row[5:]}
    assert {row[1] for row in rows} == {"0/0"}
    assert rows[0][0] == "drwxr-xr-x"


def test_the_same_files_make_the_same_slot(small: Path) -> None:
    """Also when a checkout has given them other times."""
    first = slot(small, "first", SOURCE_DATE_EPOCH="1700000000").read_bytes()
    os.utime(small / "file", (1.1e9, 1.1e9))
    assert slot(small, "second", SOURCE_DATE_EPOCH="1700000000").read_bytes() == first


def test_a_finished_root_has_no_program_that_gives_rights(tmp_path: Path) -> None:
    program, plain = tmp_path / "program", tmp_path / "plain"
    for path, mode in ((program, 0o6755), (plain, 0o640)):
        path.touch()
        path.chmod(mode)
    finish.no_rights(tmp_path)
    assert (program.stat().st_mode & 0o7777, plain.stat().st_mode & 0o7777) == (0o755, 0o640)


def make(*words: str, path: str = "/usr/bin:/bin") -> str:
    """What our make says, called by a user whose PATH is that."""
    argv = ["make", "-s", "-f", "image.mk", *words]
    done = subprocess.run(argv, cwd=finish.PROJECT, capture_output=True, text=True, env={"PATH": path})
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_ordinary_users_make_finds_the_programs_that_debian_keeps_for_root() -> None:
    assert make("--eval", "where:\n\tcommand -v mke2fs", "where").endswith("sbin/mke2fs\n")


def test_what_run_is_told() -> None:
    plain, image = make("-n", "run"), make("-n", "run", "IMAGE=/x/disk.img")
    assert "--stay" in plain and "--stay" in make("-n", "run", "ONCE=0") and "--stay" not in make("-n", "run", "ONCE=1")
    assert "IMAGE=/x/disk.img" in image and "quick_image/build" not in make(
        "-n", "-W", "image.mk", "run", "IMAGE=/x/disk.img"
    )


def test_what_is_no_disk_is_refused_before_a_unit_is_powered_on(tmp_path: Path) -> None:
    for size in (0, 4096):
        image = tmp_path / f"{size}.img"
        image.write_bytes(os.urandom(size))
        argv = ["/usr/bin/python3", finish.PROJECT / "tests/lab/nodes", "--kind", "qemu", "--image", image]
        argv += ["--state", tmp_path / "state", "up", "1"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr.partition(":")[0]) == (1, "nodes"), done.stderr
        assert f"{image}: it is no disk image" in done.stderr
        assert not (tmp_path / "state").exists()


def test_an_archive_without_a_locked_package_is_said(tmp_path: Path) -> None:
    """The newest versions are taken then, with a warning that names the difference and the remedy."""
    quick = tmp_path / QUICK.name
    shutil.copytree(QUICK, quick)
    lock = quick / "packages.lock"
    lock.write_text(re.sub(r"^netbase=.*$", "netbase=0.1", lock.read_text(), flags=re.M))
    source = (quick / "unpack").read_text()
    (quick / "unpack").write_text(source[: source.rindex("\nchoose\n")] + "\nchoose\n")  # the download alone
    done = subprocess.run([quick / "unpack", str(tmp_path / "base")], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "-netbase=0.1" in done.stderr
    assert "+netbase=" in done.stderr
    assert "make -f image.mk lock" in done.stderr
    assert list((tmp_path / "base.debs").glob("netbase_*"))


def test_authorities_are_each_in_a_file_and_all_in_one(tmp_path: Path) -> None:
    """As Debian's and Buildroot's package have them, both of which would put copies into /etc."""
    for name, text in (("b.crt", "B"), ("a.crt", "A\n")):
        (tmp_path / "usr/share/ca-certificates/mozilla").mkdir(parents=True, exist_ok=True)
        (tmp_path / "usr/share/ca-certificates/mozilla" / name).write_text(text)
    (tmp_path / "etc/ssl/certs").mkdir(parents=True)
    (tmp_path / "etc/ssl/certs/old.pem").touch()
    finish.authorities(tmp_path, tmp_path)
    place = tmp_path / "usr/share/ca-certificates"
    assert sorted(path.name for path in place.iterdir()) == ["certs"]
    assert {path.name: path.read_text() for path in (place / "certs").iterdir()} == {
        "a.crt": "A\n",
        "b.crt": "B\n",
        "ca-certificates.crt": "A\nB\n",
    }
    assert os.readlink(tmp_path / "etc/ssl/certs") == "/usr/share/ca-certificates/certs"
    assert os.readlink(tmp_path / "etc/ssl/cert.pem") == "certs/ca-certificates.crt"


def test_what_is_for_a_station_of_the_factory_is_on_no_appliance(tmp_path: Path) -> None:
    package = tmp_path / "usr/lib/python3/dist-packages/firmware"
    shutil.copytree(finish.PROJECT / "firmware", package, ignore=shutil.ignore_patterns("frontend"))
    assert (package / "station").is_dir() and list((package / "commands").glob("provision*"))
    finish.for_hosts(tmp_path)
    assert not (package / "station").exists() and not list((package / "commands").rglob("provision*"))
    assert (package / "provision").is_dir() and (package / "commands/csync.py").exists()
