"""Builds firmware._native_zstd from zstd_block.c: apart from the rest, for commands need not load libzstd."""

from pathlib import Path

from cffi import FFI

HERE = Path(__file__).resolve().parent

ffi = FFI()
ffi.cdef("""
    int64_t native_zstd_pack(const void *data, uint64_t size, void *packed, uint64_t room);
    int64_t native_zstd_unpack(const void *packed, uint64_t size, void *data, uint64_t room);
""")
ffi.set_source(
    "firmware._native_zstd",
    '#include "zstd_block.h"',
    sources=["native/zstd_block.c"],
    include_dirs=[str(HERE)],
    libraries=["zstd"],
    extra_compile_args=["-std=c11", "-O2", "-Wall", "-Wextra", "-Wno-unused-parameter"],
)

if __name__ == "__main__":
    ffi.compile(verbose=True)
