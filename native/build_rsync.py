"""Builds firmware._native_rsync from rsync.c: apart from the rest, for commands need not load librsync."""

from pathlib import Path

from cffi import FFI

HERE = Path(__file__).resolve().parent

ffi = FFI()
ffi.cdef("""
    int native_rsync_signature(int old, int64_t size, int signature);
    int native_rsync_delta(int signature, int new_file, int delta, int64_t most);
    int native_rsync_patch(int old, int delta, int new_file, int64_t most);
""")
ffi.set_source(
    "firmware._native_rsync",
    '#include "rsync.h"',
    sources=["native/rsync.c"],
    include_dirs=[str(HERE)],
    libraries=["rsync"],
    extra_compile_args=["-std=c11", "-O2", "-Wall", "-Wextra", "-Wno-unused-parameter"],
)

if __name__ == "__main__":
    ffi.compile(verbose=True)
