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

    struct native_entry {
        uint32_t mode, uid, gid; int32_t error; int64_t size, mtime, ctime; uint64_t inode; unsigned char digest[16];
    };
    struct native_progress { uint64_t files, bytes; int32_t cancelled; };
    struct native_tree { struct native_entry *entries; char *names; uint64_t count, names_size; };
    int native_scan_tree(int top, const char *start, const char *patterns, uint32_t pattern_count, uint32_t threads,
                         struct native_progress *progress, struct native_tree *tree);
    int native_scan_tree_gently(int top, const char *start, const char *patterns, uint32_t pattern_count,
                                struct native_progress *progress, struct native_tree *tree);
    void native_free_tree(struct native_tree *tree);
    void native_copy_names(int from, int to, const char *names, uint32_t count, int32_t *errors);
    void native_link_names(int from, int to, const char *names, uint32_t count, int32_t *errors);
    struct native_owner { uint32_t uid, gid, mode; };
    void native_write_names(int dir, const char *names, uint32_t count, const unsigned char *bytes, const uint64_t *sizes,
                            const struct native_owner *owners, int32_t *errors, unsigned char *digests);
    void native_remove_names(int dir, const char *names, uint32_t count, int32_t *errors);
    bool native_matches(const char *pattern, const char *path);
""")
ffi.set_source(
    "firmware._native",
    '#include "files.h"\n#include "native.h"\n#include "patterns.h"\n#include "tree.h"',
    sources=[f"native/{name}.c" for name in ("digest", "files", "native", "patterns", "tree")],
    include_dirs=[str(HERE)],
    libraries=["xxhash"],
    extra_compile_args=[
        "-std=c11",
        "-O2",
        "-pthread",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-Wno-error=deprecated-declarations",
        "-Wno-unused-parameter",
    ],
)

if __name__ == "__main__":
    ffi.compile(verbose=True)
