"""Programs of the C part alone: test programs with a sanitizer, and fuzz targets, which need clang."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "native"
PROGRAMS = ROOT / "tests/unit/native"
STRICT = ("-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread")
SANITIZERS = {"plain": (), "address and undefined": ("-fsanitize=address,undefined",), "thread": ("-fsanitize=thread",)}
FUZZING = ("-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all")
#: what librsync's own sources are compiled with, where their coverage is to lead the fuzzer: they read numbers at any address
LIBRSYNC = (
    *("-std=gnu11", "-g", "-O1", "-w", "-fsanitize=fuzzer-no-link,address", "-DHAVE_UNISTD_H", "-DHAVE_FSEEKO"),
    *("-DHAVE_SYS_STAT_H", "-DHAVE_PRINTF_Z", "-DSIZEOF_SIZE_T=8", "-DSIZEOF_UNSIGNED_LONG=8"),
)


@dataclass(frozen=True)
class Program:
    """A test program: which sources of native/ it needs, which library, and the functions that it stands in for."""

    name: str
    sources: tuple[str, ...]
    library: str = ""
    wrapped: tuple[str, ...] = ()


TREE = Program(
    "tree_test",
    ("tree", "native", "digest", "patterns"),
    "xxhash",
    ("openat", "read", "readdir", "malloc", "realloc", "strdup", "free", "pthread_create"),
)
FILES = Program("files_test", ("files", "native", "digest"), "xxhash", ("openat", "read", "pread", "write"))
RSYNC = Program("rsync_test", ("rsync",), "rsync", ("read", "write"))
ZSTD = Program("zstd_test", ("zstd_block",), "zstd")
FUZZ_TARGETS = (
    Program("fuzz_rsync", ("rsync",), "rsync"),
    Program("fuzz_patterns", ("patterns",)),
    Program("fuzz_zstd", ("zstd_block",), "zstd"),
)


def build(program: Program, sanitizer: str, place: Path) -> Path:
    """The program, compiled by gcc without a warning."""
    made = place / program.name
    wrapped = [f"-Wl,--wrap={name}" for name in program.wrapped]
    _compile("gcc", [*STRICT, *SANITIZERS[sanitizer], *wrapped, *_inputs(program), "-o", made])
    return made


def build_fuzz_target(program: Program, place: Path, librsync: Path | None = None) -> Path:
    """The fuzz target, compiled by clang. With librsync's sources their coverage leads the fuzzer, too."""
    made = place / program.name
    inputs = _inputs(program)
    if librsync and program.library == "rsync":
        inputs = [*inputs[:-1], _librsync(librsync, place)]
    _compile("clang", [*STRICT, *FUZZING, *inputs, "-o", made])
    return made


def run(program: Path, *arguments: str | Path) -> tuple[int, str, str]:
    """Exit status, stdout, stderr. The thread sanitizer of gcc 12 finds no place for its memory on newer kernels, unless addresses
    are not shuffled."""
    unshuffled = ["setarch", "--addr-no-randomize"] if shutil.which("setarch") else []
    done = subprocess.run([*unshuffled, program, *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def fuzz(target: Path, corpus: Path, *limits: str) -> int:
    """How often the target was executed, within those limits of libFuzzer; AssertionError with what it says where it fails."""
    corpus.mkdir(exist_ok=True)
    found = f"-artifact_prefix={corpus.parent}/found-"
    argv = [
        target,
        "-max_len=30000",
        "-timeout=20",
        "-rss_limit_mb=1000",
        "-print_final_stats=1",
        found,
        *limits,
        corpus,
    ]
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stderr[-4000:]
    executions = re.search(r"stat::number_of_executed_units: (\d+)", done.stderr)
    assert executions, done.stderr[-4000:]
    return int(executions[1])


def _inputs(program: Program) -> list[str]:
    sources = [PROGRAMS / f"{program.name}.c", *(SOURCES / f"{name}.c" for name in program.sources)]
    return [f"-I{SOURCES}", *map(str, sources), *([f"-l{program.library}"] if program.library else [])]


def _librsync(top: Path, place: Path) -> str:
    """Its sources as one object. config.h says what the compiler's words say here."""
    (place / "config.h").write_text(
        '#define PACKAGE "librsync"\n#define VERSION "fuzz"\n#define RS_CANONICAL_HOST "linux"\n'
    )
    left_out = ("rdiff.c", "isprefix.c")
    sources = [*(top / "src").glob("*.c"), top / "src/blake2/blake2b-ref.c"]
    kept = [str(path) for path in sources if path.name not in left_out]
    made = str(place / "librsync.a")
    folders = [f"-I{place}", f"-I{top}/src", f"-I{top}/src/blake2"]
    objects = place / "librsync"
    objects.mkdir(exist_ok=True)
    _compile("clang", [*LIBRSYNC, *folders, "-c", *kept], objects)
    subprocess.run(["ar", "rcs", made, *map(str, objects.glob("*.o"))], check=True)
    return made


def _compile(compiler: str, words: Sequence[str | Path], directory: Path | None = None) -> None:
    done = subprocess.run([compiler, *words], capture_output=True, text=True, cwd=directory or os.getcwd())
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
