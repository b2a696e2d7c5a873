#define _GNU_SOURCE
#include "zstd_block.h"

#include <errno.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

/* docs/measured.md compares the levels */
#define LEVEL 3
#define SINGLE_SEGMENT 0x20

static int64_t result_of(size_t code)
{
	if (!ZSTD_isError(code))
		return (int64_t)code;
	switch (ZSTD_getErrorCode(code)) {
	case ZSTD_error_dstSize_tooSmall:
		return -EFBIG;
	case ZSTD_error_memory_allocation:
		return -ENOMEM;
	default:
		return -EBADMSG;
	}
}

int64_t native_zstd_pack(const void *data, uint64_t size, void *packed, uint64_t room)
{
	int64_t result = result_of(ZSTD_compress(packed, (size_t)room, data, (size_t)size, LEVEL));

	return result == -EFBIG ? 0 : result;
}

/* A frame says how far back it refers, unless it is one segment: then that is all of it (RFC 8878, 3.1.1.1). */
static uint64_t window_of(const unsigned char *frame, unsigned long long size)
{
	uint64_t base;

	if (frame[4] & SINGLE_SEGMENT)
		return size;
	base = (uint64_t)1 << (10 + (frame[5] >> 3));
	return base + base / 8 * (frame[5] & 7);
}

int64_t native_zstd_unpack(const void *packed, uint64_t size, void *data, uint64_t room)
{
	static const unsigned char magic[] = {0x28, 0xb5, 0x2f, 0xfd};
	unsigned long long becomes;

	if (size < 6 || memcmp(packed, magic, sizeof(magic)) || ZSTD_findFrameCompressedSize(packed, (size_t)size) != size)
		return -EBADMSG;
	becomes = ZSTD_getFrameContentSize(packed, (size_t)size);
	if (becomes == ZSTD_CONTENTSIZE_ERROR || becomes == ZSTD_CONTENTSIZE_UNKNOWN)
		return -EBADMSG;
	if (becomes > room || window_of(packed, becomes) > NATIVE_ZSTD_WINDOW)
		return -EFBIG;
	return result_of(ZSTD_decompress(data, (size_t)room, packed, (size_t)size));
}
