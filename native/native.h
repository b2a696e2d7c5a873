/* The C part: what Python cannot do fast or cannot reach. Plain C; the binding is native/build.py (cffi, API mode). */
#ifndef NATIVE_H
#define NATIVE_H

#include <stdint.h>

/* XXH3-128 of what `fd` holds from its current offset to its end, big-endian as xxhsum prints it.
 * *size gets the number of bytes read. Returns 0, or an errno value. */
int native_hash_fd(int fd, unsigned char digest[16], uint64_t *size);

/* The same of `size` bytes in memory. */
void native_hash_bytes(const void *data, uint64_t size, unsigned char digest[16]);

/* How many numbers stand for a status: mode, uid, gid, inode, size, and the times of the last change of content and of anything,
 * in nanoseconds. */
#define NATIVE_STATUS 7

/* The status of each of `count` names in the open directory `dir`, links themselves; `names` are one after the other, each with its
 * NUL. All zeros for one that is not there. Returns 0, or an errno value. */
int native_stat_names(int dir, const char *names, uint32_t count, int64_t *status);

/* The bytes of each of `count` files in the open directory `dir`, one after the other in `bytes`, where there is room for rooms[n]
 * of file n: one more than it should have; sizes[n] gets how many were read, or minus an errno value, and digests the XXH3-128 of each. No link is followed, and
 * nothing waits. */
void native_read_names(int dir, const char *names, uint32_t count, const uint64_t *rooms, unsigned char *bytes, int64_t *sizes,
		       unsigned char *digests);

/* Swap two names on one file system as one step (renameat2 with RENAME_EXCHANGE). Each is relative to its directory, an open
 * descriptor; a negative one stands for the working directory. Returns 0, or an errno value. */
int native_exchange(int one_dir, const char *one, int other_dir, const char *other);

/* Give free memory of the heap back to the system, where the C library can. */
void native_trim_heap(void);

#endif
