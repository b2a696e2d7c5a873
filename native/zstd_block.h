/* Blocks of bytes that are packed by zstd, each by itself. Plain C; the binding is native/build_zstd.py (cffi, API mode). */
#ifndef NATIVE_ZSTD_BLOCK_H
#define NATIVE_ZSTD_BLOCK_H

#include <stdint.h>

/* The most bytes back that a packed block may refer to: whoever wants more is refused. */
#define NATIVE_ZSTD_WINDOW (1 << 20)

/* Pack bytes. Returns how many they became, 0 if they were more than there is room for, or minus an errno value. */
int64_t native_zstd_pack(const void *data, uint64_t size, void *packed, uint64_t room);

/* What was packed. Returns how many bytes it became; -EFBIG if these were more than there is room for, or if its window is too large,
 * -EBADMSG if it is not one whole frame that says how large it is, -ENOMEM. No more than `room` is written, whoever packed it. */
int64_t native_zstd_unpack(const void *packed, uint64_t size, void *data, uint64_t room);

#endif
