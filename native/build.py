"""Builds firmware._native from native.c: cffi in API mode, so the compiler checks every signature."""

from pathlib import Path

from cffi import FFI

HERE = Path(__file__).resolve().parent

ffi = FFI()
ffi.cdef("""
    int native_hash_fd(int fd, unsigned char digest[16], uint64_t *size);
    void native_hash_bytes(const void *data, uint64_t size, unsigned char digest[16]);
    int native_stat_names(int dir, const char *names, uint32_t count, int64_t *status);
    void native_read_names(int dir, const char *names, uint32_t count, const uint64_t *rooms, unsigned char *bytes,
                           int64_t *sizes, unsigned char *digests);
    int native_exchange(int one_dir, const char *one, int other_dir, const char *other);
    void native_trim_heap(void);
""")
ffi.set_source(
    "firmware._native",
    '#include "native.h"',
    sources=["native/native.c"],
    include_dirs=[str(HERE)],
    libraries=["xxhash"],
    extra_compile_args=["-O2", "-Wall", "-Wextra", "-Wno-unused-parameter"],
)

if __name__ == "__main__":
    ffi.compile(verbose=True)
