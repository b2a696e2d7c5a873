"""Runs the fuzz targets of the C part: `fuzz.py SECONDS [LIBRSYNC]`, seconds for each; LIBRSYNC is a tree of librsync's sources, whose
coverage then leads the fuzzer. What is found before goes on from the corpus in build/fuzz."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests/support"))

import native_programs  # noqa: E402


def main(seconds: str, librsync: str = "") -> None:
    for program in native_programs.FUZZ_TARGETS:
        place = ROOT / "build/fuzz" / program.name
        place.mkdir(parents=True, exist_ok=True)
        target = native_programs.build_fuzz_target(program, place, Path(librsync).resolve() if librsync else None)
        count = native_programs.fuzz(target, place / "corpus", f"-max_total_time={seconds}")
        print(f"{program.name}: {count:,} executions, nothing found", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
