/* What differs between two files, by rsync's algorithm (librsync). Plain C; the binding is native/build_rsync.py (cffi, API mode). */
#ifndef NATIVE_RSYNC_H
#define NATIVE_RSYNC_H

#include <stdint.h>

/* Each reads open files from where they stand and writes to an open file from where that stands. Each returns 0, an errno value, or
 * minus a result of librsync where what it reads is not what it has to be. */

/* The signature of `size` bytes of `old`: what a delta is made with. It takes 4 % of 64 KiB, and 0.2 % of 50 MB. */
int native_rsync_signature(int old, int64_t size, int signature);

/* What makes `new_file` of the file that the signature belongs to. EFBIG, with no more than that written, if it became more than
 * `most` bytes, unless that is negative. */
int native_rsync_delta(int signature, int new_file, int delta, int64_t most);

/* Make a file of a delta and the file that its signature was of. EFBIG, before that is written, if it became more than `most` bytes. */
int native_rsync_patch(int old, int delta, int new_file, int64_t most);

#endif
