/* Everything below a directory at once: what there is, and the XXH3-128 of each file. */
#ifndef NATIVE_TREE_H
#define NATIVE_TREE_H

#include <stdint.h>

/* One path. `error` is the errno value for which it could not be read, or EAGAIN where it did not keep still in five tries; times are
 * in nanoseconds; `digest` is big-endian as xxhsum prints it: of a file's bytes, or of a link's target. */
struct native_entry {
	uint32_t mode, uid, gid;
	int32_t error;
	int64_t size, mtime, ctime;
	uint64_t inode;
	unsigned char digest[16];
};

/* How far a scan is, for whoever watches from another thread; `cancelled` ends it. */
struct native_progress {
	uint64_t files, bytes;
	int32_t cancelled;
};

/* `count` entries, sorted by the bytes of their paths; in `names` of each the path below the directory, NUL, the target of a link
 * ("" else), NUL. */
struct native_tree {
	struct native_entry *entries;
	char *names;
	uint64_t count, names_size;
};

/* Scan what lies below the open directory `top` with so many threads. Paths are known as `start` and what follows (`start` ends with
 * a slash); those that match one of the `pattern_count` patterns, which stand one after the other with their NULs, are left out with
 * everything below. No link is followed, no other file system is entered, and nothing but files and directories is opened.
 * `progress` may be null. It takes up to 70 descriptors and one for each thread; a buffer of 256 KiB for each thread, for an entry
 * some 300 bytes and its path, and at most 256 MiB of paths (ENOMEM then).
 * Returns 0, or an errno value; then there is nothing to free. */
int native_scan_tree(int top, const char *start, const char *patterns, uint32_t pattern_count, uint32_t threads,
		     struct native_progress *progress, struct native_tree *tree);

/* The same by one thread that everything else on the machine goes before (nice 19, idle I/O), and without a trace in the files' times
 * of access where that is allowed. */
int native_scan_tree_gently(int top, const char *start, const char *patterns, uint32_t pattern_count,
			    struct native_progress *progress, struct native_tree *tree);

void native_free_tree(struct native_tree *tree);

#endif
